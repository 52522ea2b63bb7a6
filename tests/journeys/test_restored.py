"""A backup taken while people come and go, pay and get back, put into an empty folder after the machine is lost: running visits go on. What
the outside did after the backup is found, and is all that is found."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from models.stores.invoice import id_of
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
from tests.journeys.prescription import CARRIED, Prescription, queued
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long
STAND = ("consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting", "entered", "ended")
RULES = {"SANDBOX_NOTIFY_RETRY_S": NOTIFY_RETRY_S}
WITHIN_S = 60.0
MOVERS = 6
"""Each on either way of money."""
LOST = {
    *(Kind.BOOKING_UNCLAIMED, Kind.MONEY_UNKNOWN, Kind.KEPT_AT_BANK, Kind.LEDGER_BANK, Kind.LEDGER_HIS),
    *(Kind.SETTLEMENT_UNKNOWN, Kind.EBILL_UNKNOWN, Kind.MESSAGE_UNKNOWN, Kind.REFUND_UNKNOWN, Kind.REVERSAL_UNKNOWN),
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
    moved: "Moved"
    drugs: list[Prescription]
    """In the backup paid and waiting for the pharmacy, and with the courier; fetched and delivered after it. The last has stood still."""
    lost: list[Visit]
    """Opened, paid and booked after the backup; the second was left again."""
    lost_orders: set[str]
    lost_ebills: set[str]
    """By our numbers at bank and issuer."""


@dataclass
class Moved:
    """Whose money was on its way while the backup was taken: it has each before, on or behind that way. At the loss all were behind it."""

    payers: list[tuple[Visit, str]]
    """With their order."""
    leavers: list[Visit]


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
        order, moved = await paid_after.order(), await _moved(hospital)
        fetched, carried, _ = drugs = [await queued(await hospital.visit("entered")) for _ in range(3)]
        await fetched.approved()
        await fetched.paid()
        await (await carried.handed_over()).ordered()
        charges = [await one.charge_id() for one in (paid_after, *(visit for visit, _ in moved.payers))]
        await _woken_soon(stack, {"charge": charges, "prescription": [fetched.id], "delivery": [str(UUID(await carried.parcel()))]})
        async with _crowd(hospital, moved):
            await backup(DataFolder(first), ports.postgres, kept)
        await hospital.pay(order)
        await paid_after.until("booked")
        for act in ("prepare", "hand-out"):
            await fetched.pharmacy(act)
        await carried.carried(*CARRIED)
        for one in (fetched, carried):
            await one.until("completed")
        for leaver in (cancelled_after, left := await hospital.visit("booked")):
            await leaver.billed()
            await leaver.act("cancel")
            await leaver.given_back("patient")
        lost = [await (await hospital.visit("booked")).billed(), left]
        lost_ebills = {id_of(UUID(await one.charge_id())).hex for one in lost}
        lost_orders = {UUID(order["order_id"]).hex for one in lost for order in (await one.charge())["orders"]}
        for part in ("api", "worker", "temporal", "postgres"):
            await stack.kill(part)
    await restore(kept, DataFolder(second))
    shutil.copytree(first / "sandbox", second / "sandbox")  # the outside has lost nothing
    async with Stack(second, policy="standard", settings=RULES, ports=ports) as stack:
        hospital.stack, hospital.data = stack, second
        try:
            yield Drill(hospital, stood, paid_after, cancelled_after, moved, drugs, lost, lost_orders, lost_ebills)
        finally:
            await hospital.aclose()


async def _woken_soon(stack: Stack, ids: dict[str, list[str]]) -> None:
    """By process. A run reads its alarm as it begins: the one that begins on the second machine has not to be waited for."""
    engine = create_async_engine(stack.addresses.database_url)
    async with engine.begin() as db:
        for process, these in ids.items():
            soon = "wake_at = now() + interval '60 s'" + (", due_at = now() + interval '60 s'" if process == "charge" else "")
            await db.execute(text(f"update {process} set {soon} where id = any(:ids)"), {"ids": [UUID(one) for one in these]})
    await engine.dispose()


async def _moved(hospital: Hospital) -> Moved:
    """As they stand before: one with an order to pay, one booked."""
    payers = await asyncio.gather(*(hospital.visit("paying") for _ in range(MOVERS)))
    leavers = await asyncio.gather(*(hospital.visit("booked") for _ in range(MOVERS)))
    return Moved([(one, await one.order()) for one in payers], [await one.billed() for one in leavers])


@asynccontextmanager
async def _crowd(hospital: Hospital, moved: Moved) -> AsyncGenerator[None]:
    """From when the first of them is behind it: they pay and are booked, or leave and get back, one after the other on two lines each.

    Beside them people come and leave without an end, while it lasts. Whoever is on the way is brought to an end.
    """
    last, first = asyncio.Event(), asyncio.Event()
    payers, leavers = iter(moved.payers), iter(moved.leavers)

    async def come_and_go() -> None:
        while not last.is_set():
            await (await hospital.visit("choosing")).act("cancel")

    async def pay() -> None:
        for visit, order in payers:
            await hospital.pay(order)
            await visit.until("booked")
            first.set()

    async def leave() -> None:
        for visit in leavers:
            await visit.act("cancel")
            await visit.given_back("patient")
            first.set()

    async with asyncio.TaskGroup() as together:
        for work in (come_and_go, pay, leave) * 2:
            together.create_task(work())
        await first.wait()
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
    """The backup has the place as booked, and the auditor names whom to ring up. Leaving again, HIS and bank are asked under the same
    numbers, and say that it was done.
    """
    hospital, at = drill.hospital, drill.hospital.stack.addresses
    how: dict[str, Any] = {"quiet": False, "standing": {"revisit.booked"}, "column_keys": hospital.column_keys, "files_dir": hospital.files}
    found = await audit(at.database_url, at.sandbox, **how)
    assert UUID(drill.cancelled_after.id) in {one.visit for one in found if one.kind is Kind.REFUND_UNKNOWN}, told(found)

    await drill.cancelled_after.act("cancel")
    await drill.cancelled_after.refund()
    bank = await drill.hospital.bank(*(one["order_id"] for one in (await drill.cancelled_after.charge())["orders"]))
    assert [one["status"] for one in bank["refunds"]] == ["SUCCESS"]


async def test_whose_money_was_on_its_way_has_paid_and_got_back_once(drill: Drill) -> None:
    """However far the backup knows them: who stands as booked leaves again, who stands as paying is found to have paid."""
    for visit, order in drill.moved.payers:
        await visit.until("booked", within_s=WITHIN_S)
        assert [(one["order_id"], one["state"]) for one in (await visit.charge())["orders"]] == [(order, "paid")]
    for visit in drill.moved.leavers:
        left = await visit.attempt("cancel")
        assert left.status_code in {200, 202, 409}
        await visit.refund(within_s=WITHIN_S)
        bank = await drill.hospital.bank(*(one["order_id"] for one in (await visit.charge())["orders"]))
        assert [one["status"] for one in bank["refunds"]] == ["SUCCESS"]


async def test_drugs_that_were_fetched_or_delivered_after_the_backup_are_found_to_be(drill: Drill) -> None:
    """Asked as ever, HIS and carrier say so; and who stood in the queue goes on."""
    fetched, carried, queue = drill.drugs
    for one in (fetched, carried):
        await one.until("completed", within_s=WITHIN_S)
    await queue.until("queued")
    await queue.approved()
    await queue.paid()
    for act in ("prepare", "hand-out"):
        await queue.pharmacy(act)
    await queue.until("completed")
    for one in drill.drugs:
        await one.visit.to("closed")


async def test_what_the_outside_did_meanwhile_is_found_and_nothing_else(drill: Drill) -> None:
    """Visits that were opened, paid, booked and left in the time that was lost: for the offices to look after."""
    hospital, at = drill.hospital, drill.hospital.stack.addresses
    how: dict[str, Any] = {"standing": STANDING, "column_keys": hospital.column_keys, "files_dir": hospital.files}

    async def differ() -> list[Finding]:
        return [one for one in await audit(at.database_url, at.sandbox, **how) if one.kind not in LOST]

    await until("nothing else to differ", differ, lambda found: not found, WITHIN_S)
    found = await audit(at.database_url, at.sandbox, **how)
    assert {one.kind for one in found} == LOST, told(found)
    bank = await hospital.bank(*drill.lost_orders)
    assert _about(found, Kind.MONEY_UNKNOWN, "transaction") == {one["transaction_id"] for one in bank["payments"]}
    assert _about(found, Kind.REFUND_UNKNOWN, "order") == {one["out_trade_no"] for one in bank["refunds"]} < drill.lost_orders
    places = [await one.appointments() for one in drill.lost]
    assert _about(found, Kind.BOOKING_UNCLAIMED, "appointment") == {place["id"] for place in places[0]}, "the other one's was given back"
    bills = [await one.his_bill() for one in drill.lost]
    assert _about(found, Kind.SETTLEMENT_UNKNOWN, "invoice") == {bills[0]["id"]}
    assert _about(found, Kind.REVERSAL_UNKNOWN, "invoice") == {bills[1]["id"]}
    assert _about(found, Kind.EBILL_UNKNOWN, "number") == drill.lost_ebills


def _about(found: list[Finding], kind: Kind, name: str) -> set[str]:
    """What findings of a kind name, each once."""
    named = [dict(word.split("=", 1) for word in one.about.split())[name] for one in found if one.kind is kind]
    assert len(named) == len(set(named))
    return set(named)
