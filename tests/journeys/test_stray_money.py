"""Money that no charge wanted: late, on a second order, for an order that nobody knows. It goes back, and whoever can be told is."""

from collections.abc import AsyncIterator

import pytest_asyncio

from models.charge import OrderState
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, read, until
from tests.journeys.visit import Visit


@pytest_asyncio.fixture
async def behind(hospital: Hospital) -> AsyncIterator[Backstage]:
    async with backstage(hospital) as opened:
        yield opened


async def _came_and_went(hospital: Hospital, order: str) -> None:
    """At the bank: paid once, given back once."""
    bank = await hospital.bank(order)
    assert [one["total_fen"] for one in bank["payments"]] == [5000]
    assert [(one["status"], one["refund_fen"]) for one in bank["refunds"]] == [("SUCCESS", 5000)]


async def _goes_back(visit: Visit, order: str, cause: str) -> None:
    """The patient reads it, and is told that it goes and that it came."""
    assert (await visit.refund())["cause"] == cause
    await _came_and_went(visit.hospital, order)
    assert (await visit.told("SMS_REFUND_REQUESTED"), await visit.told("SMS_REFUND_ARRIVED")) == (1, 1)


async def _notified_again(hospital: Hospital, order: str) -> None:
    """The bank repeats a notify that it had long delivered, and it is taken."""
    number = order.replace("-", "")

    async def attempts() -> int:
        return sum(one["attempts"] for one in (await hospital.bank(order))["notifies"])

    before = await attempts()
    read(await hospital.outside.post(f"/wechat/cashier/{number}/notify"))
    await until("the notify once more", attempts, lambda now: now > before)


async def test_paid_after_the_close_was_confirmed(hospital: Hospital, behind: Backstage) -> None:
    visit = await hospital.visit("paying")
    await visit.order()
    await visit.act("cancel")
    await visit.until("cancelled")

    late = await behind.second_order(await visit.charge_id())
    await hospital.pay(late)

    await _goes_back(visit, late, "late")
    await _notified_again(hospital, late)
    assert [one["state"] for one in await visit.money()] == ["closed"]
    assert len(await visit.refunds()) == 1


async def test_paid_on_two_orders_before_anybody_asked(hospital: Hospital, behind: Backstage) -> None:
    """The first that was paid is the visit's; the visit goes on."""
    visit = await hospital.visit("paying")
    first = await visit.order()
    second = await behind.second_order(await visit.charge_id(), OrderState.OPEN)
    async with hospital.fault("wechat_pay", "NOTIFY TRANSACTION.SUCCESS", "late", seconds=0.5):
        await hospital.pay(first)
        await hospital.pay(second)

    await visit.until("booked")

    await _goes_back(visit, second, "second")
    assert [one["total_fen"] for one in (await hospital.bank(first))["payments"]] == [5000]
    assert (await hospital.bank(first))["refunds"] == []
    await visit.to("closed")


async def test_paid_again_when_it_was_long_booked(hospital: Hospital, behind: Backstage) -> None:
    visit = await hospital.visit("booked")
    second = await behind.second_order(await visit.charge_id())

    await hospital.pay(second)

    await _goes_back(visit, second, "second")
    await visit.act("cancel")  # and what the visit itself was paid with goes back as well
    assert (await visit.refund(of=2))["cause"] == "patient"
    assert len(await hospital.texts(visit.patient.card.phone, "SMS_REFUND_ARRIVED")) <= 2


async def test_paid_for_an_order_that_nobody_knows(hospital: Hospital, behind: Backstage) -> None:
    order = await behind.order()
    await hospital.pay(order)
    number = order.replace("-", "")

    async def ended() -> list[Json]:
        return [one for one in await hospital.finance.refunds("ended") if one["order_no"] == number]

    [refund] = await until("the money to go back", ended, bool)
    assert (refund["cause"], refund["state"], refund["charge_id"], refund["revisit_id"]) == ("unknown_order", "arrived", None, None)
    await _came_and_went(hospital, order)
    await _notified_again(hospital, order)
    assert number in {line["order_no"] for line in hospital.lines("api", "wechat_pay.unknown_order")}
    assert [line["cause"] for line in hospital.lines("worker", "payment.unwanted") if line["order_no"] == number] == ["unknown_order"]
