"""`python -m stack up`, `books`, `backup` and `restore`."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from stack.backup import FILES, SECRETS, Manifest
from stack.backup import backup as take_backup
from stack.backup import restore as put_back
from stack.data import DataFolder
from stack.errors import StackError
from stack.ports import Ports
from stack.postgres import PostgreSQL
from stack.programs import PROJECT, Policy
from stack.up import INTERRUPTED, on_stop
from stack.up import up as run_stack

T = TypeVar("T")
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The embedded stack of Fuzhen.")


@app.command()
def up(
    *,
    port_base: Annotated[int, typer.Option(help="The first of six ports in a row.")] = 8400,
    data: Annotated[Path, typer.Option(help="The folder that keeps everything.")] = Path("var/stack"),
    once: Annotated[bool, typer.Option("--once", help="Stop after the walk; exit 0 only when it says so.")] = False,
    policy: Annotated[Policy, typer.Option(help="The hospital's own deadlines, or short ones for tests.")] = "standard",
) -> None:
    """Start everything, walk one patient through a whole visit, stay up until Ctrl-C."""
    try:
        code = asyncio.run(run_stack(port_base=port_base, data_dir=data.absolute(), once=once, policy=policy))
    except StackError as failed:
        sys.stderr.write(f"\n{failed}\n")
        code = 1
    raise typer.Exit(code)


@app.command()
def books(
    *,
    port_base: Annotated[int, typer.Option(help="The first of the running stack's ports.")] = 8400,
    data: Annotated[Path, typer.Option(help="The running stack's folder.")] = Path("var/stack"),
) -> None:
    """Prove the books of a stack that is up: exit 0 only when they are in order."""
    database = PostgreSQL(DataFolder(data), Ports.from_base(port_base).postgres)
    environment = os.environ | {"FUZHEN_DATABASE_URL": database.url}
    proof = subprocess.run([sys.executable, "-m", "worker.books"], cwd=PROJECT, env=environment, check=False)
    raise typer.Exit(proof.returncode)


@app.command()
def backup(
    *,
    to: Annotated[str, typer.Option(help="A folder that is not there yet.")] = "",
    port_base: Annotated[int, typer.Option(help="The first of the running stack's ports.")] = 8400,
    data: Annotated[Path, typer.Option(help="The running stack's folder.")] = Path("var/stack"),
) -> None:
    """Copy rows, files and keys of a stack that is up; nobody waits for it."""

    async def work() -> Manifest:
        if not to:
            raise StackError("Say where to put the backup, a folder that is not there yet: TO=…")
        return await take_backup(DataFolder(data), Ports.from_base(port_base).postgres, Path(to))

    taken = _or_exit(work())
    sys.stdout.write(f"Backed up into {to}: the database; files: {taken.count(FILES)}, keys: {taken.count(SECRETS)}.\n")


@app.command()
def restore(
    *,
    kept: Annotated[str, typer.Option("--from", help="A backup.")] = "",
    data: Annotated[Path, typer.Option(help="A folder that is empty or not there yet.")] = Path("var/stack"),
) -> None:
    """Put a backup into an empty folder, on which a stack may then be started."""

    async def work() -> Manifest:
        if not kept:
            raise StackError("Say which backup to put back: FROM=…")
        return await put_back(Path(kept), DataFolder(data))

    taken = _or_exit(work())
    sys.stdout.write(f"Restored into {data}, as of {taken.taken_at:%Y-%m-%d %H:%M:%S} UTC. A stack started on it goes on from there.\n")


def _or_exit(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(_until_stopped(work))
    except StackError as failed:
        said, code = str(failed), 1
    except asyncio.CancelledError:
        said, code = "Broken off; nothing of it stays.", INTERRUPTED
    sys.stderr.write(f"\n{said}\n")
    raise typer.Exit(code)


async def _until_stopped(work: Coroutine[Any, Any, T]) -> T:
    doing = asyncio.ensure_future(work)
    on_stop(doing.cancel)
    return await doing


if __name__ == "__main__":
    app()
