"""Money has come: what the channel says counts, and the HIS settles it (P-2.3)."""

import pytest

from activities.charge import ChargeActivities
from models.charge import ChargeState, OrderState, Reported, TradeState
from models.kernel import ids
from models.kernel.errors import Unknown
from models.ledger import Account
from models.revisit import State
from models.stores import ledger
from tests.builders import FEE_FEN
from tests.charge.builders import orders, paying, says
from tests.process.hospital import Hospital, Unheard
from tests.process.visit import opened, refused, reported


async def test_a_report_is_only_a_reason_to_ask(hospital: Hospital) -> None:
    """What the channel itself does not bear out changes nothing, and is put off: it knocks again."""
    visit = await paying(hospital)
    await visit.orders()

    assert await refused(visit.is_reported()) == "charge.not_now"

    assert (visit.charge.state, await hospital.balances(), await hospital.unhandled()) == (ChargeState.OPEN, {}, 1)


async def test_a_report_that_outran_the_channels_own_query_is_heard_when_it_knocks_again(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    assert await refused(visit.is_reported()) == "charge.not_now"

    hospital.wechat_pay.pay(number)
    await visit.charge.news()

    assert (visit.charge.state, await hospital.unhandled()) == (ChargeState.PAID, 0)


async def test_a_report_before_any_order_is_put_off(hospital: Hospital) -> None:
    visit = await paying(hospital)

    assert await refused(visit.is_reported()) == "charge.not_now"

    assert (visit.charge.state, await hospital.unhandled()) == (ChargeState.OPEN, 1)


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


async def test_the_story_of_a_charge_is_told_to_the_fen(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.BOOKED)

    async with hospital.database.reading() as db:
        story = await ledger.of_charge(db, visit.charge.id)

    assert [(one.cause, one.account, one.amount_fen) for one in story] == [
        ("charge.paid", Account.WECHAT_PAY, FEE_FEN),
        ("charge.paid", Account.PATIENT_DUE, -FEE_FEN),
        ("charge.settled", Account.PATIENT_DUE, FEE_FEN),
        ("charge.settled", Account.HOSPITAL_INCOME, -FEE_FEN),
    ]


async def test_a_report_of_another_charge_says_nothing_of_this_one(hospital: Hospital) -> None:
    mine, another = await paying(hospital), await paying(hospital)
    hospital.wechat_pay.pay(await another.orders())
    await mine.orders()

    assert await refused(mine.charge.happens(Reported(id=ids.new()))) == "charge.not_now"

    assert mine.charge.state is ChargeState.OPEN
