"""Wanted no more, or too late: closed at the channel, or paid after all (P-2.3)."""

from datetime import timedelta

import pytest

from activities.charge import ChargeActivities
from models.charge import ChargeState, Close, Order, OrderState, Scene, TradeState
from models.kernel import ids
from models.kernel.errors import Unknown
from models.process import Alarm
from tests.charge.builders import orders, paying, says
from tests.client import Hands
from tests.process.hospital import Hospital, wish


async def test_nothing_ordered_the_charge_closes_by_itself(hospital: Hospital, clock: Hands) -> None:
    visit = await paying(hospital)
    until = visit.charge.now.due_at

    await visit.charge.alarm()

    assert clock() == until
    assert (visit.charge.state, visit.charge.now.due_at, await says(hospital, visit)) == (ChargeState.CLOSED, None, ["closed"])
    assert hospital.wechat_pay.asked == []


async def test_an_open_order_is_closed_at_the_channel_first(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.orders()
    hospital.wechat_pay.silent("close", times=2)

    await visit.charge.alarm()

    assert (visit.charge.state, hospital.wechat_pay.payable, await orders(hospital, visit)) == (ChargeState.CLOSED, [], [OrderState.CLOSED])
    assert hospital.wechat_pay.times("close") == 3


@pytest.mark.parametrize("asked_to", [True, False])
async def test_asked_to_close_it_may_be_paid_after_all(hospital: Hospital, asked_to: bool) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())

    await (visit.charge.happens(Close(id=ids.new())) if asked_to else visit.charge.alarm())
    assert (visit.charge.state, await says(hospital, visit)) == (ChargeState.PAID, [])
    await visit.charge.happens()

    assert (visit.charge.state, await says(hospital, visit)) == (ChargeState.SETTLED, ["settled"])


async def test_neither_closed_nor_paid_is_asked_until_it_is_known(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.orders[number].state = TradeState.UNKNOWN
    close = Close(id=ids.new())
    with pytest.raises(Unknown):
        await hospital.work(ChargeActivities.close)(visit.charge.now, close)
    assert (await visit.charge.begin()).under_way == close

    hospital.wechat_pay.orders[number].state = TradeState.NOT_PAID
    await hospital.hand_time_is_up()
    await visit.charge.happens(close)

    assert visit.charge.state is ChargeState.CLOSED


async def test_a_crash_between_the_channels_close_and_ours_ends_the_same(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.orders()
    close, before, work = Close(id=ids.new()), visit.charge.now, hospital.work(ChargeActivities.close)
    hospital.wechat_pay.silent("close", landed=True)
    with pytest.raises(Unknown):
        await work(before, close)
    await hospital.hand_time_is_up()

    assert await work(before, close) == await work(before, close)
    assert await says(hospital, visit) == ["closed"]


async def test_an_order_whose_answer_never_came_is_closed_too(hospital: Hospital) -> None:
    """The run that wanted it was lost; the order may be payable."""
    visit = await paying(hospital)
    order = wish(Order, visit.person.account_id, scene=Scene.NATIVE)
    hospital.wechat_pay.silent("order", landed=True)
    with pytest.raises(Unknown):
        await hospital.work(ChargeActivities.order)(visit.charge.now, order)
    assert await orders(hospital, visit) == [OrderState.OPENING]

    row = await visit.charge.begin()
    assert row.under_way == order, "finished first, under its number"
    await hospital.hand_time_is_up()
    await visit.charge.happens(order)
    await visit.charge.alarm()

    assert (visit.charge.state, hospital.wechat_pay.payable) == (ChargeState.CLOSED, [])


async def test_there_is_no_alarm_before_the_deadline(hospital: Hospital, clock: Hands) -> None:
    visit = await paying(hospital)
    clock.at += timedelta(minutes=13, seconds=59)

    with pytest.raises(AssertionError, match="no alarm is set"):
        await visit.charge.happens(Alarm())
