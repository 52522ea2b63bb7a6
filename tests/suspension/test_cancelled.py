"""A stop that was over before we looked: whom it has cancelled at the HIS stays cancelled, though the places are open again."""

import pytest

from models.process import Command
from models.revisit import Accept, CheckIn, State
from models.suspension import SuspensionState
from tests.process.hospital import Hospital
from tests.process.visit import refused
from tests.suspension.builders import STOPPABLE, acts, at, progress, runs_through, suspended, suspended_once, the_his_has


@pytest.mark.parametrize("state", STOPPABLE)
async def test_what_was_stopped_and_resumed_before_it_looked_has_cancelled_its_people(hospital: Hospital, state: State) -> None:
    """Its places are open again; who had one there has none any more, and another who booked since then has theirs."""
    unit = await hospital.unit(capacity=3)
    visit = await at(hospital, unit, state)
    hospital.his.stop(unit.slot_ids[0])
    late = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "3")
    hospital.his.silent("stopped")

    desk = await suspended(hospital, unit, "3")
    await runs_through(desk, visit, late)

    await suspended_once(visit, refunded=state in {State.BOOKED, State.WAITING})
    assert (desk.state, late.state) == (SuspensionState.DONE, State.BOOKED)
    assert (await progress(hospital, desk.id)).stopped == 1


async def test_who_checks_in_where_the_hospital_has_cancelled_them_hears_of_the_stop(hospital: Hospital) -> None:
    await a_stop_is_found_by(hospital, State.BOOKED, CheckIn)


async def test_a_doctor_who_accepts_whom_the_hospital_has_cancelled_hears_of_the_stop(hospital: Hospital) -> None:
    await a_stop_is_found_by(hospital, State.WAITING, Accept)


async def test_who_heard_of_the_stop_before_any_suspension_counts_among_its_visits(hospital: Hospital) -> None:
    unit = await hospital.unit(capacity=2)
    early, other = await at(hospital, unit, State.BOOKED), await at(hospital, unit, State.BOOKED)
    hospital.his.stop(unit.slot_ids[0])
    assert await refused(early.does(CheckIn)) == "slot.stopped"
    await acts(early)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)

    desk = await suspended(hospital, unit)
    await runs_through(desk, other)

    shown = await progress(hospital, desk.id)
    assert (shown.stopped, shown.moved, shown.refunded) == (2, 2, 2)
    await suspended_once(early, refunded=True)


async def a_stop_is_found_by(hospital: Hospital, state: State, wish: type[Command]) -> None:
    """The HIS, silent at first, is asked until it says so: unknown is not cancelled."""
    unit = await hospital.unit()
    visit = await at(hospital, unit, state)
    hospital.his.stop(unit.slot_ids[0])
    hospital.his.silent("stopped")

    assert await refused(visit.does(wish)) == "slot.stopped"
    await acts(visit)

    await suspended_once(visit, refunded=True)


@pytest.mark.parametrize(("state", "wish", "status"), [(State.BOOKED, CheckIn, "noshow"), (State.WAITING, Accept, "booked")])
async def test_who_is_not_booked_there_for_another_reason_stays(hospital: Hospital, state: State, wish: type[Command], status: str) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, state)
    hospital.his.of_claim(visit.now.claim_id).status = status

    assert await refused(visit.does(wish)) == "his.not-booked"

    assert visit.state is state
    assert await hospital.waiting(visit.id) == []
