"""Money came on an order of the charge, but not the sum it asked for: it goes back, and the charge is still to be paid (A-6)."""

from sqlalchemy import select
from structlog.testing import capture_logs

from activities.charge import ChargeActivities
from models.charge import ChargeState, Close, Order, OrderState, Scene, TradeState
from models.kernel import ids
from models.ledger import Account
from models.message import Template
from models.refund import CHANNEL_REASONS, Cause, RefundState
from models.revisit import State
from models.stores import message as messages
from models.tables.message import MessageRow
from tests.builders import FEE_FEN
from tests.charge.builders import is_paid, orders, paying, says
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, refused, reported
from tests.refund.builders import at_its_desk, goes_to

CENT = {Account.WECHAT_PAY: 1, Account.SUSPENSE: -1}
TAKEN = {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN}


async def one_fen_came(hospital: Hospital) -> tuple[Visit, str]:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.pay(number, amount_fen=1)
    return visit, number


async def kept(hospital: Hospital) -> list[tuple[str | None, int]]:
    return [(one.unwanted, one.amount_fen) for one in await hospital.payments()]


async def test_it_goes_into_suspense_with_an_alarm_and_the_charge_waits_for_its_own(hospital: Hospital) -> None:
    visit, number = await one_fen_came(hospital)

    with capture_logs() as lines:
        await visit.is_reported()

    assert (visit.charge.state, await orders(hospital, visit)) == (ChargeState.OPEN, [OrderState.CLOSED])
    assert (await kept(hospital), await hospital.balances()) == ([("other_amount", 1)], CENT)
    [line] = [line for line in lines if line["event"] == "payment.unwanted"]
    assert (line["cause"], line["amount_fen"], line["order_no"]) == ("other_amount", 1, number)
    assert (await hospital.told(visit.id)).count(Template.REFUND_REQUESTED) == 1
    async with hospital.database.reading() as db:
        text = await db.scalars(select(MessageRow).where(MessageRow.template == Template.REFUND_REQUESTED))
        _, said = messages.opened(db, text.one())
    assert said == {"amount": "0.01", "reason": "缴费金额不符"}


async def test_it_goes_back_by_its_own_refund_and_the_patient_pays_the_price_on_a_new_order(hospital: Hospital) -> None:
    visit, number = await one_fen_came(hospital)
    await visit.is_reported()
    [refund_id] = await hospital.refund_ids()
    await goes_to(await at_its_desk(hospital, refund_id), RefundState.ARRIVED)
    assert (hospital.wechat_pay.refunds[refund_id.hex].reason, hospital.his.times("reverse")) == (CHANNEL_REASONS[Cause.OTHER_AMOUNT], 0)

    second = await visit.orders()
    assert second != number, "an order is paid once"
    hospital.wechat_pay.pay(second)
    await visit.is_reported()
    await visit.charge.happens()
    await visit.desk.news()

    assert (visit.charge.state, visit.state) == (ChargeState.SETTLED, State.BOOKED)
    assert (await hospital.balances(), hospital.wechat_pay.given_back_fen) == (TAKEN, 1)


async def test_reported_again_it_is_the_same_fen_and_keeps_no_report_waiting(hospital: Hospital) -> None:
    visit, number = await one_fen_came(hospital)
    await visit.is_reported()

    await reported(hospital, visit.charge.id, number)
    await visit.charge.news()

    assert (len(await hospital.refund_ids()), await kept(hospital), await hospital.unhandled()) == (1, [("other_amount", 1)], 0)


async def test_asked_twice_for_one_report_it_is_one_fen(hospital: Hospital) -> None:
    """The first answer was lost after it was booked."""
    visit, _ = await one_fen_came(hospital)
    report, before, work = await reported(hospital, visit.charge.id), visit.charge.now, hospital.work(ChargeActivities.query)

    assert await work(before, report) == await work(before, report)

    assert (len(await hospital.refund_ids()), await kept(hospital)) == (1, [("other_amount", 1)])


async def test_a_report_of_the_order_that_is_not_paid_yet_is_put_off_as_ever(hospital: Hospital) -> None:
    visit, _ = await one_fen_came(hospital)
    await visit.is_reported()
    second = await visit.orders()
    await reported(hospital, visit.charge.id, second)

    assert await refused(visit.charge.news()) == "charge.not_now"

    hospital.wechat_pay.pay(second)
    await visit.charge.news()
    assert visit.charge.state is ChargeState.PAID


async def test_found_when_the_charge_is_closed_it_goes_back_and_the_charge_is_closed(hospital: Hospital) -> None:
    visit, _ = await one_fen_came(hospital)

    await visit.charge.happens(Close(id=ids.new()))

    assert (visit.charge.state, await says(hospital, visit)) == (ChargeState.CLOSED, ["closed"])
    assert (await kept(hospital), await hospital.balances()) == ([("other_amount", 1)], CENT)
    assert await hospital.wanted_back(visit.charge.id) == [("other_amount", 1)]


async def test_found_when_another_order_is_wanted_the_new_one_is_opened(hospital: Hospital) -> None:
    visit, _ = await one_fen_came(hospital)

    second = await visit.orders(Scene.JSAPI)

    assert (visit.charge.state, await kept(hospital)) == (ChargeState.OPEN, [("other_amount", 1)])
    assert [one.number for one in hospital.wechat_pay.payable] == [second]
    assert await hospital.wanted_back(visit.charge.id) == [("other_amount", 1)]


async def test_next_to_the_right_sum_found_in_one_question_the_right_one_counts_whichever_was_first(hospital: Hospital) -> None:
    visit = await paying(hospital)
    first, second = await visit.orders(Scene.NATIVE), await visit.orders(Scene.JSAPI)
    is_paid(hospital, first, amount_fen=1)
    hospital.wechat_pay.pay(second)

    await visit.is_reported()
    await visit.charge.happens()

    assert visit.charge.state is ChargeState.SETTLED
    assert {one.order_no: (one.unwanted, one.amount_fen) for one in await hospital.payments()} == {
        first: ("other_amount", 1),
        second: (None, FEE_FEN),
    }
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN + 1, Account.HOSPITAL_INCOME: -FEE_FEN, Account.SUSPENSE: -1}


async def test_found_under_the_number_of_a_wish_that_was_refused_once_no_order_is_open_and_the_patient_asks_anew(
    hospital: Hospital,
) -> None:
    """The order had landed all the same, and one fen came on it."""
    visit = await paying(hospital)
    order = wish(Order, visit.person.account_id, scene=Scene.NATIVE)
    number = ids.derived("charge_order", order.id).hex
    hospital.wechat_pay.refuses("order", "wechat_pay.no_auth")
    assert await refused(visit.charge.happens(order)) == "wechat_pay.no_auth"
    is_paid(hospital, number, amount_fen=1)

    await visit.charge.happens(order)

    assert (visit.charge.state, await orders(hospital, visit)) == (ChargeState.OPEN, [OrderState.CLOSED])
    assert await kept(hospital) == [("other_amount", 1)]
    assert await visit.orders() != number


async def test_an_order_that_was_closed_on_the_way_to_it_is_never_handed_out_again(hospital: Hospital) -> None:
    """The channel closed the first for the second's sake; then the second turned out to be spent on one fen."""
    visit = await paying(hospital)
    first, order = await visit.orders(Scene.JSAPI), wish(Order, visit.person.account_id, scene=Scene.NATIVE)
    is_paid(hospital, ids.derived("charge_order", order.id).hex, amount_fen=1)

    await visit.charge.happens(order)

    assert hospital.wechat_pay.orders[first].state is TradeState.CLOSED
    assert await orders(hospital, visit) == [OrderState.CLOSED] * 2
    await visit.orders(Scene.JSAPI)
    assert len(hospital.wechat_pay.payable) == 1, "a new one, that can be paid"
