"""`python -m bench`: every measure in one run, or the named ones; a table for people, `bench/results.json` for programs."""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from bench.result import Result, table, written

MEASURES: tuple[str, ...] = ("visits", "actions", "billing", "reads", "claims", "stop", "start")
"""Modules of this folder, in the order in which they run; each has `async def measure() -> list[Result]`."""
RESULTS = Path(__file__).with_name("results.json")


def main(
    only: Annotated[
        list[str] | None, typer.Argument(help="Some measures; without any, all. What is not measured keeps its figures.")
    ] = None,
) -> None:
    """A budget that is missed is told as it is: exit 0 when everything was measured."""
    results: list[Result] = []
    for name in only or MEASURES:
        sys.stderr.write(f"{name} …\n")
        measure: Callable[[], Awaitable[list[Result]]] = importlib.import_module(f"bench.{name}").measure
        results += asyncio.run(_measured(measure))
    sys.stdout.write(table(results) + "\n")
    written(results, RESULTS, beside=bool(only))


async def _measured(measure: Callable[[], Awaitable[list[Result]]]) -> list[Result]:
    return await measure()


if __name__ == "__main__":
    typer.run(main)
