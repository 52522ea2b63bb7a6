"""The same Update with as many activities that do nothing: a worker (`python -m bench.bare.actions HOST:PORT`) and who asks it."""

import asyncio
import secrets
import signal
import sys
from collections.abc import Sequence
from typing import Any

import uvloop
from temporalio.client import Client, WorkflowHandle

from bench.bare.visits import BEGIN, QUEUE, UPDATE, Bare, Turn, working

Run = WorkflowHandle[Any, Any]


async def begun(client: Client, turns: Sequence[Turn], count: int) -> list[Run]:
    """So many runs that have done what they begin with, and wait for their first Update."""
    if turns[0].comes != BEGIN or any(one.comes != UPDATE for one in turns[1:]):
        raise ValueError("a begin, and what people then ask for")
    ready = [turns[0], Turn(UPDATE), *turns[1:]]
    runs: list[Run] = []
    for _ in range(count):
        run = await client.start_workflow(Bare.run, ready, id=f"bare/{secrets.token_hex(8)}", task_queue=QUEUE)  # pyright: ignore[reportUnknownMemberType]
        await run.execute_update(Bare.ask)  # pyright: ignore[reportUnknownMemberType]
        runs.append(run)
    return runs


async def ask(run: Run) -> None:
    """Its next Update, and the answer."""
    await run.execute_update(Bare.ask)  # pyright: ignore[reportUnknownMemberType]


async def main(address: str) -> None:
    """Works until it is told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with working(await Client.connect(address)):
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
