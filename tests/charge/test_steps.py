"""Money for a visit: ordered, asked for, settled with the HIS, or closed. What the channel says counts (P-2.3)."""

from datetime import timedelta

import pytest

from activities.charge import ChargeActivities
from models.charge import ChargeState, Close, Order, OrderState, Reported, Scene, TradeState
from models.kernel import ids
from models.kernel.errors import Unknown
from models.ledger import Account
from models.process import Alarm
from models.revisit import ChargeEnded, State
from models.stores import charge as charges
from models.stores import ledger
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard, wish
from tests.process.visit import Visit, minutes, opened, refused, reported


async def paying(hospital: Hospital) -> Visit:
    return await (await opened(hospital)).to(State.PAYING)


async def orders(hospital: Hospital, visit: Visit) -> list[OrderState]:
    """How the channel orders of its charge stand, sorted."""
    async with hospital.database.reading() as db:
        return sorted(one.state for one in (await charges.facts(db, visit.charge.id)).orders)


async def says(hospital: Hospital, visit: Visit) -> list[str]:
    """What the charge told its visit about its end."""
    return [one.outcome for one in await hospital.waiting(visit.id) if isinstance(one, ChargeEnded)]


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
    hospital.his.price((await hospital.claim(visit.id)).invoice_id or "", FEE_FEN + 1)

    assert await refused(visit.orders()) == "charge.bill_changed"
    assert (hospital.wechat_pay.payable, await orders(hospital, visit)) == ([], [OrderState.CLOSED])
    assert (await visit.charge.begin()).under_way is None


async def test_a_bill_that_is_no_longer_open_is_not_ordered(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.invoices[(await hospital.claim(visit.id)).invoice_id or ""].status = "cancelled"

    assert await refused(visit.orders()) == "charge.bill_changed"


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


async def test_a_report_is_only_a_reason_to_ask(hospital: Hospital) -> None:
    """A forged one changes nothing."""
    visit = await paying(hospital)
    await visit.orders()

    await visit.is_reported()

    assert (visit.charge.state, await hospital.balances(), await hospital.unhandled()) == (ChargeState.OPEN, {}, 0)


async def test_a_report_before_any_order_is_heard(hospital: Hospital) -> None:
    visit = await paying(hospital)

    await visit.is_reported()

    assert (visit.charge.state, await hospital.unhandled()) == (ChargeState.OPEN, 0)


async def test_what_the_channel_says_is_paid_is_booked_once(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    report, before, work = await reported(hospital, visit.charge.id), visit.charge.now, hospital.work(ChargeActivities.query)

    assert await work(before, report) == await work(before, report)

    assert (await visit.charge.begin()).state is ChargeState.PAID
    assert await orders(hospital, visit) == [OrderState.PAID]
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}


async def test_reported_three_times_it_is_booked_once(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    reports = [await reported(hospital, visit.charge.id) for _ in range(3)]

    await visit.charge.happens(reports[0])
    await visit.charge.happens()

    assert visit.charge.state is ChargeState.SETTLED
    assert await hospital.waiting(visit.charge.id) == reports[1:], "for a charge at its end the relay says that they are late"
    assert hospital.wechat_pay.takings_fen == FEE_FEN


async def test_a_silent_channel_is_asked_again(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    hospital.wechat_pay.silent("query", times=3)

    await visit.is_reported()

    assert visit.charge.state is ChargeState.PAID


async def test_a_word_that_we_do_not_know_is_neither_paid_nor_failed(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.orders[number].state = TradeState.UNKNOWN
    report = await reported(hospital, visit.charge.id)

    with pytest.raises(Unknown):
        await hospital.work(ChargeActivities.query)(visit.charge.now, report)

    assert (await visit.charge.begin()).state is ChargeState.OPEN
    assert await hospital.waiting(visit.charge.id) == [report]


async def test_money_that_the_channel_has_sent_back_since_had_come(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.pay(number)
    hospital.wechat_pay.orders[number].state = TradeState.REFUNDED

    await visit.is_reported()

    assert visit.charge.state is ChargeState.PAID


async def test_settled_under_our_payment_number(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.pay(number)
    await visit.is_reported()

    await visit.charge.happens()

    told = hospital.his.payments[visit.charge.id.hex]
    assert (told.amount_fen, told.channel_no) == (FEE_FEN, hospital.wechat_pay.orders[number].transaction_id)
    assert (visit.charge.state, await says(hospital, visit)) == (ChargeState.SETTLED, ["settled"])


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_his_is_told_again_and_settles_once(hospital: Hospital, landed: bool) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()
    hospital.his.silent("settle", landed=landed, times=2)

    await visit.charge.happens()

    assert (visit.charge.state, len(hospital.his.payments)) == (ChargeState.SETTLED, 1)
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN}
    assert await says(hospital, visit) == ["settled"]


async def test_a_crash_after_settling_tells_the_visit_once(hospital: Hospital, runs: Unheard) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()
    paid, settle = visit.charge.now, hospital.work(ChargeActivities.settle)

    assert await settle(paid) == await settle(paid)

    assert (hospital.his.times("settle"), await says(hospital, visit)) == (1, ["settled"])
    assert [(process, id) for process, id, _ in runs.knocked] == [("revisit", visit.id)]


async def test_what_the_his_refuses_is_an_outcome_and_the_money_is_wanted_back(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()
    hospital.his.refuses("settle", "his.lock-expired")

    await visit.charge.happens()

    assert (visit.charge.state, await says(hospital, visit)) == (ChargeState.UNSETTLED, ["unsettled"])
    assert await hospital.wanted_back(visit.charge.id) == [("unsettled", FEE_FEN)]


async def test_another_amount_than_asked_for_is_not_settled_and_all_of_it_wanted_back(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.wechat_pay.pay(await visit.orders(), amount_fen=1)
    await visit.is_reported()

    await visit.charge.happens()

    assert visit.charge.state is ChargeState.UNSETTLED
    assert await hospital.wanted_back(visit.charge.id) == [("unsettled", 1)]
    assert await hospital.balances() == {Account.WECHAT_PAY: 1, Account.PATIENT_DUE: -1}


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


async def test_the_story_of_a_charge_is_told_to_the_fen(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.BOOKED)

    async with hospital.database.reading() as db:
        story = await ledger.of_charge(db, visit.charge.id)

    assert [(cause, account, fen) for cause, account, fen, _ in story] == [
        ("charge.paid", Account.WECHAT_PAY, FEE_FEN),
        ("charge.paid", Account.PATIENT_DUE, -FEE_FEN),
        ("charge.settled", Account.PATIENT_DUE, FEE_FEN),
        ("charge.settled", Account.HOSPITAL_INCOME, -FEE_FEN),
    ]


async def test_there_is_no_alarm_before_the_deadline(hospital: Hospital, clock: Hands) -> None:
    visit = await paying(hospital)
    clock.at += timedelta(minutes=13, seconds=59)

    with pytest.raises(AssertionError, match="no alarm is set"):
        await visit.charge.happens(Alarm())


async def test_a_report_of_another_charge_says_nothing_of_this_one(hospital: Hospital) -> None:
    mine, another = await paying(hospital), await paying(hospital)
    hospital.wechat_pay.pay(await another.orders())
    await mine.orders()

    await mine.charge.happens(Reported(id=ids.new()))

    assert mine.charge.state is ChargeState.OPEN
