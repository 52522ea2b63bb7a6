"""Every deadline up to 进入诊室, run out on the clock of the test policy.

The visits wait side by side, so that they wait once; the tests that have to come in time stand first.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import pytest
import pytest_asyncio

from models.kernel.clock import now
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, key, refused, until
from tests.journeys.visit import CONDITION, Visit

pytestmark = pytest.mark.long

TOO_LATE_S, ORDER_MARGIN_S = 4, 2
"""Of the test policy."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Visits whose people do nothing more, each held by the last place of a slot of its own."""

    drafted: Visit
    described: Visit
    paying: Visit
    late: Visit
    called: Visit
    place: str
    draft_until: datetime


@pytest_asyncio.fixture(scope="module")
async def idle(hospital: Hospital) -> AsyncIterator[Idle]:
    place = await hospital.slot(capacity=1)
    called = await hospital.visit("consulting")
    patients = [await hospital.patient() for _ in range(4)]
    described, late, paying, drafted = await asyncio.gather(
        *(hospital.visit(to, patient) for to, patient in zip(("describing", "paying", "choosing", "choosing"), patients, strict=True))
    )
    draft_until = datetime.fromisoformat((await drafted.now())["due_at"])
    await paying.act("choose-slot", {"slot_id": place})
    await paying.act("describe", {"text": CONDITION})
    await paying.order()
    yield Idle(drafted, described, paying, late, called, place, draft_until)


async def test_no_order_is_opened_when_it_is_too_late_to_pay(idle: Idle) -> None:
    visit = idle.late
    pay_until = datetime.fromisoformat((await visit.charge())["pay_until"])
    await _wait_for("the last moments to pay", pay_until, TOO_LATE_S - ORDER_MARGIN_S - 0.3)

    ordered = await visit.patient.post(f"/v1/charges/{await visit.charge_id()}/orders", {"scene": "native"}, key=key())
    refused(ordered, 409, "charge.too_late")

    assert (await visit.charge())["orders"] == []


async def test_a_hold_runs_out_while_describing(idle: Idle) -> None:
    visit = idle.described
    due_at = datetime.fromisoformat((await visit.now())["due_at"])
    await _wait_for("the last moment to describe", due_at, ORDER_MARGIN_S - 0.3)
    refused(await visit.attempt("describe", {"text": CONDITION}), 409, "charge.too_late")

    left = await visit.until("cancelled")

    assert left["reason"] == "timed_out"
    assert await _left_at(visit) >= due_at
    await _let_go(visit)


async def test_a_draft_runs_out_without_a_message(idle: Idle) -> None:
    visit = idle.drafted

    left = await visit.until("cancelled")

    assert (left["reason"], left["due_at"], left["allowed"]) == ("timed_out", None, [])
    assert await _left_at(visit) >= idle.draft_until
    assert await visit.appointments() == []
    assert await _told(visit) == []
    refused(await visit.attempt("choose-slot", {"slot_id": visit.hospital.hall}), 409, "revisit.not_now")


async def test_a_hold_runs_out_unpaid_and_the_place_is_free_again(idle: Idle) -> None:
    visit, hospital = idle.paying, idle.paying.hospital

    left = await visit.until("cancelled")

    assert left["reason"] == "unpaid"
    [order] = (await visit.charge())["orders"]
    assert [one["state"] for one in (await hospital.bank(order["order_id"]))["orders"]] == ["CLOSED"]
    assert (await hospital.outside.post(f"/wechat/cashier/{order['order_id'].replace('-', '')}/pay", json={})).status_code == 409
    assert ([one["state"] for one in await visit.money()], await visit.refunds()) == (["closed"], [])
    await _let_go(visit)
    next_one = await hospital.visit("choosing")
    assert (await next_one.act("choose-slot", {"slot_id": idle.place}))["state"] == "describing"
    await next_one.act("cancel")


async def test_nobody_enters_and_the_call_comes_again_and_then_passes_over(idle: Idle) -> None:
    visit, hospital = idle.called, idle.called.hospital

    passed = await visit.until("waiting")

    assert passed["passed_over"]
    steps = [step for step in await visit.steps() if step != "queue.urge"]
    assert steps[-3:] == ["queue.accept", "queue.call_again", "queue.pass_over"]
    place = await visit.patient.ask(f"{visit.path}/queue")
    assert (place["passed_over"], place["called"], place["position"]) == (True, False, place["waiting"])
    refused(await visit.attempt("enter"), 409, "revisit.not_now")

    assert (await visit.accept())["state"] == "consulting"
    await visit.to("closed")

    async def called() -> list[Json]:
        return await hospital.texts(visit.patient.card.phone, "SMS_REVISIT_CALLED")

    assert len(await until("the third call", called, lambda texts: len(texts) > 1)) == 2
    [again] = await hospital.texts(visit.patient.card.phone, "SMS_REVISIT_CALLED_AGAIN")
    assert "过号" in again["text"]


async def _wait_for(what: str, end: datetime, before_s: float) -> None:
    async def left_s() -> float:
        return (end - now()).total_seconds()

    await until(what, left_s, lambda seconds: seconds < before_s)


async def _left_at(visit: Visit) -> datetime:
    steps = (await visit.timeline())["steps"]
    return datetime.fromisoformat([one["at"] for one in steps if one["process"] != "invoice"][-1])


async def _told(visit: Visit) -> list[Json]:
    return await visit.hospital.texts(visit.patient.card.phone, "SMS_REVISIT_CANCELLED")


async def _let_go(visit: Visit) -> None:
    """The HIS holds nothing for this person, by our word and not by its own clock, and they were told once."""
    [appointment] = await visit.appointments()
    assert (appointment["status"], appointment["cancel_reason"]) == ("cancelled", "pat")

    async def told() -> list[Json]:
        return await _told(visit)

    assert len(await until("the text of the cancelled visit", told, bool)) == 1
