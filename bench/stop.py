"""停诊 of 1,000 booked, paid visits on the whole stack, against a fan-out of the same shape whose activities do nothing."""

import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from bench.bare import stop as bare
from bench.bare.visits import Shape, shape_of
from bench.billing import histories, process
from bench.result import Result
from stack.data import DataFolder
from stack.programs import program
from stack.supervisor import Stack
from tests.auditor import assert_nothing_differs
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.crowd import away, crowd, notified, stand
from tests.journeys.hospital import Hospital
from tests.journeys.people import read, until
from tests.journeys.rows import STANDS
from tests.journeys.visit import Visit

VISITS: Final = 1_000
WITHIN_S: Final = 900.0
QUIET_S: Final = 60.0
_NOTIFY_RETRY_S: Final = ",".join(["30"] * 15)
"""What the bank could not tell while the rows were written is told soon after, and does not keep the sandbox busy until then."""


async def measure() -> list[Result]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # a line for each call outside
    async with _hospital() as hospital, backstage(hospital) as behind:
        await behind.never_quiet()
        one, many = await hospital.slot(capacity=1), await hospital.slot(capacity=VISITS)
        visits = await _booked(hospital, behind, one, many)
        client = await hospital.temporal()
        await _stop(behind, visits[:1], f"slots/{one}")
        await until("the first to be at rest", lambda: _at_rest(behind, visits[:1]), bool, QUIET_S)
        shape = await _shape(client, visits[0].id)
        theirs = await _bare(hospital, client, shape)
        ours = await _stop(behind, visits[1:], f"schedules/{hospital.unit['schedule_id']}")
        theirs = (theirs + await _bare(hospital, client, shape)) / 2
        await until("all to be at rest", lambda: _at_rest(behind, visits), bool, WITHIN_S)
        await _each_once(hospital, behind, visits)
    return [
        Result.of(f"停诊 of {VISITS} booked visits, visits a second", VISITS / ours.accepted, bare=VISITS / theirs, at_least=0.5),
        Result.of("until the last had gone, s", ours.gone),
        Result.of("until the last refund was accepted, s", ours.refunded),
        Result.of("until the last message was at the carrier, s", ours.told),
    ]


@asynccontextmanager
async def _hospital() -> AsyncGenerator[Hospital]:
    """The whole stack with the rules of life."""
    with TemporaryDirectory(prefix="bench-") as folder:
        data = Path(folder) / "stack"
        async with Stack(data, settings={"SANDBOX_NOTIFY_RETRY_S": _NOTIFY_RETRY_S}) as stack:
            hospital = Hospital(stack, data)
            try:
                await hospital.open()
                yield hospital
            finally:
                await hospital.aclose()


async def _booked(hospital: Hospital, behind: Backstage, one: str, many: str) -> list[Visit]:
    """Rows with all that belongs to them outside, begun by the sweep: one in a slot of its own, the others in another; all at rest."""
    began = time.perf_counter()
    people = await crowd(behind, VISITS + 1)
    async with away(hospital):
        how: dict[str, Any] = {"line": "standard"}
        visits = await stand(behind, people[:1], STANDS["booked"], one, **how) + await stand(
            behind, people[1:], STANDS["booked"], many, **how
        )
    await notified(hospital, WITHIN_S)
    client = await hospital.temporal()

    async def running() -> int:
        return (await client.count_workflows("WorkflowType = 'revisit' and ExecutionStatus = 'Running'")).count

    await until("the sweep to begin all", running, lambda count: count >= len(visits), WITHIN_S)
    await until("their e-bills to be issued", lambda: _at_rest(behind, visits), bool, WITHIN_S)
    sys.stderr.write(f"  {len(visits)} visits booked, paid and begun by the sweep in {time.perf_counter() - began:.0f} s\n")
    return visits


@dataclass
class Took:
    """Seconds from the stop: until the last visit had gone, the last refund was accepted by the bank, the last message was sent."""

    gone: float = 0.0
    refunded: float = 0.0
    told: float = 0.0

    @property
    def accepted(self) -> float:
        return max(self.gone, self.refunded, self.told)


async def _stop(behind: Backstage, visits: Sequence[Visit], what: str) -> Took:
    """At the desk of the HIS; then followed in the rows."""
    took, began = Took(), time.perf_counter()
    read(await behind.hospital.outside.post(f"/his/desk/{what}/stop"))

    async def look() -> bool:
        async with behind.transaction() as db:
            gone, refunded, told = (await db.execute(_HOW_FAR, {"visits": _ids(visits)})).one()
        passed, all_of_them = time.perf_counter() - began, len(visits)
        for name, count in (("gone", gone), ("refunded", refunded), ("told", told)):
            if count >= all_of_them and not getattr(took, name):
                setattr(took, name, passed)
        return bool(took.gone and took.refunded and took.told)

    await until(f"{len(visits)} stopped visits to be refunded and told", look, bool, WITHIN_S)
    sys.stderr.write(f"  {len(visits)} stopped: gone {took.gone:.1f} s, refunds accepted {took.refunded:.1f} s, told {took.told:.1f} s\n")
    return took


_HOW_FAR = text("""
select (select count(*) from revisit where id = any(:visits) and state = 'suspended'),
    (select count(distinct visit_id) from refund where visit_id = any(:visits) and accepted_at is not null),
    (select count(distinct visit_id) from message
        where visit_id = any(:visits) and template = 'revisit_suspended' and state in ('sent', 'delivered', 'undelivered'))
""")
_MOVING = text("""
select (select count(*) from refund where visit_id = any(:visits) and state <> 'arrived')
    + (select count(*) from invoice where visit_id = any(:visits) and state not in ('issued', 'void'))
    + (select count(*) from message where visit_id = any(:visits) and state not in ('sent', 'delivered', 'undelivered', 'failed'))
    + (select count(*) from inbox where handled_at is null) + (select count(*) from suspension where state not in ('done', 'unknown'))
""")


async def _at_rest(behind: Backstage, visits: Sequence[Visit]) -> bool:
    """Money has arrived, bills are issued or undone, words are sent, and nothing that came waits."""
    async with behind.transaction() as db:
        return not await db.scalar(_MOVING, {"visits": _ids(visits)})


async def _shape(client: Client, visit_id: str) -> Shape:
    """Of what a stopped visit does once it is told: its own run, its refund's, and that of the bill that is undone."""
    found = await histories(client, visit_id)
    told_at = _told_at(next(one for one in found.values() if process(one) == "revisit"))
    kept = {run: one for run, one in found.items() if process(one) == "revisit" or one[0].event_time.ToNanoseconds() > told_at}
    ordered = dict(sorted(kept.items(), key=lambda one: one[1][0].event_time.ToNanoseconds()))
    shape = shape_of(ordered)
    sys.stderr.write(f"  bare: {shape}\n")
    return shape


def _told_at(history: Sequence[HistoryEvent]) -> int:
    return next(one.event_time.ToNanoseconds() for one in history if one.HasField("workflow_execution_signaled_event_attributes"))


async def _bare(hospital: Hospital, client: Client, shape: Shape) -> float:
    """The seconds of a bare stop of as many."""
    bare_client = await Client.connect(client.service_client.config.target_host)
    arguments = ["bench.bare.stop", hospital.stack.addresses.temporal, bare.told(shape)]
    worker = program("Bare worker", DataFolder(hospital.data).log("bare"), arguments, {})
    worker.start()
    try:
        seconds = await bare.stopped(bare_client, await bare.opened(bare_client, VISITS), VISITS)
    finally:
        await worker.stop()
    sys.stderr.write(f"  bare: {VISITS} stopped in {seconds:.1f} s\n")
    return seconds


async def _each_once(hospital: Hospital, behind: Backstage, visits: Sequence[Visit]) -> None:
    """Refunded once and told once; then the auditor lays our books beside the bank's, the HIS's and the carrier's."""
    async with behind.transaction() as db:
        refunds = Counter(str(one) for one in await db.scalars(text("select visit_id from refund")))
        words = Counter(str(one) for one in await db.scalars(text("select visit_id from message where template = 'revisit_suspended'")))
    if wrong := [one.id for one in visits if (refunds[one.id], words[one.id]) != (1, 1)]:
        raise AssertionError(f"{len(wrong)} visits are not refunded once and told once: {wrong[:3]} …")
    at = hospital.stack.addresses
    how: dict[str, Any] = {"visits": {UUID(one.id) for one in visits}, "column_keys": hospital.column_keys}
    await assert_nothing_differs(at.database_url, at.sandbox, within_s=QUIET_S, **how)


def _ids(visits: Sequence[Visit]) -> list[UUID]:
    return [UUID(one.id) for one in visits]
