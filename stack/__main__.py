"""`python -m stack up`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from stack.errors import StackError
from stack.programs import Policy
from stack.up import up as run_stack

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The embedded stack of Fuzhen.")


@app.callback()
def stack() -> None:
    """Keep `up` a command of its own, though it is the only one."""


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


if __name__ == "__main__":
    app()
