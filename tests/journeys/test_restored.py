"""A backup taken while people come and go, put into an empty folder after the machine is lost: running visits go on. What the outside did
after the backup is found, and is all that is found."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from stack.backup import backup, restore
from stack.data import DataFolder
from stack.ports import Ports
from stack.supervisor import Stack
from tests.auditor import audit
from tests.auditor.finding import Finding, Kind, told
from tests.journeys.aftermath import STANDING
from tests.journeys.backstage import backstage
from tests.journeys.conftest import NOTIFY_RETRY_S
from tests.journeys.hospital import Hospital
from tests.journeys.people import until
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long
STAND = ("consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting", "entered", "ended")
RULES = {"SANDBOX_NOTIFY_RETRY_S": NOTIFY_RETRY_S}
WITHIN_S = 60.0
LOST = {
    *(Kind.BOOKING_UNCLAIMED, Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK, Kind.LEDGER_HIS),
    *(Kind.SETTLEMENT_UNKNOWN, Kind.EBILL_UNKNOWN, Kind.MESSAGE_UNKNOWN),
}
"""What the outside knows of somebody of whom nothing is left here."""


@dataclass
class Drill:
    """The hospital on its second machine, and who was where when the first was lost."""

    hospital: Hospital
    stood: dict[str, Visit]
    """As they stood in the backup, and had not moved since."""
    paid_after: Visit
    cancelled_after: Visit
    opened_after: Visit


@pytest_asyncio.fixture(scope="module")
async def drill(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Drill]:
    room, ports = tmp_path_factory.mktemp("restored"), Ports.free()
    first, second, kept = room / "first", room / "second", room / "kept"
    async with Stack(first, policy="standard", settings=RULES, ports=ports) as stack:
        hospital = Hospital(stack, first)
        await hospital.open()
        async with backstage(hospital) as behind:
            await behind.never_quiet()
        stood = {state: await hospital.visit(state) for state in STAND}
        paid_after, cancelled_after = await hospital.visit("paying"), await hospital.visit("booked")
        order = await paid_after.order()
        await _ends_soon(stack, await paid_after.charge_id())
        async with _crowd(hospital):
            await backup(DataFolder(first), ports.postgres, kept)
        await hospital.pay(order)
        await paid_after.until("booked")
        await cancelled_after.act("cancel")
        await cancelled_after.given_back("patient")
        opened_after = await (await hospital.visit("booked")).billed()
        for part in ("api", "worker", "temporal", "postgres"):
            await stack.kill(part)
    await restore(kept, DataFolder(second))
    shutil.copytree(first / "sandbox", second / "sandbox")  # the outside has lost nothing
    async with Stack(second, policy="standard", settings=RULES, ports=ports) as stack:
        hospital.stack, hospital.data = stack, second
        try:
            yield Drill(hospital, stood, paid_after, cancelled_after, opened_after)
        finally:
            await hospital.aclose()


async def _ends_soon(stack: Stack, charge_id: str) -> None:
    """Its deadline, which a run reads as it begins: the one that begins on the second machine has not to be waited for."""
    engine = create_async_engine(stack.addresses.database_url)
    async with engine.begin() as db:
        soon = text("update charge set due_at = now() + interval '60 s', wake_at = now() + interval '60 s' where id = :id")
        await db.execute(soon, {"id": charge_id})
    await engine.dispose()


@asynccontextmanager
async def _crowd(hospital: Hospital) -> AsyncGenerator[None]:
    """People who come and leave without an end, while it lasts; whoever is on the way is brought to an end."""
    last = asyncio.Event()

    async def comes_and_goes() -> None:
        while not last.is_set():
            await (await hospital.visit("choosing")).act("cancel")

    async with asyncio.TaskGroup() as together:
        for _ in range(4):
            together.create_task(comes_and_goes())
        yield
        last.set()


async def test_everybody_stands_where_the_backup_had_them(drill: Drill) -> None:
    for state, visit in drill.stood.items():
        now = await visit.now()
        assert ("entered" if now["state"] == "consulting" and now["entered"] else now["state"]) == state


async def test_every_visit_goes_on_to_its_end(drill: Drill) -> None:
    """One after the other's step as ever; the ones that stood early take their whole way on the new machine."""
    for visit in drill.stood.values():
        await visit.to("closed")


async def test_who_paid_after_the_backup_is_not_asked_to_pay_again(drill: Drill) -> None:
    """The backup knows the order; the bank, asked at the deadline, says that it was paid."""
    await drill.paid_after.until("booked", within_s=WITHIN_S)
    assert [one["state"] for one in (await drill.paid_after.charge())["orders"]] == ["paid"]
    await drill.paid_after.to("closed")


async def test_who_left_after_the_backup_leaves_again_and_nothing_is_given_back_twice(drill: Drill) -> None:
    """The backup has the place as booked. HIS and bank are asked under the same numbers, and say that it was done."""
    await drill.cancelled_after.act("cancel")
    await drill.cancelled_after.refund()
    bank = await drill.hospital.bank(*(one["order_id"] for one in (await drill.cancelled_after.charge())["orders"]))
    assert [one["status"] for one in bank["refunds"]] == ["SUCCESS"]


async def test_what_the_outside_did_meanwhile_is_found_and_nothing_else(drill: Drill) -> None:
    """A visit that was opened, paid and booked in the time that was lost: for the office to look after."""
    hospital, at = drill.hospital, drill.hospital.stack.addresses
    how: dict[str, Any] = {"standing": STANDING, "column_keys": hospital.column_keys}

    async def differ() -> list[Finding]:
        return [one for one in await audit(at.database_url, at.sandbox, **how) if one.kind not in LOST]

    await until("nothing else to differ", differ, lambda found: not found, WITHIN_S)
    found = await audit(at.database_url, at.sandbox, **how)
    assert {one.kind for one in found} == LOST, told(found)
    [place] = await drill.opened_after.appointments()
    said = told(found)
    assert said.count("booking.unclaimed") == said.count(place["id"]) == 1
    assert said.count("money.unknown") == said.count("ebill.unknown") == 1
