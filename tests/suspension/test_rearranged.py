"""替诊 and another time: the patient is told and stays, unless they leave, which is free of charge until 接诊."""

from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select, update

from models.kernel.clock import beijing
from models.kernel.errors import known
from models.message import MessageState, Template
from models.refund import Cause
from models.revisit import Cancel, State
from models.stores import message_history, suspension_timeline
from models.stores import revisit as revisits
from models.suspension import SuspensionState
from models.tables.message import MessageRow
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened, refused
from tests.suspension.builders import progress, runs_through, suspended, the_his_has

LATER = timedelta(minutes=30)


@pytest.mark.parametrize("state", [State.DESCRIBING, State.PAYING, State.BOOKED, State.WAITING])
async def test_another_time_is_told_once_and_its_deadlines_move(hospital: Hospital, state: State) -> None:
    unit = await hospital.unit()
    visit = await (await opened(hospital, unit=unit)).to(state)
    before = await hospital.row(visit.id)
    await the_his_has(hospital, unit, "2", later=LATER)
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    row = await hospital.row(visit.id)
    assert (desk.state, row.state) == (SuspensionState.DONE, state)
    assert row.slot_starts_at == known(before.slot_starts_at) + LATER
    assert row.unit_ends_at == unit.ends_at + LATER
    if state is State.BOOKED:
        assert row.due_at == unit.ends_at + LATER
    assert (await hospital.told(visit.id)).count(Template.REVISIT_REARRANGED) == 1
    shown = await progress(hospital, desk.id)
    assert (shown.rearranged, shown.stopped) == (1, 0)


@pytest.mark.parametrize(
    ("begun_for", "said"),
    [
        (timedelta(), "您的线上就诊有调整（时间变更）：{time}，{doctor}。{begins}前可在线免费退号，未退号视为同意。"),
        (timedelta(hours=2), "您的线上就诊有调整（时间变更）：{time}，{doctor}。就诊单元已开始，如有疑问请联系门诊办。"),
    ],
)
async def test_it_is_said_what_changed_and_until_when_they_may_leave(hospital: Hospital, begun_for: timedelta, said: str) -> None:
    unit = await hospital.unit()
    visit = await (await opened(hospital, unit=unit)).to(State.WAITING)
    await the_his_has(hospital, unit, "2", later=LATER)
    cast(Hands, hospital.clock).at += begun_for

    await runs_through(await suspended(hospital, unit), visit)

    async with hospital.database.reading() as db:
        told = select(MessageRow.id).where(MessageRow.visit_id == visit.id, MessageRow.template == Template.REVISIT_REARRANGED)
        text = (await message_history.said(db, known(await db.scalar(told)))).text
        doctor = await revisits.doctor_name(db, visit.id)
    at = beijing(unit.starts_at + LATER)
    assert text == said.format(time=at, begins=at, doctor=doctor)


async def test_another_doctor_is_told_and_sees_them(hospital: Hospital) -> None:
    unit, other = await hospital.unit(), await hospital.unit()
    visit = await (await opened(hospital, unit=unit)).to(State.BOOKED)
    await the_his_has(hospital, unit, "2", doctor_id=other.doctor_id)

    await runs_through(await suspended(hospital, unit), visit)

    row = await hospital.row(visit.id)
    assert (row.state, row.doctor_id) == (State.BOOKED, other.doctor_id)
    assert (await hospital.told(visit.id)).count(Template.REVISIT_REARRANGED) == 1


async def test_each_change_counts_its_own_message_and_only_those_that_a_phone_may_have(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await (await opened(hospital, unit=unit)).to(State.BOOKED)
    await the_his_has(hospital, unit, "2", later=LATER)
    first = await suspended(hospital, unit)
    await runs_through(first, visit)
    await _the_carrier_says(hospital, visit, MessageState.DELIVERED)
    await the_his_has(hospital, unit, "3", stopped=unit.slot_ids)
    second = await suspended(hospital, unit, "3")
    await runs_through(second, visit)
    await _the_carrier_says(hospital, visit, MessageState.UNDELIVERED)

    shown = [await progress(hospital, one.id) for one in (first, second)]

    assert [(one.told, one.unreached) for one in shown] == [(1, 0), (0, 1)]
    async with hospital.database.reading() as db:
        assert (await suspension_timeline.visits(db, second.id)).unreached == [visit.id]


async def _the_carrier_says(hospital: Hospital, visit: Visit, state: MessageState) -> None:
    """Of what is still to be sent."""
    async with hospital.database.transaction() as db:
        await db.execute(update(MessageRow).where(MessageRow.visit_id == visit.id, MessageRow.state == "due").values(state=state))


async def test_who_does_not_want_it_leaves_free_of_charge_whatever_the_cut_off(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await (await opened(hospital, unit=unit, rules={"cancel_cutoff_s": 24 * 3600})).to(State.BOOKED)
    assert await refused(visit.does(Cancel)) == "revisit.too_late_to_cancel"
    await the_his_has(hospital, unit, "2", later=LATER)
    await runs_through(await suspended(hospital, unit), visit)

    await visit.does(Cancel)

    assert visit.state is State.CANCELLED
    assert await hospital.wanted_back(visit.now.charge_id) == [(Cause.PATIENT, FEE_FEN)]


async def test_the_same_change_found_by_two_is_told_once(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await (await opened(hospital, unit=unit)).to(State.BOOKED)
    await the_his_has(hospital, unit, "3", later=LATER)
    first, second = await suspended(hospital, unit, "2"), await suspended(hospital, unit, "3")
    await first.happens()
    await second.happens()
    await first.alarm()
    await second.alarm()

    for event in await hospital.waiting(visit.id):
        await visit.desk.happens(event)

    assert (await hospital.told(visit.id)).count(Template.REVISIT_REARRANGED) == 1
