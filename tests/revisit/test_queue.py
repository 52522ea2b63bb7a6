"""From 待报到 to 已结束: reminded, checked in, accepted, called, seen; and every way out after payment (P-2.4, P-4, D-2.3)."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from models.account import Role
from models.booking import ClaimState
from models.kernel.clock import SHANGHAI
from models.kernel.errors import known
from models.message import Template
from models.process import Alarm, Command
from models.revisit import Accept, Cancel, CheckIn, Decline, DeclineReason, End, Enter, Reason, State, queue_key
from models.stores.database import vault
from models.tables.message import MessageRow
from tests.account.builders import a_staff_member
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital
from tests.process.visit import Visit, minutes, opened, refused

TOLD_BEFORE = [Template.REVISIT_BOOKED]


async def at(hospital: Hospital, state: State, *, starts_in: timedelta = timedelta(hours=1)) -> Visit:
    return await (await opened(hospital, starts_in=starts_in)).to(state)


async def told_since(hospital: Hospital, visit: Visit) -> list[Template]:
    told = await hospital.told(visit.id)
    for one in TOLD_BEFORE:
        told.remove(one)
    return told


async def passed_over_at_the_latest(hospital: Hospital, visit: Visit) -> list[str]:
    """When it is 过号, as each further call says it."""
    async with hospital.database.reading() as db:
        mine = select(MessageRow).where(MessageRow.visit_id == visit.id, MessageRow.template == Template.REVISIT_CALLED_AGAIN)
        rows = await db.scalars(mine.order_by(MessageRow.due_at))
        return [json.loads(vault(db).open("message.params", row.id, row.params))["time"] for row in rows]


async def phones_told(hospital: Hospital, template: Template) -> list[str]:
    """Who gets a message, in the order in which it is due."""
    async with hospital.database.reading() as db:
        rows = await db.scalars(select(MessageRow).where(MessageRow.template == template).order_by(MessageRow.due_at))
        return [vault(db).open("message.phone", row.id, row.phone) for row in rows]


async def test_a_booked_visit_is_reminded_of_once(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED)

    await visit.desk.alarm()

    assert (visit.state, visit.now.wake_at) == (State.BOOKED, visit.unit.ends_at), "the next alarm is the end of the unit"
    assert await told_since(hospital, visit) == [Template.REVISIT_REMINDER]


async def test_nobody_is_reminded_of_what_has_begun(hospital: Hospital, clock: Hands) -> None:
    visit = await at(hospital, State.BOOKED)
    clock.at = visit.unit.starts_at

    await visit.desk.alarm()

    assert (visit.state, visit.now.wake_at) == (State.BOOKED, visit.unit.ends_at)
    assert await told_since(hospital, visit) == []


async def test_booked_at_the_last_minute_it_is_not_reminded_of(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED, starts_in=timedelta(minutes=20))

    assert visit.now.wake_at == visit.now.due_at == visit.unit.ends_at


async def test_a_patient_checks_in_on_the_day(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED)

    await visit.checks_in()

    row = await hospital.row(visit.id)
    assert (row.state, row.checked_in_at) == (State.WAITING, hospital.clock())
    assert hospital.his.of_claim(row.claim_id).status == "arrived"
    assert (row.due_at, minutes(visit, row.wake_at)) == (datetime(2026, 3, 3, tzinfo=SHANGHAI), 30)


async def test_not_on_the_day_before(hospital: Hospital, clock: Hands) -> None:
    visit = await at(hospital, State.BOOKED, starts_in=timedelta(days=1))

    assert await refused(visit.checks_in()) == "queue.not_the_day"
    assert hospital.his.times("check_in") == 0
    await visit.desk.begin()
    clock.at = datetime(2026, 3, 3, 0, 1, tzinfo=SHANGHAI)
    await visit.checks_in()
    assert visit.state is State.WAITING


async def test_a_unit_past_midnight_is_checked_in_for_while_it_runs(hospital: Hospital, clock: Hands) -> None:
    visit = await at(hospital, State.BOOKED, starts_in=timedelta(hours=14))
    clock.at = datetime(2026, 3, 3, 0, 30, tzinfo=SHANGHAI)

    await visit.checks_in()

    assert visit.now.due_at == datetime(2026, 3, 3, 2, 0, tzinfo=SHANGHAI), "accepted by the end of the unit, not by midnight"


async def test_a_check_in_that_the_his_refuses_may_be_tried_again(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED)
    hospital.his.refuses("check_in", "his.not-booked")

    assert await refused(visit.checks_in()) == "his.not-booked"
    assert (await visit.desk.begin()).under_way is None
    await visit.checks_in()
    assert visit.state is State.WAITING


async def test_who_never_came_is_absent_and_the_money_is_wanted_back(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED)
    await visit.desk.alarm()
    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason, row.moved_at, row.due_at) == (State.ABSENT, Reason.ABSENT, visit.unit.ends_at, None)
    assert hospital.his.of_claim(row.claim_id).status == "noshow"
    assert await hospital.wanted_back(row.charge_id) == [("absent", FEE_FEN)]
    assert await told_since(hospital, visit) == [Template.REVISIT_CANCELLED, Template.REVISIT_REMINDER]
    assert (await hospital.claim(visit.id)).state is ClaimState.RELEASED


async def test_a_his_that_refuses_the_no_show_keeps_nobody(hospital: Hospital) -> None:
    visit = await at(hospital, State.BOOKED, starts_in=timedelta(0))
    hospital.his.refuses("no_show", "his.not-booked")

    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.refusal, await hospital.wanted_back(row.charge_id)) == (State.ABSENT, "his.not-booked", [("absent", FEE_FEN)])


async def test_a_doctor_is_reminded_then_the_office_then_the_visit_is_declined(hospital: Hospital) -> None:
    visit = await at(hospital, State.WAITING)
    async with hospital.database.transaction() as db:
        office = "13900000002"
        await a_staff_member(db, Role.MANAGEMENT, phone=office)

    await visit.desk.alarm()
    doctors = await phones_told(hospital, Template.CLINIC_WAITING)
    assert (len(doctors), minutes(visit, visit.now.wake_at)) == (1, 30)
    await visit.desk.alarm()
    assert await phones_told(hospital, Template.CLINIC_WAITING) == [*doctors, office]
    assert visit.now.wake_at == visit.now.due_at == datetime(2026, 3, 3, tzinfo=SHANGHAI)
    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason) == (State.DECLINED, Reason.NOT_ACCEPTED)
    assert await hospital.wanted_back(row.charge_id) == [("not_accepted", FEE_FEN)]
    assert (await told_since(hospital, visit)).count(Template.REVISIT_CANCELLED) == 1
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
    assert hospital.his.times("release") == 0, "it is booked there: its refund reverses it"


async def test_accepted_the_patient_is_invited(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)

    row = await hospital.row(visit.id)
    assert (row.encounter_id, row.calls, row.called_at, row.entered_at) == (hospital.his.encounters[visit.id], 1, hospital.clock(), None)
    assert (minutes(visit, row.wake_at), minutes(visit, row.due_at)) == (5, 10)
    assert await told_since(hospital, visit) == [Template.REVISIT_CALLED]


async def test_a_silent_his_begins_one_encounter(hospital: Hospital) -> None:
    visit = await at(hospital, State.WAITING)
    hospital.his.silent("begin_encounter", landed=True)

    await visit.does(Accept)

    assert (visit.state, len(hospital.his.encounters)) == (State.CONSULTING, 1)


async def test_an_encounter_that_the_his_refuses_leaves_the_patient_waiting(hospital: Hospital) -> None:
    visit = await at(hospital, State.WAITING)
    hospital.his.refuses("begin_encounter", "his.not-booked")

    assert await refused(visit.does(Accept)) == "his.not-booked"
    row = await visit.desk.begin()
    assert (row.state, row.under_way) == (State.WAITING, None)


async def test_who_does_not_come_is_called_again_and_then_passed_over(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)

    await visit.desk.alarm()
    assert (visit.state, visit.now.calls) == (State.CONSULTING, 2)
    assert await told_since(hospital, visit) == [Template.REVISIT_CALLED, Template.REVISIT_CALLED_AGAIN]
    assert await passed_over_at_the_latest(hospital, visit) == ["3月2日 09:10"]
    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.passed_over_at) == (State.WAITING, hospital.clock())
    assert (minutes(visit, row.wake_at), row.due_at) == (30, datetime(2026, 3, 3, tzinfo=SHANGHAI))
    assert await hospital.wanted_back(row.charge_id) == []


async def test_who_is_called_again_late_has_the_whole_time_to_come(hospital: Hospital, clock: Hands) -> None:
    """Nothing of ours ran for an hour: the second call must not be the 过号 as well."""
    visit = await at(hospital, State.CONSULTING)
    clock.forward(hours=1)

    await visit.desk.alarm()

    assert visit.now.last_call
    assert minutes(visit, visit.now.wake_at) == 5


@pytest.mark.parametrize("calls_max", [1, 3])
async def test_how_often_is_a_rule(hospital: Hospital, calls_max: int) -> None:
    visit = await (await opened(hospital, rules={"calls_max": calls_max})).to(State.CONSULTING)
    for _ in range(calls_max):
        assert visit.state is State.CONSULTING
        await visit.desk.alarm()

    assert visit.state is State.WAITING
    assert await told_since(hospital, visit) == [Template.REVISIT_CALLED] + [Template.REVISIT_CALLED_AGAIN] * (calls_max - 1)
    assert await passed_over_at_the_latest(hospital, visit) == ["3月2日 09:15"] * (calls_max - 1)


async def test_passed_over_one_waits_behind_those_who_came_meanwhile(hospital: Hospital) -> None:
    first, second = await at(hospital, State.CONSULTING), await at(hospital, State.WAITING)
    await first.desk.alarm()
    await first.desk.alarm()

    rows = [await hospital.row(one.id) for one in (second, first)]
    keys = [queue_key(known(row.checked_in_at), row.passed_over_at) for row in rows]
    assert keys == sorted(keys)
    assert rows[0].passed_over_at is None


async def test_passed_over_one_is_accepted_again(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)
    await visit.desk.alarm()
    await visit.desk.alarm()

    await visit.does(Accept)

    assert (visit.state, visit.now.calls, visit.now.entered, len(hospital.his.encounters)) == (State.CONSULTING, 1, False, 1)
    await visit.is_seen()
    assert visit.state is State.ENDED


async def test_who_entered_is_not_called_any_more(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)

    await visit.does(Enter)

    assert (visit.now.entered, visit.now.due_at, visit.now.wake_at) == (True, None, None)
    with pytest.raises(AssertionError, match="no alarm is set"):
        await visit.desk.happens(Alarm())


async def test_a_visit_is_not_ended_without_the_patient_or_without_a_record(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)

    assert await refused(visit.does(End)) == "revisit.not_entered"
    await visit.does(Enter)
    assert await refused(visit.does(End)) == "record.missing"
    assert (await visit.desk.begin()).under_way is None
    assert hospital.his.times("finish_encounter") == 0


async def test_ended_the_place_is_used_and_the_patient_told(hospital: Hospital) -> None:
    visit = await at(hospital, State.ENDED)

    row = await hospital.row(visit.id)
    until = hospital.clock() + timedelta(days=7)
    assert (row.ended_at, row.due_at, row.wake_at) == (hospital.clock(), until, until), "the survey's"
    assert hospital.his.of_claim(row.claim_id).status == "fulfilled"
    assert (await hospital.claim(visit.id)).state is ClaimState.FULFILLED
    assert await told_since(hospital, visit) == [Template.REVISIT_CALLED, Template.REVISIT_ENDED]


async def test_a_silent_his_is_told_of_the_end_until_it_knows(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)
    hospital.his.silent("finish_encounter", times=2)

    await visit.is_seen()

    assert (visit.state, hospital.his.times("finish_encounter")) == (State.ENDED, 3)
    assert (await told_since(hospital, visit)).count(Template.REVISIT_ENDED) == 1


async def test_an_end_that_the_his_refuses_leaves_the_consultation_open(hospital: Hospital) -> None:
    visit = await at(hospital, State.CONSULTING)
    hospital.his.refuses("finish_encounter", "his.encounter-closed")

    assert await refused(visit.is_seen()) == "his.encounter-closed"
    row = await visit.desk.begin()
    assert (row.state, row.under_way) == (State.CONSULTING, None)


async def test_a_whole_visit_is_told_step_by_step_and_costs_what_the_his_says(hospital: Hospital) -> None:
    visit = await at(hospital, State.CLOSED)

    assert await hospital.story(visit.id) == [
        *("revisit.open", "eligibility.check", "consent.self_check", "consent.consent", "booking.hold", "intake.describe"),
        *("booking.book", "queue.check_in", "queue.accept", "queue.enter", "revisit.end", "survey.answer"),
    ]
    assert await hospital.story(visit.charge.id) == ["charge.order", "charge.query", "charge.settle"]
    assert await told_since(hospital, visit) == [Template.REVISIT_CALLED, Template.REVISIT_ENDED]
    assert hospital.wechat_pay.takings_fen == sum(one.amount_fen for one in hospital.his.payments.values()) == FEE_FEN
    assert await hospital.unhandled() == 0


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        *((CheckIn, State.WAITING), (Accept, State.CONSULTING), (Enter, State.WAITING), (End, State.WAITING)),
        *((Cancel, State.CONSULTING), (Decline, State.BOOKED)),
    ],
)
async def test_out_of_turn_is_refused(hospital: Hospital, kind: type[Command], state: State) -> None:
    visit = await at(hospital, state)
    fields = {"reason": DeclineReason.IN_PERSON} if kind is Decline else {}

    assert await refused(visit.does(kind, **fields)) == "not_now"
