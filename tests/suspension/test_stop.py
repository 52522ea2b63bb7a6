"""停诊: newcomers are kept out first, then everybody who is booked goes, is refunded and told, once (P-2.6b)."""

from datetime import timedelta

import pytest

from models.booking import ClaimState
from models.kernel import ids
from models.message import Template
from models.refund import RefundState
from models.revisit import Accept, Cancel, Enter, Reason, State
from models.schedule import SlotState
from models.stores import directory, inbox, suspension_timeline
from models.stores import suspension as suspensions
from models.suspension import BATCH, Stopped, SuspensionState, is_newer
from models.tables.directory import SlotRow
from models.timeline import step_text
from tests.builders import a_claim, a_person, a_visit
from tests.process.hospital import Hospital
from tests.process.visit import opened, refused
from tests.suspension.builders import (
    STOPPABLE,
    SuspensionDesk,
    acts,
    at,
    at_its_desk,
    begun,
    progress,
    runs_through,
    suspended,
    suspended_once,
    the_his_has,
)


@pytest.mark.parametrize("state", STOPPABLE)
async def test_who_has_a_place_goes_and_gets_back_what_they_paid(hospital: Hospital, state: State) -> None:
    unit = await hospital.unit(slots=2, capacity=3)
    visit = await at(hospital, unit, state)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    paid = state in {State.BOOKED, State.WAITING}
    await suspended_once(visit, refunded=paid)
    assert desk.state is SuspensionState.DONE
    assert await hospital.taken(unit.slot_ids[0]) == 0
    if paid:
        await visit.is_given_back()
        assert (await hospital.refund((await visit.refund()).id)).state == RefundState.ARRIVED
    shown = await progress(hospital, desk.id)
    assert (shown.stopped, shown.moved, shown.refunded, shown.arrived) == (1, 1, int(paid), int(paid))


async def test_nobody_gets_in_once_it_has_looked(hospital: Hospital) -> None:
    unit = await hospital.unit(capacity=3)
    late = await at(hospital, unit, State.CHOOSING)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)

    await desk.happens()

    assert await refused(late.chooses()) == "slot.stopped"


async def test_a_part_of_a_clinic_stops_and_the_rest_goes_on(hospital: Hospital) -> None:
    unit = await hospital.unit(slots=2, capacity=2)
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids[1:])
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    assert (desk.state, visit.state) == (SuspensionState.DONE, State.BOOKED)
    assert (await progress(hospital, desk.id)).stopped == 0


async def test_who_is_being_seen_is_left_alone_and_listed(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.CONSULTING)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    assert visit.state is State.CONSULTING
    async with hospital.database.reading() as db:
        assert (await suspension_timeline.visits(db, desk.id)).left_alone == [visit.id]
    assert Template.REVISIT_SUSPENDED not in await hospital.told(visit.id)


async def test_who_was_left_alone_by_one_change_is_not_listed_by_the_next(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.CONSULTING)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    await runs_through(await suspended(hospital, unit), visit)
    await the_his_has(hospital, unit, "3", stopped=unit.slot_ids)
    later = await suspended(hospital, unit, "3")

    await runs_through(later, visit)

    assert (later.state, visit.state) == (SuspensionState.DONE, State.CONSULTING)
    assert (await progress(hospital, later.id)).left_alone == 0


async def test_who_was_accepted_before_the_news_came_stays(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.WAITING)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)
    await desk.happens()
    await desk.alarm()

    await visit.does(Accept)
    await acts(visit)
    await visit.does(Enter)

    assert visit.state is State.CONSULTING
    assert await hospital.waiting(visit.id) == []
    async with hospital.database.reading() as db:
        assert (await suspension_timeline.visits(db, desk.id)).left_otherwise == [visit.id]
    shown = await progress(hospital, desk.id)
    assert (shown.stopped, shown.moved, shown.left_otherwise) == (1, 0, 1)


async def test_money_on_its_way_goes_back(hospital: Hospital) -> None:
    """The stop comes while somebody pays: only the charge knows whether money came; it did."""
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.PAYING)
    order = await visit.orders()
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)
    await desk.happens()
    await desk.alarm()

    hospital.wechat_pay.pay(order)
    await visit.desk.news()
    assert visit.state is State.CLOSING
    await visit.charge.news()
    await visit.charge.happens()
    await visit.desk.news()

    await suspended_once(visit, refunded=True)


def test_nobody_reads_that_they_asked_to_leave_when_the_clinic_stopped() -> None:
    assert [step_text("booking.close", refill=False, asked=asked) for asked in (True, False)] == ["申请退号", "医院停诊，正在核对缴费"]


async def test_a_stop_that_comes_while_its_patient_cancels_changes_nothing(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.PAYING)
    await visit.does(Cancel)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    row = await hospital.row(visit.id)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.PATIENT)
    assert (await hospital.told(visit.id)).count(Template.REVISIT_CANCELLED) == 1


async def test_a_report_of_a_place_that_is_not_held_any_more_is_noted(hospital: Hospital) -> None:
    """The HIS refused the place, and the patient has taken one elsewhere meanwhile."""
    unit = await hospital.unit()
    other = await hospital.unit()
    visit = await at(hospital, unit, State.CHOOSING)
    async with hospital.database.transaction() as db:
        await inbox.bring(db, "revisit", visit.id, Stopped(id=ids.new(), claim_id=ids.new()), party="suspension")
    visit.unit = other
    await visit.chooses()

    await acts(visit)

    assert visit.state is State.DESCRIBING


async def test_the_same_stop_told_and_pulled_is_one_and_told_twice_is_one(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)
    await runs_through(desk, visit)

    assert await begun(hospital, unit, "2") is None, "told again"
    clinic, slots = hospital.his.clinics[unit.id]
    async with hospital.database.transaction() as db:
        changed = await directory.write(db, (), (), (clinic,), slots, hospital.clock())
    assert changed == [], "pulled: that version is known"
    await suspended_once(visit, refunded=True)


async def test_the_pull_finds_what_was_not_told(hospital: Hospital) -> None:
    unit = await hospital.unit()
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    clinic, slots = hospital.his.clinics[unit.id]

    async with hospital.database.transaction() as db:
        assert await directory.write(db, (), (), (clinic,), slots, hospital.clock()) == [clinic]
        assert (await db.get_one(SlotRow, unit.slot_ids[0])).state == SlotState.STOPPED


async def test_what_was_pulled_before_the_stop_does_not_open_it_again(hospital: Hospital) -> None:
    unit = await hospital.unit()
    late = await at(hospital, unit, State.CHOOSING)
    await the_his_has(hospital, unit, "1")
    before = hospital.his.clinics[unit.id]
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)
    await desk.happens()

    async with hospital.database.transaction() as db:
        await directory.write(db, (), (), (before[0],), before[1], hospital.clock())

    assert await refused(late.chooses()) == "slot.stopped"


async def test_what_resumes_gives_nothing_back_again(hospital: Hospital) -> None:
    """恢复: its places are open again; who was cancelled stays cancelled and refunded, and may book anew."""
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    await runs_through(await suspended(hospital, unit), visit)
    await visit.is_given_back()
    await the_his_has(hospital, unit, "3")

    await runs_through(await suspended(hospital, unit, "3"), visit)

    await suspended_once(visit, refunded=True)
    again = await opened(hospital, person=visit.person, unit=unit)
    await again.to(State.DESCRIBING)


async def test_a_doctor_whom_the_hospital_suspends_sees_nobody_until_resumed(hospital: Hospital) -> None:
    """All of their 就诊单元, whatever the HIS says of them."""
    unit = await hospital.unit()
    visit, late = await at(hospital, unit, State.BOOKED), await at(hospital, await hospital.unit(), State.CHOOSING)
    async with hospital.database.transaction() as db:
        id = await suspensions.begin_of_doctor(db, unit.doctor_id, unit.doctor_account_id, hospital.clock(), policy="test-1")
    assert id is not None
    await runs_through(await at_its_desk(hospital, id), visit)
    await suspended_once(visit, refunded=True)
    await visit.is_given_back()

    await the_his_has(hospital, unit, "2")
    clinic, slots = hospital.his.clinics[unit.id]
    async with hospital.database.transaction() as db:
        await directory.write(db, (), (), (clinic,), slots, hospital.clock())
    late.unit = unit
    assert await refused(late.chooses()) == "slot.stopped"

    async with hospital.database.transaction() as db:
        assert await directory.resume(db, unit.doctor_id)
        await directory.write(db, (), (), (clinic,), slots, hospital.clock() + timedelta(seconds=1))
    await late.chooses()


async def test_each_batch_is_told_and_none_twice(hospital: Hospital) -> None:
    """More people than one step tells, inserted as rows: each gets the news once, and it goes on until all have gone."""
    unit = await hospital.unit(capacity=BATCH + 10)
    async with hospital.database.transaction() as db:
        for _ in range(BATCH + 10):
            person = await a_person(db)
            place = {"doctor_id": unit.doctor_id, "slot_starts_at": unit.starts_at, "unit_ends_at": unit.ends_at}
            visit_id = await a_visit(db, State.BOOKED, person=person, **place)
            await a_claim(db, visit_id, person.patient_id, unit, ClaimState.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    desk = await suspended(hospital, unit)
    await desk.happens()

    told = [await _told(hospital, desk) for _ in range(3)]

    assert told == [BATCH, BATCH + 10, BATCH + 10]
    assert desk.state is SuspensionState.CLEARING, "nobody has gone yet"
    assert await hospital.unhandled() == BATCH + 10


async def _told(hospital: Hospital, desk: SuspensionDesk) -> int:
    await desk.alarm()
    return (await progress(hospital, desk.id)).stopped


@pytest.mark.parametrize(
    ("version", "than", "newer"), [("10", "9", True), ("9", "10", False), ("2", "2", False), ("b", "a", True), ("９", "10", True)]
)
def test_versions_are_in_their_order(version: str, than: str, newer: bool) -> None:
    assert is_newer(version, than=than) is newer
