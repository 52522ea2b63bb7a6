"""Whole revisits a second, against as many workflows of the same shape that do nothing, by turns on the same Temporal server."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from temporalio.client import Client

from bench.bare import visits as bare
from bench.billing import Cost, histories, opened_hospital, whole
from bench.outside import prompt_hospital
from bench.result import Result
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Patient
from tests.journeys.visit import CONDITION, Visit

AT_ONCE = 12
ROUNDS = 2
VISITS = 20
"""A round, and as many bare ones; one round more goes before, to warm up."""
COUNTED = 8
"""Of each kind, whose histories are read afterwards: what was really compared."""
Walk = Callable[[], Awaitable[str]]
T = TypeVar("T")


@dataclass
class Rate:
    """What was walked in all rounds, and in how many seconds."""

    walked: list[str] = field(default_factory=list[str])
    """By name."""
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.walked) / self.seconds

    async def add(self, walks: Sequence[Walk]) -> None:
        """All of them, so many at once."""
        began = time.perf_counter()
        self.walked += await side_by_side(walks, AT_ONCE)
        self.seconds += time.perf_counter() - began


async def side_by_side(works: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """What they answered, in the order in which they ended; so many are under way at any time. A fault in one ends all."""
    waiting, answered = list(reversed(works)), list[T]()

    async def one_by_one() -> None:
        while waiting:
            answered.append(await waiting.pop()())

    async with asyncio.TaskGroup() as hands:
        for _ in range(at_once):
            hands.create_task(one_by_one())
    return answered


async def measure() -> list[Result]:
    with TemporaryDirectory(prefix="bench-") as folder:
        at_once = await _at_once(Path(folder))
    return [at_once, await _over_http()]


async def _at_once(folder: Path) -> Result:
    """The outside in memory, worker and people in this process, as the bare worker and its people are."""
    async with prompt_hospital(folder) as hospital:
        unit = await hospital.unit(timedelta(minutes=-10), capacity=(ROUNDS + 1) * VISITS + 1)
        async with hospital.serving():
            [first] = await hospital.visits(unit, 1)
            shape = await _shape(hospital.client, await first.walk())

            async def walks() -> list[Walk]:
                return [one.walk for one in await hospital.visits(unit, VISITS)]

            ours, theirs = await _by_turns(hospital.client, shape, walks)
        if failed := await hospital.failed_tasks():
            raise RuntimeError(f"workflow tasks failed: {failed}")
    return Result.of("visits a second, outside answering at once", ours.per_second, bare=theirs.per_second, at_least=0.6)


async def _over_http() -> Result:
    """The whole stack with its sandbox; people are browsers with a live stream."""
    async with opened_hospital() as hospital:
        client = await hospital.temporal()
        shape = await _shape(client, await _walk(hospital, await hospital.patient()))

        async def walks() -> list[Walk]:
            patients = await side_by_side([hospital.patient] * VISITS, AT_ONCE)
            return [lambda patient=patient: _walk(hospital, patient) for patient in patients]

        ours, theirs = await _by_turns(client, shape, walks)
    return Result.of("visits a second, over HTTP with the sandbox", ours.per_second, bare=theirs.per_second, at_least=0.35)


async def _shape(client: Client, visit_id: str) -> bare.Shape:
    shape = bare.shape_of(await histories(client, visit_id))
    sys.stderr.write(f"  bare: {shape}\n")
    return shape


async def _by_turns(client: Client, shape: bare.Shape, walks: Callable[[], Awaitable[Sequence[Walk]]]) -> tuple[Rate, Rate]:
    """Ours and bare, each warmed up by a round that does not count."""
    ours, theirs = Rate(), Rate()
    bare_client = await Client.connect(client.service_client.config.target_host)
    for number in range(ROUNDS + 1):
        async with bare.working(bare_client) as hands:
            await theirs.add([lambda hands=hands: bare.visit(bare_client, hands, shape)] * VISITS)
        await ours.add(await walks())
        sys.stderr.write(f"  round {number}: {ours.per_second:.2f} visits a second, bare {theirs.per_second:.2f}\n")
        if not number:
            ours, theirs = Rate(), Rate()
    costs = [whole(await histories(client, name)) for name in ours.walked[-COUNTED:]]
    bare_costs = [whole(await bare.histories(client, shape, name)) for name in theirs.walked[-COUNTED:]]
    sys.stderr.write(f"  {_mean(costs)}; bare {_mean(bare_costs)}\n")
    return ours, theirs


def _mean(costs: Sequence[Cost]) -> str:
    total = sum(costs, Cost())
    return f"{total.actions / len(costs):.1f} actions, {total.events / len(costs):.0f} events, {total.bytes / len(costs):.0f} bytes a visit"


async def _walk(hospital: Hospital, patient: Patient) -> str:
    """As a patient's browser does: it reads again when its stream says that something has changed."""
    visit = Visit(hospital, patient, await patient.open())
    async with patient.following(f"revisit:{visit.id}") as told:

        async def until(state: str) -> Json:
            seen = await visit.now()
            while seen["state"] != state:
                while (await anext(told)).get("version", seen["version"] + 1) <= seen["version"]:
                    pass
                seen = await visit.now()
            return seen

        await until("consenting")
        await visit.consent()
        await visit.act("choose-slot", {"slot_id": hospital.hall})
        await visit.act("describe", {"text": CONDITION})
        await visit.pay()
        await until("booked")
        await visit.act("check-in")
        await visit.accept()
        await visit.act("enter")
        await visit.signs_record("filing", "filed")
        await hospital.doctor.act(f"{visit.path}/end")
        await visit.answers_survey()
    return visit.id
