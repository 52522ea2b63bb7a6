"""A stop that nobody tells, found by the pull while people sleep: money goes back at once, texts wait for the morning."""

from datetime import datetime, timedelta

from sqlalchemy import select

from activities.schedule import ScheduleActivities
from models.message import Template
from models.refund import RefundState
from models.revisit import State
from models.suspension import SuspensionState, id_of
from models.tables.message import MessageRow
from tests.client import Hands
from tests.process.hospital import MORNING, Hospital
from tests.process.visit import Visit, opened
from tests.suspension.builders import SuspensionDesk, at, at_its_desk, runs_through, suspended_once, the_his_has

TWO = MORNING + timedelta(hours=17)
SEVEN, EIGHT = TWO + timedelta(hours=5), TWO + timedelta(hours=6)


async def pulled(hospital: Hospital, visit: Visit, version: str) -> SuspensionDesk:
    """The pull finds that version of the visit's clinic; the sweep begins its run."""
    await hospital.work(ScheduleActivities.sync)()
    return await at_its_desk(hospital, id_of(visit.unit.id, version))


async def due(hospital: Hospital, visit: Visit) -> dict[str, datetime]:
    """What its patient is told when, but for that it was booked."""
    async with hospital.database.reading() as db:
        said = select(MessageRow.template, MessageRow.due_at).where(MessageRow.visit_id == visit.id)
        return {one: when for one, when in await db.execute(said) if one != Template.REVISIT_BOOKED}


async def test_a_stop_at_night_gives_back_at_once_and_wakes_nobody(hospital: Hospital, clock: Hands) -> None:
    unit = await hospital.unit(EIGHT - clock())
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    clock.at = TWO

    desk = await pulled(hospital, visit, "2")
    await runs_through(desk, visit)
    await visit.is_given_back()

    assert desk.state is SuspensionState.DONE
    await suspended_once(visit, refunded=True)
    assert (await hospital.refund((await visit.refund()).id)).state == RefundState.ARRIVED
    assert clock() < TWO + timedelta(hours=1), "by night"
    assert await due(hospital, visit) == {Template.REVISIT_SUSPENDED: SEVEN, Template.REFUND_ARRIVED: SEVEN}


async def test_what_resumes_in_the_same_night_takes_nobody_back_and_may_be_booked(hospital: Hospital, clock: Hands) -> None:
    unit = await hospital.unit(EIGHT - clock())
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    clock.at = TWO
    await runs_through(await pulled(hospital, visit, "2"), visit)
    await visit.is_given_back()

    clock.forward(hours=1)
    await the_his_has(hospital, unit, "3")
    await runs_through(await pulled(hospital, visit, "3"), visit)

    await suspended_once(visit, refunded=True)
    assert (await due(hospital, visit))[Template.REVISIT_SUSPENDED] == SEVEN
    again = await (await opened(hospital, person=visit.person, unit=unit)).to(State.BOOKED)
    assert again.state is State.BOOKED
