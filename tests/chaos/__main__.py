"""`PATHWAYS=… SEED=… MINUTES=… python -m tests.chaos`: tells what was done to whom, and what is wrong; 1 when anything is."""

import asyncio
import os
import secrets
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> int:
    os.environ.setdefault("WITHIN_S", "90")  # how long a walker waits for anything, read when the walkers' module is
    from tests.chaos.run import run

    seed = os.environ.get("SEED") or secrets.token_hex(4)
    pathways, minutes = int(os.environ.get("PATHWAYS") or 40), float(os.environ.get("MINUTES") or 10)
    _say(f"SEED={seed} PATHWAYS={pathways} MINUTES={minutes:g}")
    with TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        told = asyncio.run(run(seed, pathways, minutes, Path(os.environ.get("DATA") or folder)))
    _say(f"{told.pathways} pathways in {told.seconds:.0f} s, {told.commands} commands answered, {told.repeats} requests repeated")
    for title, counted in (("Ways and their ends", told.walked), ("Weather", told.weather)):
        _say(f"\n{title}\n{_listed(counted)}")
    _say("\n".join(["\nCut short", *told.cut_short]))
    if told.wrong:
        _say("\n".join([f"\nWrong, with SEED={seed} PATHWAYS={pathways}", *told.wrong]))
        return 1
    _say("\nAll books agree, and nothing is left.")
    return 0


def _listed(counted: Counter[str]) -> str:
    return "\n".join(f"{times:6} {what}" for what, times in sorted(counted.items()))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
