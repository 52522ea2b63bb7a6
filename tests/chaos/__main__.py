"""`PATHWAYS=… SEED=… MINUTES=… python -m tests.chaos`: tells what was done to whom, and what is wrong; 1 when anything is, 2 for bad input.
The weather ends with the last of the ways, or after MINUTES. With MINUTES=0 there is none: every way is taken in turn, and none may miss
its end.

The hospital of a run is its own, in a new folder; that of a run in which something is wrong is kept, with its logs.
"""

import asyncio
import logging
import os
import secrets
import shutil
import sys
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

import structlog


def main() -> int:
    os.environ.setdefault("WITHIN_S", "90")  # how long a walker waits for anything, read when the walkers' module is
    from tests.chaos.run import run

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # of our own calls behind the scenes

    seed = os.environ.get("SEED") or secrets.token_hex(4)
    pathways, minutes = _number("PATHWAYS", 40, least=1), _number("MINUTES", 120, least=0)
    if pathways is None or minutes is None:
        return 2
    _say(f"SEED={seed} PATHWAYS={pathways} MINUTES={minutes}")
    folder = Path(mkdtemp(prefix="chaos-"))
    try:
        told = asyncio.run(run(seed, pathways, minutes, folder))
    except BaseException:
        _say(f"\nNot judged, with SEED={seed} PATHWAYS={pathways}; rows and logs are kept in {folder}")
        raise
    _say(f"{told.pathways} pathways in {told.seconds:.0f} s, {told.commands} commands answered, {told.repeats} requests repeated")
    for title, counted in (("Ways and their ends", told.walked), ("Parts struck", told.hits)):
        _say(f"\n{title}\n{_listed(counted)}")
    if minutes:
        _say("\n".join(["\nFaults outside: met, of those that were set", *_met(told.met, told.faults)]))
        _say("\n".join(["\nNot met in this run", *told.unmet()]))
    _say("\n".join(["\nCut short", *(f"{way}: {how[:300]}" for way, how in told.cut_short)]))
    if told.wrong:
        _say("\n".join([f"\nWrong, with SEED={seed} PATHWAYS={told.pathways}; rows and logs are kept in {folder}", *told.wrong]))
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    _say("\nAll books agree, and nothing is left.")
    return 0


def _number(name: str, usual: int, *, least: int) -> int | None:
    """None: what stands there is no such number, as is said."""
    given = os.environ.get(name) or str(usual)
    if not given.isdecimal() or int(given) < least:
        sys.stderr.write(f"{name} is a whole number from {least} on, and not {given!r}.\n")
        return None
    return int(given)


def _listed(counted: Counter[str]) -> str:
    return "\n".join(f"{times:6} {what}" for what, times in sorted(counted.items()))


def _met(met: Counter[str], of: Counter[str]) -> list[str]:
    return [f"{met[what]:6} of {times:3} {what}" for what, times in sorted(of.items())] + [f"{met.total():6} of {of.total():3} in all"]


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
