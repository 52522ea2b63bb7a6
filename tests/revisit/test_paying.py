"""Described, paid, booked; or left while money may be on its way (P-2.3, P-2.6a)."""

from datetime import timedelta

import pytest

from activities.booking import BookingActivities
from models.booking import ClaimState
from models.charge import ChargeState
from models.kernel import ids
from models.kernel.errors import Unknown
from models.ledger import Account
from models.message import Template
from models.process import Alarm
from models.revisit import Cancel, ChargeEnded, Describe, Reason, State
from tests.builders import FEE_FEN
from tests.process.hospital import Hospital, Unheard
from tests.process.visit import Visit, minutes, opened, refused


async def paying(hospital: Hospital) -> Visit:
    return await (await opened(hospital)).to(State.PAYING)


async def test_what_is_described_begins_the_charge(hospital: Hospital, runs: Unheard) -> None:
    visit = await paying(hospital)

    charge = visit.charge.now
    assert (charge.state, charge.visit_id) == (ChargeState.OPEN, visit.id)
    assert runs.begun == [("charge", charge.id)]
    assert minutes(visit, charge.due_at) == 14, "an order at the channel ends before the hold"
    assert (minutes(visit, visit.now.due_at), visit.now.wake_at) == (15, None), "from here on only the charge has an alarm"


async def test_too_late_to_describe_is_refused(hospital: Hospital) -> None:
    visit = await (await opened(hospital, rules={"hold_s": 60, "order_margin_s": 60})).to(State.DESCRIBING)

    assert await refused(visit.describes()) == "charge.too_late"
    assert (await visit.desk.begin()).charge_id is None


async def test_another_visits_description_is_refused(hospital: Hospital) -> None:
    visit, another = await (await opened(hospital)).to(State.DESCRIBING), await opened(hospital)

    assert await refused(visit.does(Describe, intake_id=await hospital.described(another.id))) == "intake.missing"
    assert await refused(visit.does(Describe, intake_id=ids.new())) == "intake.missing"
    assert (await visit.desk.begin()).state is State.DESCRIBING


async def test_paid_and_settled_the_visit_is_booked(hospital: Hospital) -> None:
    visit = await (await opened(hospital, starts_in=timedelta(hours=2))).to(State.BOOKED)

    claim = await hospital.claim(visit.id)
    assert claim.state is ClaimState.BOOKED
    assert hospital.his.of_claim(claim.id).status == "booked"
    assert await hospital.told(visit.id) == [Template.REVISIT_BOOKED]
    assert (visit.now.due_at, minutes(visit, visit.now.wake_at)) == (visit.unit.ends_at, 90)
    assert await hospital.unhandled() == 0
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN}


async def test_told_twice_that_it_is_paid_it_is_booked_once(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.pays()
    before, ended = visit.now, ids.derived("charge_ended", visit.charge.id)
    told = ChargeEnded(id=ended, charge_id=visit.charge.id, outcome="settled")

    assert await hospital.work(BookingActivities.book)(before.model_copy(update={"state": State.PAYING}), told) == before
    assert await hospital.told(visit.id) == [Template.REVISIT_BOOKED]


async def test_unpaid_at_the_end_of_the_hold_the_visit_is_cancelled(hospital: Hospital) -> None:
    visit = await paying(hospital)

    await visit.charge.alarm()
    await visit.desk.news()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason, row.due_at) == (State.CANCELLED, Reason.UNPAID, None)
    assert (await hospital.taken(visit.unit.slot_ids[0]), hospital.his.held(visit.unit.slot_ids[0])) == (0, 0)
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]
    assert (await hospital.wanted_back(visit.charge.id), await hospital.balances()) == ([], {})


async def test_while_money_may_come_there_is_no_alarm(hospital: Hospital) -> None:
    visit = await paying(hospital)

    with pytest.raises(AssertionError, match="no alarm is set"):
        await visit.desk.happens(Alarm())


async def test_a_cancel_while_paying_waits_for_the_charges_word(hospital: Hospital, runs: Unheard) -> None:
    visit = await paying(hospital)
    await visit.orders()

    await visit.does(Cancel)

    assert (visit.state, visit.now.leaving_as) == (State.CLOSING, State.CANCELLED)
    assert hospital.his.held(visit.unit.slot_ids[0]) == 1, "nothing is released before the channel has closed"
    assert [(process, id) for process, id, _ in runs.knocked] == [("charge", visit.charge.id)]
    assert await refused(visit.does(Cancel)) == "not_now"


async def test_closed_at_the_channel_the_visit_is_cancelled(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.orders()
    await visit.does(Cancel)

    await visit.charge.news()
    await visit.desk.news()

    assert (visit.state, (await hospital.row(visit.id)).reason) == (State.CANCELLED, Reason.PATIENT)
    assert (hospital.wechat_pay.payable, hospital.his.held(visit.unit.slot_ids[0])) == ([], 0)
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]
    assert (await hospital.wanted_back(visit.charge.id), await hospital.unhandled()) == ([], 0)


async def test_paid_after_all_the_visit_is_cancelled_and_the_money_wanted_back(hospital: Hospital) -> None:
    visit = await paying(hospital)
    order = await visit.orders()
    await visit.does(Cancel)
    hospital.wechat_pay.pay(order)

    await visit.charge.news()
    assert visit.charge.state is ChargeState.PAID
    await visit.charge.happens()
    await visit.desk.news()

    assert (visit.state, (await hospital.row(visit.id)).reason) == (State.CANCELLED, Reason.PATIENT)
    assert await hospital.wanted_back(visit.charge.id) == [("patient", FEE_FEN)]
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
    assert await hospital.unhandled() == 0


async def test_the_his_refuses_to_settle_and_the_visit_leaves_with_the_money_wanted_back(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.refuses("settle", "his.amount-differs")

    await visit.pays()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.UNSETTLED)
    assert (visit.charge.state, await hospital.wanted_back(visit.charge.id)) == (ChargeState.UNSETTLED, [("unsettled", FEE_FEN)])
    assert (await hospital.taken(visit.unit.slot_ids[0]), hospital.his.held(visit.unit.slot_ids[0])) == (0, 0)
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}, "it is still the patient's"


async def test_unsettled_while_closing_says_so(hospital: Hospital) -> None:
    visit = await paying(hospital)
    order = await visit.orders()
    await visit.does(Cancel)
    hospital.wechat_pay.pay(order)
    hospital.his.refuses("settle", "his.lock-expired")

    await visit.charge.news()
    await visit.charge.happens()
    await visit.desk.news()

    assert (visit.state, (await hospital.row(visit.id)).reason) == (State.CANCELLED, Reason.UNSETTLED)
    assert await hospital.wanted_back(visit.charge.id) == [("unsettled", FEE_FEN)], "wanted back once"


async def test_a_crash_while_leaving_releases_once(hospital: Hospital) -> None:
    visit = await paying(hospital)
    await visit.charge.alarm()
    ended = (await hospital.waiting(visit.id))[0]
    leave = hospital.work(BookingActivities.leave)
    hospital.his.silent("release", landed=True)
    with pytest.raises(Unknown):
        await leave(visit.now, ended)
    await hospital.hand_time_is_up()

    first, again = await leave(visit.now, ended), await leave(visit.now, ended)

    assert first == again
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]
