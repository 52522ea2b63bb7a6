"""Departments, doctors, 就诊单元 and slots as the mirror is given them."""

from datetime import timedelta

from gateways.his.fhir import FhirHIS
from models.kernel.clock import business_day, now
from models.schedule import Period, SlotState
from tests.gateways.his.hospital import DEPARTMENT, DOCTOR, Hospital


async def test_departments_stand_on_two_levels(his: FhirHIS) -> None:
    found = {department.id: department for department in await his.departments()}
    above = {department.parent_id for department in found.values()} - {None}
    assert "org-hospital" not in found
    assert above
    assert all(parent in found and found[parent].parent_id is None for parent in above if parent)
    assert found[DEPARTMENT].name == "慢阻肺门诊"
    assert found[DEPARTMENT].parent_id in above


async def test_doctors_have_name_title_and_department(hospital: Hospital, his: FhirHIS) -> None:
    found = [(doctor.id, doctor.name, doctor.title, doctor.department_id) for doctor in await his.doctors()]
    known = [(doctor["id"], doctor["name"], doctor["title"], doctor["department_id"]) for doctor in hospital.doctors()]
    assert sorted(found) == sorted(known)


async def test_units_come_by_the_dates_that_name_them(his: FhirHIS) -> None:
    today = business_day(now())
    days = (today, today + timedelta(days=2))
    units = await his.schedules(days)
    assert {unit.on for unit in units} == set(days)
    mine = {unit.period: unit for unit in units if unit.doctor_id == DOCTOR and unit.on == today}
    assert set(mine) == set(Period)
    evening = mine[Period.EVENING]
    assert (evening.department_id, evening.version) == (DEPARTMENT, "1")
    assert business_day(evening.ends_at) == today + timedelta(days=1)  # it keeps the date it began on
    assert await his.schedules(()) == ()


async def test_a_slot_says_what_it_has_and_a_stop_gives_it_a_new_version(hospital: Hospital, his: FhirHIS) -> None:
    slot_id = hospital.slot(capacity=3, fee_fen=8050)
    await hospital.locked(slot_id)
    before = next(slot for slot in await his.slots((hospital.morning,)) if slot.id == slot_id)
    assert (before.schedule_id, before.capacity, before.remaining, before.fee_fen) == (hospital.morning, 3, 2, 8050)
    assert (before.starts_at, before.ends_at - before.starts_at) == (hospital.tomorrow, timedelta(hours=1))
    assert before.state is SlotState.OPEN

    stopped = hospital.stop(slot_id)

    after = next(slot for slot in await his.slots((hospital.morning,)) if slot.id == slot_id)
    assert (after.state, after.version) == (SlotState.STOPPED, stopped["slot_version"])
    assert after.version != before.version
    unit = next(unit for unit in await his.schedules((business_day(hospital.tomorrow),)) if unit.id == hospital.morning)
    assert unit.version == stopped["schedule_version"]


async def test_a_weeks_slots_come_whole(hospital: Hospital, his: FhirHIS) -> None:
    today = business_day(now())
    units = await his.schedules(tuple(today + timedelta(days=ahead) for ahead in range(7)))
    slots = await his.slots(tuple(unit.id for unit in units))
    assert {slot.schedule_id for slot in slots} == {unit.id for unit in units}
    assert len({slot.id for slot in slots}) == len(slots)
    assert len(units) > 40  # more than one URL takes


async def test_no_unit_has_no_slot(his: FhirHIS) -> None:
    assert await his.slots(()) == ()
