"""A fan-out in the shape of 停诊: one run tells many others in batches, and each of those goes on as a stopped visit's processes do.

Nothing of the house is in it: activities that do nothing, no rows, nobody outside. The worker is a process of its own
(`python -m bench.bare.stop HOST:PORT SHAPE`), as ours is; who begins it waits for its end.
"""

import asyncio
import json
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

import uvloop
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from bench.bare.visits import BEGIN, QUEUE, UPDATE, Bare, Hands, Shape, Turn

BATCH: Final = 50
LOOKS: Final = 2
"""Steps before the first batch is told: the run's begin, and the look at the clinic."""
_PATIENCE = timedelta(minutes=10)


class Clinic:
    """Its visits: runs that stand where a booked visit does, and what they do once they are told."""

    def __init__(self, client: Client, hands: Hands, shape: Shape) -> None:
        self._client, self._hands, self._shape = client, hands, shape
        self._going: dict[str, list[asyncio.Task[None]]] = {}

    @activity.defn
    async def open(self, names: list[str]) -> None:
        """A run each, which has done what it begins with."""
        runs = [f"bare/{name}/0" for name in names]
        await asyncio.gather(*(self._begin(run, 0) for run in runs))
        first = self._shape.turns[0][0]
        await asyncio.gather(*(self._hands.have_done(run, first.before + first.after) for run in runs))

    @activity.defn
    async def tell(self, stop: str, names: list[str]) -> None:
        """One batch: their runs are told, and go on."""
        runs = [self._client.get_workflow_handle(f"bare/{name}/0") for name in names]
        await asyncio.gather(*(run.signal(Bare.tell) for run in runs))  # pyright: ignore[reportUnknownMemberType]
        self._going.setdefault(stop, []).extend(asyncio.create_task(self._goes(name)) for name in names)

    @activity.defn
    async def gone(self, stop: str) -> None:
        """Until each of them has come to its end."""
        await asyncio.gather(*self._going.pop(stop, []))

    async def _begin(self, run: str, number: int) -> WorkflowHandle[Any, Any]:
        return await self._client.start_workflow(  # pyright: ignore[reportUnknownMemberType]
            Bare.run, list(self._shape.turns[number]), id=run, task_queue=QUEUE
        )

    async def _goes(self, name: str) -> None:
        """What is begun and told after the news, each when all before it is done."""
        runs: dict[int, WorkflowHandle[Any, Any]] = {0: self._client.get_workflow_handle(f"bare/{name}/0")}
        turns, due = [iter(one) for one in self._shape.turns], Counter[str]()
        for position, (number, comes) in enumerate(self._shape.course):
            run, turn = f"bare/{name}/{number}", next(turns[number])
            if position > 1:
                for other, times in due.items():
                    await self._hands.have_done(other, times)
                if comes == BEGIN:
                    runs[number] = await self._begin(run, number)
                elif comes == UPDATE:
                    await runs[number].execute_update(Bare.ask)  # pyright: ignore[reportUnknownMemberType]
                else:
                    await runs[number].signal(Bare.tell)
            due[run] += turn.before + turn.after
        await asyncio.gather(*(run.result() for run in runs.values()))


@workflow.defn(name="bare_stop")
class Stop:
    """Opens so many visits, or stops them; what it does beside telling them does nothing."""

    @workflow.run
    async def run(self, stop: str, visits: int, opening: bool) -> None:
        names = [f"{stop}-{number}" for number in range(visits)]
        if not opening:
            for _ in range(LOOKS):
                await self._do("nothing")
        for first in range(0, visits, BATCH):
            batch = names[first : first + BATCH]
            await (self._do("open", batch) if opening else self._do("tell", stop, batch))
        if not opening:
            await self._do("gone", stop)

    async def _do(self, what: str, *args: object) -> None:
        await workflow.execute_activity(what, args=args, start_to_close_timeout=_PATIENCE)  # pyright: ignore[reportUnknownMemberType]


async def opened(client: Client, visits: int) -> str:
    """So many runs that wait to be told; how they are called together."""
    stop = secrets.token_hex(8)
    await client.execute_workflow(Stop.run, args=[stop, visits, True], id=f"bare-open/{stop}", task_queue=QUEUE)  # pyright: ignore[reportUnknownMemberType]
    return stop


async def stopped(client: Client, stop: str, visits: int) -> float:
    """The seconds from the stop to the end of the last of them."""
    began = time.perf_counter()
    await client.execute_workflow(Stop.run, args=[stop, visits, False], id=f"bare-stop/{stop}", task_queue=QUEUE)  # pyright: ignore[reportUnknownMemberType]
    return time.perf_counter() - began


def told(shape: Shape) -> str:
    """A shape as an argument of a program."""
    return json.dumps(asdict(shape))


def heard(told: str) -> Shape:
    """The same, read. Raises ValueError for one that does not begin as a stopped visit does: begun, then told."""
    read = json.loads(told)
    turns: Sequence[Sequence[Turn]] = [[Turn(**turn) for turn in one] for one in read["turns"]]
    shape = Shape(turns, [(number, comes) for number, comes in read["course"]])
    if [number for number, _ in shape.course[:2]] != [0, 0] or shape.course[0][1] != BEGIN:
        raise ValueError("a run that is begun, and then told")
    return shape


async def main(address: str, shape: str) -> None:
    """Works until it is told to end."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    client, hands = await Client.connect(address), Hands()
    clinic = Clinic(client, hands, heard(shape))
    work: list[Any] = [hands.nothing, clinic.open, clinic.tell, clinic.gone]
    async with Worker(client, task_queue=QUEUE, workflows=[Bare, Stop], activities=work):
        await end.wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
