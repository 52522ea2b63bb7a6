"""Under which account PostgreSQL runs: it refuses root, because a database that is broken into would own the machine."""

import os
import signal
import subprocess
from pathlib import Path

from stack.errors import StackError
from stack.process import tether

NOBODY = 65_534
# Lets the database pass closed folders such as /root on the way to its own, instead of opening them for everyone.
_WAY_THROUGH = "+dac_override"
# A database that is told to end by SIGINT writes its checkpoint first, so even our own kill -9 costs it no recovery.
_AT_DEATH = signal.SIGINT


def give_away(folder: Path) -> None:
    """Hand a folder that we just made to the database's account; only when we are root, and only that folder."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)


def as_database_account(folder: Path, program: Path) -> tuple[str, ...]:
    """The prefix that runs a command as the owner of `folder`, tied to our own life.

    That is ourselves or, when we are root, an ordinary user who is proved able to run `program` and to reach `folder`.
    """
    owner = folder.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise StackError(
                f"{folder} belongs to the user with number {owner.st_uid}, we run as {os.geteuid()}. "
                "Run as that user or as root, or choose another folder with DATA=…"
            )
        return tuple(tether(_AT_DEATH))
    plain = ("--reuid", str(owner.st_uid), "--regid", str(owner.st_gid), "--clear-groups")
    passing = (*plain, "--inh-caps", _WAY_THROUGH, "--ambient-caps", _WAY_THROUGH)
    for privileges in (passing, plain):
        prefix = tuple(tether(_AT_DEATH, *privileges))
        refusal = _refusal(prefix, program, folder)
        if not refusal:
            return prefix
    raise StackError(
        f"We are root, PostgreSQL must not be, and the user with number {owner.st_uid} cannot be used for it: {refusal}\n"
        "Run as an ordinary user, or put the project and DATA=… where every user may pass (not below a closed folder such as /root)."
    )


def _refusal(prefix: tuple[str, ...], program: Path, folder: Path) -> str:
    """Why a command under `prefix` cannot run the program or reach the folder; empty when it can."""
    for proof in ([str(program), "--version"], ["stat", f"{folder}/."]):
        tried = subprocess.run([*prefix, *proof], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if tried.returncode:
            return tried.stderr.strip() or f"{proof[0]} ended with {tried.returncode}"
    return ""
