"""How long a person waits for an action through the API, against a bare client that sends the same Update; ten at once."""

import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import quantiles
from typing import Any, Final

from temporalio.client import Client

from bench.bare import actions as bare
from bench.bare.visits import Turn, shape_of
from bench.billing import opened_hospital
from bench.result import Result
from bench.visits import side_by_side
from stack.data import DataFolder
from stack.programs import program
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json
from tests.journeys.visit import Visit

AT_ONCE: Final = 10
ROUNDS: Final = 4
VISITS: Final = 30
"""A round. Each takes every action once; the first round does not count."""
Waits = defaultdict[str, list[float]]
"""Milliseconds, by action."""


async def measure() -> list[Result]:
    """A row for each action: those that lead to a slot. The last asks the HIS for its lock, which the bare one has nobody to ask for."""
    async with opened_hospital() as hospital:
        client = await hospital.temporal()
        text = await hospital.manager.ask("/v1/consent-texts/revisit")
        bodies: dict[str, Json] = {
            "self-check": {"symptoms": []},
            "consent": {"text_version": text["version"], "text_hash": text["hash"]},
            "choose-slot": {"slot_id": hospital.hall},
        }
        turns = await _turns(client, await hospital.visit("describing"))
        ours, theirs = Waits(list), Waits(list)
        async with _bare_worker(hospital):
            for number in range(ROUNDS):
                if number == 1:
                    ours, theirs = Waits(list), Waits(list)
                await _round(hospital, client, bodies, turns, ours, theirs)
    return [
        Result.of(f"p95 of {action} through the API, ms", _p95(ours[action]), bare=_p95(theirs[action]), at_most=2) for action in bodies
    ]


async def _round(hospital: Hospital, client: Client, bodies: dict[str, Json], turns: list[Turn], ours: Waits, theirs: Waits) -> None:
    """Each action by turns: the house's people, then the bare client on runs that stand where theirs do."""
    visits = await side_by_side([partial(hospital.visit, "consenting")] * VISITS, AT_ONCE)
    runs = await bare.begun(client, turns, VISITS)
    for action, body in bodies.items():
        ours[action] += await side_by_side([_timed(partial(visit.act, action, body)) for visit in visits], AT_ONCE)
        theirs[action] += await side_by_side([_timed(partial(bare.ask, run)) for run in runs], AT_ONCE)
        sys.stderr.write(f"  {action}: p95 {_p95(ours[action]):.0f} ms, bare {_p95(theirs[action]):.0f} ms\n")


async def _turns(client: Client, visit: Visit) -> list[Turn]:
    """What a visit that has a slot was asked, and the activities of each."""
    run = client.get_workflow_handle(f"revisit/{visit.id}")
    [turns] = shape_of({visit.id: [event async for event in run.fetch_history_events()]}).turns
    sys.stderr.write(f"  bare: {', '.join(f'{one.comes} with {one.before + one.after} activities' for one in turns)}\n")
    return list(turns)


@asynccontextmanager
async def _bare_worker(hospital: Hospital) -> AsyncGenerator[None]:
    """In a process of its own, as ours is."""
    arguments = ["bench.bare.actions", hospital.stack.addresses.temporal]
    worker = program("Bare worker", DataFolder(hospital.data).log("bare"), arguments, {})
    worker.start()
    try:
        yield
    finally:
        await worker.stop()


def _timed(act: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[float]]:
    async def timed() -> float:
        began = time.perf_counter()
        await act()
        return (time.perf_counter() - began) * 1000

    return timed


def _p95(waits: list[float]) -> float:
    return quantiles(waits, n=20)[-1]
