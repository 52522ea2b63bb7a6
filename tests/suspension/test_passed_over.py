"""过号 and 停诊: who waits again in a clinic that has stopped goes as everybody did who waited in it, and at once."""

from datetime import timedelta

from models.message import Template
from models.revisit import Accept, State
from models.stores import suspension_timeline
from models.suspension import SuspensionState
from tests.process.hospital import Hospital
from tests.process.visit import Visit
from tests.suspension.builders import acts, at, progress, runs_through, suspended, suspended_once, the_his_has


async def is_passed_over(visit: Visit) -> None:
    """Called again and again, and not in the room."""
    while visit.state is State.CONSULTING:
        await visit.desk.alarm()


async def called(hospital: Hospital) -> Visit:
    """Accepted by the doctor, and not in the room."""
    visit = await at(hospital, await hospital.unit(), State.WAITING)
    await visit.does(Accept)
    return visit


async def test_who_was_passed_over_before_the_stop_goes(hospital: Hospital) -> None:
    visit = await called(hospital)
    await is_passed_over(visit)
    await the_his_has(hospital, visit.unit, "2", stopped=visit.unit.slot_ids)

    await runs_through(await suspended(hospital, visit.unit), visit)

    await suspended_once(visit, refunded=True)


async def test_who_is_passed_over_after_the_stop_goes_and_is_left_alone_no_more(hospital: Hospital) -> None:
    visit = await called(hospital)
    await the_his_has(hospital, visit.unit, "2", stopped=visit.unit.slot_ids)
    desk = await suspended(hospital, visit.unit)
    await runs_through(desk, visit)
    assert (visit.state, desk.state) == (State.CONSULTING, SuspensionState.DONE), "the doctor has accepted them"

    await is_passed_over(visit)
    await acts(visit)

    await suspended_once(visit, refunded=True)
    assert hospital.his.in_the_room == [], "what had begun there has ended"
    shown = await progress(hospital, desk.id)
    assert (shown.left_alone, shown.stopped, shown.moved, shown.refunded, shown.told) == (0, 1, 1, 1, 0), "its message is not sent yet"
    async with hospital.database.reading() as db:
        assert (await suspension_timeline.visits(db, desk.id)).left_alone == []


async def test_who_was_accepted_before_the_news_came_and_is_passed_over_goes(hospital: Hospital) -> None:
    visit = await at(hospital, await hospital.unit(), State.WAITING)
    await the_his_has(hospital, visit.unit, "2", stopped=visit.unit.slot_ids)
    desk = await suspended(hospital, visit.unit)
    await desk.happens()
    await desk.alarm()
    await visit.does(Accept)
    await acts(visit)

    await is_passed_over(visit)
    await acts(visit)

    await suspended_once(visit, refunded=True)


async def test_who_is_passed_over_in_a_clinic_that_goes_on_waits(hospital: Hospital) -> None:
    visit = await called(hospital)

    await is_passed_over(visit)

    assert visit.state is State.WAITING
    assert await hospital.waiting(visit.id) == []


async def test_who_is_passed_over_in_a_clinic_that_has_another_time_meanwhile_is_told(hospital: Hospital) -> None:
    visit = await called(hospital)
    await the_his_has(hospital, visit.unit, "2", later=timedelta(minutes=30))
    desk = await suspended(hospital, visit.unit)
    await runs_through(desk, visit)
    assert (await hospital.told(visit.id)).count(Template.REVISIT_REARRANGED) == 0, "the doctor has accepted them"

    await is_passed_over(visit)
    await acts(visit)

    row = await hospital.row(visit.id)
    assert (row.state, row.unit_ends_at) == (State.WAITING, visit.unit.ends_at + timedelta(minutes=30))
    assert (await hospital.told(visit.id)).count(Template.REVISIT_REARRANGED) == 1
