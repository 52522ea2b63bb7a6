"""退号 until 接诊, the doctor's 退诊, and who never came: the place is free, and what was paid goes back whole (P-2.6a, D-2.3)."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from activities.booking import BookingActivities
from models.booking import ClaimState
from models.eligibility import RegulatorField
from models.kernel import ids
from models.kernel.errors import Unknown
from models.ledger import Account
from models.message import Template
from models.refund import CHANNEL_REASONS, Cause, RefundState
from models.revisit import BEFORE_ACCEPTED, Accept, Cancel, Decline, DeclineReason, Enter, Reason, State
from models.stores import revisit as revisits
from models.stores.database import Database, vault
from models.tables.message import MessageRow
from models.timeline import CANCEL_TEXTS, DECLINE_TEXTS
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard, wish
from tests.process.visit import Visit, opened, refused
from tests.record.builders import a_visit_of_people

Leaves = Callable[[Visit], Awaitable[object]]


async def alarms(visit: Visit, state: State) -> None:
    """Time passes, and nobody does anything, until it stands elsewhere."""
    while visit.state is state:
        await visit.desk.alarm()


LEFT = (Template.REVISIT_CANCELLED, Template.REVISIT_DECLINED)
"""What a visit that was left is told by."""


async def reasons_told(hospital: Hospital, visit: Visit, template: Template = Template.REVISIT_CANCELLED) -> list[str]:
    """Why the visit ended, as the patient reads it in each text."""
    query = select(MessageRow).where(MessageRow.visit_id == visit.id, MessageRow.template == template)
    async with hospital.database.reading() as db:
        rows = await db.scalars(query)
        return [json.loads(vault(db).open("message.params", row.id, row.params))["reason"] for row in rows]


async def is_left(visit: Visit, state: State, reason: Reason, refund: list[tuple[str, int]]) -> None:
    """The visit is over, its place is free with us, and that much is wanted back."""
    hospital, row = visit.hospital, await visit.hospital.row(visit.id)
    assert (row.state, row.reason, row.due_at, row.wake_at) == (state, reason, None, None)
    assert await hospital.wanted_back(row.charge_id) == refund
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
    if row.claim_id:
        assert (await hospital.claim(visit.id)).state is ClaimState.RELEASED


async def is_whole_again(visit: Visit) -> None:
    """Everything has gone back: at the HIS, at the channel, in our books; and whose money it was has been told."""
    hospital = visit.hospital
    await visit.is_given_back()
    assert (hospital.his.kept_fen, hospital.his.held(visit.unit.slot_ids[0])) == (0, 0)
    assert hospital.wechat_pay.given_back_fen == hospital.wechat_pay.takings_fen == FEE_FEN
    assert await hospital.balances() == {}
    told = await hospital.told(visit.id)
    assert (sum(told.count(one) for one in LEFT), told.count(Template.REFUND_ARRIVED)) == (1, 1)


@pytest.mark.parametrize("state", [State.CONSENTING, State.CHOOSING, State.DESCRIBING])
async def test_before_anything_is_to_be_paid_a_patient_just_leaves(hospital: Hospital, state: State) -> None:
    visit = await (await opened(hospital)).to(state)

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [])
    assert hospital.his.held(visit.unit.slot_ids[0]) == 0
    assert await reasons_told(hospital, visit) == (["您已退号"] if state is State.DESCRIBING else []), "of a place alone, not of a draft"


async def test_with_data_still_missing_a_patient_just_leaves(hospital: Hospital) -> None:
    visit = await opened(hospital, person=await hospital.person(missing=(RegulatorField.PHONE,)))
    await visit.goes_on()
    assert visit.state is State.COMPLETING

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [])


async def test_while_paying_the_charge_says_first_that_nothing_came(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.PAYING)
    await visit.orders()

    await visit.does(Cancel)
    await visit.charge.news()
    await visit.desk.news()

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [])
    assert (hospital.wechat_pay.payable, await reasons_told(hospital, visit)) == ([], ["您已退号"])


async def test_paid_in_that_moment_it_goes_back_whole(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.PAYING)
    number = await visit.orders()
    await visit.does(Cancel)
    hospital.wechat_pay.pay(number)
    await visit.charge.news()
    await visit.charge.happens()
    await visit.desk.news()

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [("patient", FEE_FEN)])
    assert await reasons_told(hospital, visit) == ["您已退号，已缴费用将原路退回"]
    await is_whole_again(visit)


@pytest.mark.parametrize("state", [State.BOOKED, State.WAITING])
async def test_until_he_is_accepted_a_patient_leaves_and_is_given_back_all(hospital: Hospital, runs: Unheard, state: State) -> None:
    """Also after 报到."""
    visit = await (await opened(hospital)).to(state)

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [("patient", FEE_FEN)])
    assert await reasons_told(hospital, visit) == ["您已退号，已缴费用将原路退回"]
    assert runs.begun[-1] == ("refund", (await visit.refund()).id)
    assert hospital.his.times("release") == 0, "it is booked there: its refund reverses it"
    await is_whole_again(visit)
    assert hospital.his.of_claim((await hospital.row(visit.id)).claim_id).status == "cancelled"


async def test_called_and_passed_over_a_patient_may_leave_again(hospital: Hospital) -> None:
    """过号: nobody has seen him yet."""
    visit = await (await opened(hospital)).to(State.CONSULTING)
    await visit.desk.alarm()
    await visit.desk.alarm()
    assert visit.state is State.WAITING

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [("patient", FEE_FEN)])
    await is_whole_again(visit)


@pytest.mark.parametrize("entered", [False, True])
async def test_once_accepted_only_the_doctor_gives_a_visit_back(hospital: Hospital, entered: bool) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    if entered:
        await visit.does(Enter)

    assert await refused(visit.does(Cancel)) == "not_now"

    assert ((await hospital.row(visit.id)).state, await hospital.wanted_back(visit.charge.id)) == (State.CONSULTING, [])


async def test_repeated_under_its_key_a_cancel_is_done_once(hospital: Hospital) -> None:
    visit, leave = await (await opened(hospital)).to(State.BOOKED), hospital.work(BookingActivities.leave)
    before, cancel = visit.now, wish(Cancel, visit.person.account_id)

    assert await leave(before, cancel) == await leave(before, cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [("patient", FEE_FEN)])
    assert len(await reasons_told(hospital, visit)) == 1


# The hospital's own cut-off


async def with_a_cut_off(hospital: Hospital, state: State) -> Visit:
    """Two hours to the slot, and 退号 ends an hour before it."""
    return await (await opened(hospital, starts_in=timedelta(hours=2), rules={"cancel_cutoff_s": 3600})).to(state)


@pytest.mark.parametrize("state", [State.BOOKED, State.WAITING])
async def test_before_the_hospitals_cut_off_a_patient_may_leave(hospital: Hospital, clock: Hands, state: State) -> None:
    visit = await with_a_cut_off(hospital, state)
    clock.at = visit.unit.starts_at - timedelta(hours=1, microseconds=1)

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [("patient", FEE_FEN)])


@pytest.mark.parametrize("state", [State.BOOKED, State.WAITING])
async def test_from_the_cut_off_on_it_is_too_late_and_the_visit_stays(hospital: Hospital, clock: Hands, state: State) -> None:
    visit = await with_a_cut_off(hospital, state)
    clock.at = visit.unit.starts_at - timedelta(hours=1)

    assert await refused(visit.does(Cancel)) == "revisit.too_late_to_cancel"

    row = await hospital.row(visit.id)
    assert (row.state, row.step, row.under_way) == (state, None, None), "free for the next wish"
    assert (await hospital.wanted_back(visit.charge.id), await reasons_told(hospital, visit)) == ([], [])
    assert (await hospital.taken(visit.unit.slot_ids[0]), hospital.his.kept_fen) == (1, FEE_FEN)


async def test_a_cancel_that_was_done_answers_the_same_after_the_cut_off(hospital: Hospital, clock: Hands) -> None:
    visit, leave = await with_a_cut_off(hospital, State.BOOKED), hospital.work(BookingActivities.leave)
    before, cancel = visit.now, wish(Cancel, visit.person.account_id)
    first = await leave(before, cancel)
    clock.at = visit.unit.starts_at

    assert await leave(before, cancel) == first

    assert first.state is State.CANCELLED


@pytest.mark.parametrize("state", [State.CONSENTING, State.CHOOSING, State.DESCRIBING])
async def test_who_has_not_paid_knows_no_cut_off(hospital: Hospital, state: State) -> None:
    visit = await (await opened(hospital, starts_in=timedelta(minutes=5), rules={"cancel_cutoff_s": 3600})).to(state)

    await visit.does(Cancel)

    await is_left(visit, State.CANCELLED, Reason.PATIENT, [])


async def test_the_doctors_decline_knows_no_cut_off(hospital: Hospital, clock: Hands) -> None:
    visit = await with_a_cut_off(hospital, State.WAITING)
    clock.at = visit.unit.starts_at

    await visit.does(Decline, reason=DeclineReason.IN_PERSON)

    await is_left(visit, State.DECLINED, Reason.DECLINED, [("declined", FEE_FEN)])


# The hospital's side


@pytest.mark.parametrize("reason", DeclineReason)
async def test_a_doctor_declines_who_waits_with_a_reason(hospital: Hospital, reason: DeclineReason) -> None:
    visit = await (await opened(hospital)).to(State.WAITING)
    note_id = ids.new()
    async with hospital.database.transaction() as db:
        await revisits.keep_note(db, note_id, visit.id, visit.unit.doctor_account_id, "慢阻肺急性加重")

    await visit.does(Decline, reason=reason, note_id=note_id)

    await is_left(visit, State.DECLINED, Reason.DECLINED, [("declined", FEE_FEN)])
    assert (await hospital.row(visit.id)).declined_for == reason
    assert await reasons_told(hospital, visit, Template.REVISIT_DECLINED) == [DECLINE_TEXTS[reason]], "the approved words alone, no note"
    await is_whole_again(visit)


@pytest.mark.parametrize("entered", [False, True])
async def test_a_doctor_declines_in_the_consulting_room(hospital: Hospital, entered: bool) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    if entered:
        await visit.does(Enter)

    await visit.does(Decline, reason=DeclineReason.IN_PERSON)

    await is_left(visit, State.DECLINED, Reason.DECLINED, [("declined", FEE_FEN)])
    assert hospital.his.in_the_room == [], "before any money went back"
    await is_whole_again(visit)
    [given] = hospital.wechat_pay.refunds.values()
    assert given.reason == CHANNEL_REASONS[Cause.DECLINED] == "退诊退费"


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_his_is_told_of_a_decline_until_it_knows(hospital: Hospital, *, landed: bool) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    hospital.his.silent("cancel_encounter", times=2, landed=landed)

    await visit.does(Decline, reason=DeclineReason.IN_PERSON)

    await is_left(visit, State.DECLINED, Reason.DECLINED, [("declined", FEE_FEN)])
    assert (hospital.his.in_the_room, hospital.his.times("cancel_encounter")) == ([], 3)
    await is_whole_again(visit)


async def test_a_his_that_keeps_what_began_keeps_nobody_in_the_room(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    hospital.his.refuses("cancel_encounter", "his.executed")

    await visit.does(Decline, reason=DeclineReason.IN_PERSON)

    await is_left(visit, State.DECLINED, Reason.DECLINED, [("declined", FEE_FEN)])
    assert (await hospital.row(visit.id)).refusal == "his.executed"


PASSED_OVER: dict[str, tuple[State, Leaves]] = {
    "patient": (State.CANCELLED, lambda visit: visit.does(Cancel)),
    "declined": (State.DECLINED, lambda visit: visit.does(Decline, reason=DeclineReason.UNREACHABLE)),
    "not_accepted": (State.DECLINED, lambda visit: alarms(visit, State.WAITING)),
}


@pytest.mark.parametrize(("reason", "how"), PASSED_OVER.items(), ids=PASSED_OVER)
async def test_what_began_ends_also_for_who_was_passed_over(hospital: Hospital, reason: str, how: tuple[State, Leaves]) -> None:
    visit = await (await opened(hospital)).to(State.CONSULTING)
    await alarms(visit, State.CONSULTING)

    await how[1](visit)

    await is_left(visit, how[0], Reason(reason), [(reason, FEE_FEN)])
    assert hospital.his.in_the_room == []
    await is_whole_again(visit)


async def test_who_cancels_in_time_is_let_go_however_long_the_his_takes(hospital: Hospital, clock: Hands) -> None:
    """The cut-off is asked once, before the HIS hears anything."""
    visit = await with_a_cut_off(hospital, State.CONSULTING)
    await alarms(visit, State.CONSULTING)
    gone, leave = wish(Cancel, visit.person.account_id), hospital.work(BookingActivities.leave)
    hospital.his.silent("cancel_encounter", landed=True)
    before = visit.now
    with pytest.raises(Unknown):
        await leave(before, gone)
    await hospital.hand_time_is_up()
    clock.at = visit.unit.starts_at

    assert (await leave(before, gone)).state is State.CANCELLED


async def test_who_cancels_too_late_leaves_what_began_as_it_is(hospital: Hospital, clock: Hands) -> None:
    visit = await with_a_cut_off(hospital, State.CONSULTING)
    await alarms(visit, State.CONSULTING)
    clock.at = visit.unit.starts_at

    assert await refused(visit.does(Cancel)) == "revisit.too_late_to_cancel"

    assert len(hospital.his.in_the_room) == 1
    await visit.does(Accept)
    await visit.to(State.CLOSED)


async def test_who_never_came_is_given_back_all(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.BOOKED)
    await visit.desk.alarm()
    await visit.desk.alarm()

    await is_left(visit, State.ABSENT, Reason.ABSENT, [("absent", FEE_FEN)])
    assert await reasons_told(hospital, visit) == ["就诊时段已结束，未就诊，已缴费用将原路退回"]
    await is_whole_again(visit)


async def test_whom_nobody_accepted_is_given_back_all(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.WAITING)
    await alarms(visit, State.WAITING)

    await is_left(visit, State.DECLINED, Reason.NOT_ACCEPTED, [("not_accepted", FEE_FEN)])
    assert await reasons_told(hospital, visit) == ["医生未能接诊，费用将原路退回"]
    await is_whole_again(visit)


async def test_what_the_his_did_not_settle_goes_back_without_asking_it(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.PAYING)
    hospital.his.refuses("settle", "his.amount-differs")
    await visit.pays()

    await is_left(visit, State.CANCELLED, Reason.UNSETTLED, [("unsettled", FEE_FEN)])
    assert await reasons_told(hospital, visit) == ["医院未能确认预约，费用将原路退回"]
    assert await hospital.balances() == {Account.WECHAT_PAY: FEE_FEN, Account.PATIENT_DUE: -FEE_FEN}
    assert (await visit.refund()).state is RefundState.CLEARED
    await is_whole_again(visit)
    assert hospital.his.times("reverse") == 0


LEAVES: dict[str, tuple[State, Leaves]] = {
    "patient": (State.WAITING, lambda visit: visit.does(Cancel)),
    "declined": (State.WAITING, lambda visit: visit.does(Decline, reason=DeclineReason.IN_PERSON)),
}


@pytest.mark.parametrize(("state", "leaves"), LEAVES.values(), ids=LEAVES)
async def test_who_left_may_come_again_and_his_place_is_free_for_another(hospital: Hospital, state: State, leaves: Leaves) -> None:
    visit = await (await opened(hospital)).to(state)
    await leaves(visit)
    await visit.is_given_back()

    again = await opened(hospital, person=visit.person, unit=visit.unit)
    await again.to(State.WAITING)
    await again.does(Accept)

    assert (again.state, hospital.his.held(visit.unit.slot_ids[0])) == (State.CONSULTING, 1)


@pytest.mark.parametrize("state", State)
async def test_the_screen_says_the_rule_beside_the_button_or_in_its_place(
    api: httpx.AsyncClient, database: Database, clock: Hands, state: State
) -> None:
    visit = await a_visit_of_people(database, clock, state)

    told = (await api.get(f"/v1/revisits/{visit.id}", headers=visit.patient)).json()

    assert ("cancel" in told["allowed"], told["cancel_text"]) == (state in BEFORE_ACCEPTED, CANCEL_TEXTS.get(state))
