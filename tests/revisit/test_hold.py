"""A place: claimed by us, locked at the HIS under the claim's number, held for a while, given back (P-2.3)."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from activities.booking import BookingActivities
from models.booking import ClaimState
from models.kernel.errors import Unknown
from models.message import Template
from models.revisit import Cancel, ChooseSlot, Reason, State
from models.schedule import SlotState
from models.tables.directory import SlotRow
from tests.client import Hands
from tests.process.his import Place
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, minutes, opened, refused


async def choosing(hospital: Hospital) -> Visit:
    return await (await opened(hospital)).to(State.CHOOSING)


async def place_is_free(hospital: Hospital, visit: Visit) -> bool:
    """Neither our claim nor a lock of the HIS stands in a next patient's way."""
    slot_id = visit.unit.slot_ids[0]
    return await hospital.taken(slot_id) == 0 and hospital.his.held(slot_id) == 0


async def test_a_place_is_claimed_and_locked_and_held_a_quarter_of_an_hour(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    slot_id = visit.unit.slot_ids[0]

    await visit.chooses()

    assert visit.state is State.DESCRIBING
    assert minutes(visit, visit.now.due_at) == minutes(visit, visit.now.wake_at) == 15
    assert (await hospital.taken(slot_id), hospital.his.held(slot_id)) == (1, 1)
    claim, row = await hospital.claim(visit.id), await hospital.row(visit.id)
    assert (claim.state, claim.slot_id, claim.fee_fen) == (ClaimState.HELD, slot_id, 5000)
    assert (claim.appointment_id, claim.invoice_id) == (hospital.his.of_claim(claim.id).id, hospital.his.of_claim(claim.id).invoice_id)
    assert (row.doctor_id, row.slot_id, row.slot_starts_at) == (visit.unit.doctor_id, slot_id, visit.unit.starts_at)


async def test_the_hold_ends_before_the_lock_of_the_his(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.locks_for = timedelta(minutes=10)

    await visit.chooses()

    assert minutes(visit, visit.now.due_at) == 8


async def test_a_refused_lock_gives_the_claim_back_and_another_place_may_be_chosen(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.refuses("lock", "his.slot-full")

    assert await refused(visit.chooses()) == "slot.sold_out"
    assert await place_is_free(hospital, visit)
    await visit.desk.begin()
    assert (visit.state, visit.now.under_way) == (State.CHOOSING, None)
    await visit.chooses()
    assert visit.state is State.DESCRIBING


async def test_the_same_wish_may_be_repeated_after_a_refusal(hospital: Hospital) -> None:
    """Refusals are not remembered: asked again under the same key, it may be granted."""
    visit = await choosing(hospital)
    choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
    hospital.his.refuses("lock", "his.slot-full")
    await refused(visit.desk.happens(choice))

    await visit.desk.happens(choice)

    assert visit.state is State.DESCRIBING
    assert await hospital.taken(visit.unit.slot_ids[0]) == 1


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("his.slot-full", "slot.sold_out"), ("his.slot-stopped", "slot.stopped"), ("his.duplicate-booking", "booking.held_already")],
)
async def test_a_refusal_of_the_his_is_said_in_our_words(hospital: Hospital, theirs: str, ours: str) -> None:
    visit = await choosing(hospital)
    hospital.his.refuses("lock", theirs)

    assert await refused(visit.chooses()) == ours


async def test_a_lock_that_landed_though_refused_is_released(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.refuses("lock", "his.slot-full", landed=True)

    await refused(visit.chooses())

    assert await place_is_free(hospital, visit)
    assert (hospital.his.times("find_lock"), hospital.his.times("release")) == (1, 1)


async def test_a_silent_his_is_asked_again_under_the_same_number(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.silent("lock", times=2)

    await visit.chooses()

    assert visit.state is State.DESCRIBING
    assert (hospital.his.times("lock"), len(hospital.his.appointments)) == (3, 1)
    assert (await hospital.story(visit.id)).count("booking.hold") == 1


async def test_an_answer_that_was_lost_is_no_second_lock(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.silent("lock", landed=True, times=2)

    await visit.chooses()

    assert (await hospital.claim(visit.id)).appointment_id == "apt-1"
    assert (len(hospital.his.appointments), await hospital.taken(visit.unit.slot_ids[0])) == (1, 1)


async def test_silent_even_about_the_lock_it_refused_it_is_asked_until_it_is_known(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.refuses("lock", "his.slot-full", landed=True)
    hospital.his.silent("find_lock")

    await visit.chooses()

    assert visit.state is State.DESCRIBING, "asked again, the lock that had landed is ours after all"


async def test_a_lock_that_ended_before_its_answer_came_is_no_place(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    hospital.his.locks_for = timedelta(0)

    assert await refused(visit.chooses()) == "slot.lock_lapsed"
    assert await place_is_free(hospital, visit)


async def test_a_place_for_which_nothing_is_to_be_paid_is_refused_at_once(hospital: Hospital) -> None:
    """A charge of nothing cannot be, so the step that wants it would never end."""
    visit = await choosing(hospital)
    hospital.his.places[visit.unit.slot_ids[0]] = Place(capacity=1, fee_fen=0)

    assert await refused(visit.chooses()) == "slot.not_payable"
    assert await place_is_free(hospital, visit)


async def test_a_crash_between_the_fence_and_the_lock_is_finished_by_the_next_hand(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
    hold = hospital.work(BookingActivities.hold)
    hospital.his.silent("lock", landed=True)
    with pytest.raises(Unknown):
        await hold(visit.now, choice)

    stuck = await visit.desk.begin()
    assert stuck.under_way == choice, "whoever begins again finishes this first"
    await hospital.hand_time_is_up()
    row = await hold(stuck, choice)

    assert (row.state, row.under_way) == (State.DESCRIBING, None)
    assert (len(hospital.his.appointments), await hospital.taken(visit.unit.slot_ids[0])) == (1, 1)


async def test_a_crash_after_the_move_is_answered_without_another_call(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
    hold, before = hospital.work(BookingActivities.hold), visit.now
    lost = await hold(before, choice)

    again = await hold(before, choice)

    assert again == lost
    assert hospital.his.times("lock") == 1
    assert (await hospital.story(visit.id)).count("booking.hold") == 1


async def test_what_we_know_to_be_sold_out_is_not_asked_for(hospital: Hospital) -> None:
    unit = await hospital.unit()
    await (await opened(hospital, unit=unit)).to(State.DESCRIBING)
    late = await (await opened(hospital, unit=unit)).to(State.CHOOSING)

    assert await refused(late.chooses()) == "slot.sold_out"
    assert (hospital.his.times("lock"), await hospital.taken(unit.slot_ids[0])) == (1, 1)
    await late.desk.begin()
    assert late.now.under_way is None


async def test_a_stopped_slot_is_refused(hospital: Hospital) -> None:
    visit = await choosing(hospital)
    async with hospital.database.transaction() as db:
        await db.execute(update(SlotRow).values(state=SlotState.STOPPED))

    assert await refused(visit.chooses()) == "slot.stopped"


async def test_a_slot_that_is_over_or_never_was_is_refused(hospital: Hospital, clock: Hands) -> None:
    visit = await (await opened(hospital, starts_in=timedelta(hours=-3, minutes=1))).to(State.CHOOSING)
    clock.forward(minutes=1)

    assert await refused(visit.chooses()) == "slot.past"
    assert await refused(visit.does(ChooseSlot, slot_id="slot-of-nobody")) == "slot.missing"


async def test_a_slot_that_has_begun_may_still_be_chosen(hospital: Hospital) -> None:
    visit = await (await opened(hospital, starts_in=timedelta(hours=-2))).to(State.CHOOSING)

    await visit.chooses()

    assert visit.state is State.DESCRIBING


async def test_one_place_a_patient_and_unit(hospital: Hospital) -> None:
    person, unit = await hospital.person(), await hospital.unit(slots=2)
    first = await (await opened(hospital, person=person, unit=unit)).to(State.DESCRIBING)
    second = await (await opened(hospital, person=person, unit=unit)).to(State.CHOOSING)

    assert await refused(second.does(ChooseSlot, slot_id=unit.slot_ids[1])) == "booking.held_already"
    assert [await hospital.taken(one) for one in unit.slot_ids] == [1, 0]

    await first.does(Cancel)
    await second.does(ChooseSlot, slot_id=unit.slot_ids[1])
    assert second.state is State.DESCRIBING


async def test_who_holds_and_does_not_pay_is_stopped_for_the_day(hospital: Hospital) -> None:
    person = await hospital.person()
    for _ in range(2):
        held = await (await opened(hospital, person=person, rules={"unpaid_holds_max": 2})).to(State.DESCRIBING)
        await held.does(Cancel)
    third = await (await opened(hospital, person=person)).to(State.CHOOSING)

    assert await refused(third.chooses()) == "booking.too_many_holds"
    assert await place_is_free(hospital, third)


async def test_a_place_that_was_paid_and_left_is_no_unpaid_hold(hospital: Hospital) -> None:
    person, units = await hospital.person(), [await hospital.unit(), await hospital.unit()]
    paid = await (await opened(hospital, person=person, unit=units[0], rules={"unpaid_holds_max": 1})).to(State.BOOKED)
    await paid.does(Cancel)

    next_one = await (await opened(hospital, person=person, unit=units[1], rules={"unpaid_holds_max": 1})).to(State.DESCRIBING)

    assert next_one.state is State.DESCRIBING


async def test_who_paid_may_book_again(hospital: Hospital) -> None:
    person = await hospital.person()
    for _ in range(3):
        await (await opened(hospital, person=person, rules={"unpaid_holds_max": 1})).to(State.BOOKED)


async def test_the_hold_ends_and_everything_is_given_back(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.DESCRIBING)

    await visit.desk.alarm()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason, row.due_at, row.wake_at) == (State.CANCELLED, Reason.TIMED_OUT, None, None)
    assert await place_is_free(hospital, visit)
    assert (await hospital.claim(visit.id)).state is ClaimState.RELEASED
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]


async def test_who_holds_a_place_may_cancel(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.DESCRIBING)

    await visit.does(Cancel)

    assert (visit.state, (await hospital.row(visit.id)).reason) == (State.CANCELLED, Reason.PATIENT)
    assert await place_is_free(hospital, visit)
    assert await hospital.told(visit.id) == [Template.REVISIT_CANCELLED]


@pytest.mark.parametrize("landed", [False, True])
async def test_our_claim_is_given_back_only_when_the_his_has_let_go(hospital: Hospital, landed: bool) -> None:
    visit = await (await opened(hospital)).to(State.DESCRIBING)
    hospital.his.silent("release", landed=landed)
    cancel = wish(Cancel, visit.person.account_id)
    with pytest.raises(Unknown):
        await hospital.work(BookingActivities.leave)(visit.now, cancel)

    waiting = await visit.desk.begin()
    assert (waiting.state, waiting.under_way, await hospital.taken(visit.unit.slot_ids[0])) == (State.DESCRIBING, cancel, 1)
    await hospital.hand_time_is_up()
    await visit.desk.happens(cancel)

    assert visit.state is State.CANCELLED
    assert await place_is_free(hospital, visit)


async def test_a_his_that_will_not_let_go_keeps_nobody_in_the_visit(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.DESCRIBING)
    hospital.his.refuses("release", "his.not-booked")

    await visit.does(Cancel)

    row = await hospital.row(visit.id)
    assert (row.state, row.refusal) == (State.CANCELLED, "his.not-booked")
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0


async def test_a_place_that_the_his_has_as_paid_is_let_go_here_and_somebody_is_called(hospital: Hospital) -> None:
    """Nobody paid it here: at a window, or before our rows were restored."""
    visit = await (await opened(hospital)).to(State.DESCRIBING)
    hospital.his.refuses("release", "his.settled")

    with capture_logs() as lines:
        await visit.does(Cancel)

    assert (await hospital.row(visit.id)).refusal == "his.settled"
    assert [line["log_level"] for line in lines if line["event"] == "booking.paid_elsewhere"] == ["error"]
