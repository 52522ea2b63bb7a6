"""Wanting to pay: one order at the channel, for what the HIS asks, in time (P-2.3)."""

import pytest
from structlog.testing import capture_logs

from activities.charge import ChargeActivities
from models.charge import ChargeState, Order, OrderState, Scene
from models.kernel.errors import Unknown
from models.ledger import Account
from tests.builders import FEE_FEN
from tests.charge.builders import orders, paying
from tests.client import Hands
from tests.process.hospital import Hospital, wish
from tests.process.visit import minutes, refused


async def test_an_order_is_opened_at_the_channel_for_what_the_his_asks(hospital: Hospital) -> None:
    visit = await paying(hospital)

    number = await visit.orders()

    placed = hospital.wechat_pay.orders[number]
    assert (placed.amount_fen, minutes(visit, placed.expires_at)) == (FEE_FEN, 14)
    assert (visit.charge.state, await orders(hospital, visit)) == (ChargeState.OPEN, [OrderState.OPEN])
    assert hospital.his.times("bill") == 1, "the bill is looked at again right before"


async def test_the_open_order_is_answered_again(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.orders()

    await visit.orders()

    assert (len(hospital.wechat_pay.orders), await orders(hospital, visit)) == (1, [OrderState.OPEN])


async def test_another_scene_closes_the_order_before(hospital: Hospital) -> None:
    """Two that can be paid would be paid twice."""
    visit = await paying(hospital)
    first = await visit.orders(Scene.NATIVE)

    second = await visit.orders(Scene.JSAPI)

    assert [one.number for one in hospital.wechat_pay.payable] == [second] != [first]
    assert await orders(hospital, visit) == [OrderState.CLOSED, OrderState.OPEN]
    third = await visit.orders(Scene.NATIVE)
    assert [one.number for one in hospital.wechat_pay.payable] == [third] != [first]


async def test_the_order_before_may_have_been_paid_after_all(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders(Scene.NATIVE))

    await visit.orders(Scene.JSAPI)

    assert (visit.charge.state, hospital.wechat_pay.payable) == (ChargeState.PAID, [])
    assert await orders(hospital, visit) == [OrderState.CLOSED, OrderState.PAID]
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}


async def test_a_refused_order_leaves_the_one_before_closed(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.orders(Scene.NATIVE)
    hospital.wechat_pay.refuses("order", "wechat_pay.parameters_differ")

    assert await refused(visit.orders(Scene.JSAPI)) == "wechat_pay.parameters_differ"
    assert (hospital.wechat_pay.payable, await orders(hospital, visit)) == ([], [OrderState.CLOSED, OrderState.CLOSED])


async def test_the_same_wish_again_is_the_same_order(hospital: Hospital) -> None:
    visit = await paying(hospital)
    order, before = wish(Order, visit.person.account_id, scene=Scene.NATIVE), visit.charge.now
    work = hospital.work(ChargeActivities.order)

    assert await work(before, order) == await work(before, order)
    assert hospital.wechat_pay.times("order") == 1


async def test_an_answer_that_was_lost_is_no_second_order(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.silent("order", landed=True, times=2)

    number = await visit.orders()

    assert (list(hospital.wechat_pay.orders), await orders(hospital, visit)) == ([number], [OrderState.OPEN])


@pytest.mark.parametrize("silent", ["bill", "order"])
async def test_a_silent_outside_is_asked_again_under_the_same_number(hospital: Hospital, silent: str) -> None:
    visit = await paying(hospital)
    (hospital.his if silent == "bill" else hospital.wechat_pay).silent(silent)

    number = await visit.orders()

    assert list(hospital.wechat_pay.orders) == [number]


async def test_a_price_that_changed_is_not_ordered(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.reprice((await hospital.claim(visit.id)).invoice_id or "", FEE_FEN + 1)

    assert await refused(visit.orders()) == "charge.bill_changed"
    assert (hospital.wechat_pay.payable, await orders(hospital, visit)) == ([], [OrderState.CLOSED])
    assert (await visit.charge.begin()).under_way is None


async def test_a_bill_that_is_no_longer_open_is_not_ordered(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.invoices[(await hospital.claim(visit.id)).invoice_id or ""].status = "cancelled"

    assert await refused(visit.orders()) == "charge.bill_closed"


async def test_a_place_that_the_his_has_as_paid_is_not_paid_again_and_somebody_is_called(hospital: Hospital) -> None:
    """After a restore, say: the payment is in none of our rows."""
    visit = await paying(hospital)
    hospital.his.invoices[(await hospital.claim(visit.id)).invoice_id or ""].status = "balanced"

    with capture_logs() as lines:
        assert await refused(visit.orders()) == "charge.paid_elsewhere"

    assert [(line["event"], line["log_level"]) for line in lines if line["event"].startswith("charge.")] == [
        ("charge.paid_elsewhere", "error")
    ]
    assert (hospital.wechat_pay.payable, await orders(hospital, visit)) == ([], [OrderState.CLOSED])


async def test_with_less_than_two_minutes_left_nothing_is_ordered(hospital: Hospital, clock: Hands) -> None:
    visit = await paying(hospital)
    clock.forward(minutes=13, seconds=1)

    assert await refused(visit.orders()) == "charge.too_late"
    assert (await visit.charge.begin()).under_way is None
    clock.forward(seconds=-1)
    await visit.orders()
    assert await orders(hospital, visit) == [OrderState.OPEN]


async def test_a_channel_that_was_silent_until_too_late_has_no_order_left(hospital: Hospital, clock: Hands) -> None:
    visit = await paying(hospital)
    order, work = wish(Order, visit.person.account_id, scene=Scene.NATIVE), hospital.work(ChargeActivities.order)
    hospital.wechat_pay.silent("order", landed=True)
    with pytest.raises(Unknown):
        await work(visit.charge.now, order)
    await hospital.hand_time_is_up()
    clock.forward(minutes=14)

    assert await refused(work(visit.charge.now, order)) == "charge.too_late"
    assert (hospital.wechat_pay.payable, (await visit.charge.begin()).under_way) == ([], None)


async def test_a_refused_order_leaves_nothing_payable(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.refuses("order", "wechat_pay.parameters_differ", landed=True)

    assert await refused(visit.orders()) == "wechat_pay.parameters_differ"
    assert (hospital.wechat_pay.payable, await orders(hospital, visit)) == ([], [OrderState.CLOSED])
    await visit.charge.begin()
    await visit.orders()
    assert await orders(hospital, visit) == [OrderState.CLOSED, OrderState.OPEN]
