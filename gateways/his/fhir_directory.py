"""Departments, doctors, 就诊单元 and slots: read whole, page by page.

One unreadable resource fails the pull, so that no mirror lacks it silently.
"""

from datetime import date

from gateways.his import names
from gateways.his.resources import (
    Coding,
    HealthcareService,
    Organization,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
    needed,
    words_of,
)
from gateways.his.rest import FhirRest, parsed
from models.schedule import HisDepartment, HisDoctor, HisSchedule, HisSlot, Period, SlotState

_SCHEDULES_AT_ONCE = 40
"""Ids in one URL."""
_STOPPED = frozenset({"busy-unavailable", "entered-in-error"})


class Directory:
    """`Organization`, `HealthcareService`, `Practitioner`, `PractitionerRole`, `Schedule` and `Slot`."""

    _rest: FhirRest

    async def departments(self) -> tuple[HisDepartment, ...]:
        """Those that provide a service, with what they are part of; the hospital itself, part of nothing, is no department."""
        async with self._rest.pull("departments") as call:
            services = [parsed(call, HealthcareService, one) for one in await self._rest.search(call, "HealthcareService")]
            units = {one["id"]: parsed(call, Organization, one) for one in await self._rest.search(call, "Organization")}
            parents = {unit.id: unit.part_of.id("Organization") for unit in units.values()}
            shown: set[str] = set()
            for service in services:
                unit = service.provided_by.id("Organization") if service.active else None
                while unit and unit not in shown and parents.get(unit):
                    shown.add(unit)
                    unit = parents[unit]
            call.note(departments=len(shown))
            return tuple(_department(unit, parents) for unit in units.values() if unit.id in shown)

    async def doctors(self) -> tuple[HisDoctor, ...]:
        """Practitioners with a role in use; the first one names the department."""
        async with self._rest.pull("doctors") as call:
            roles = [parsed(call, PractitionerRole, one) for one in await self._rest.search(call, "PractitionerRole")]
            people = [parsed(call, Practitioner, one) for one in await self._rest.search(call, "Practitioner")]
            first: dict[str, PractitionerRole] = {}
            for role in roles:
                if role.active and (doctor := role.practitioner.id("Practitioner")):
                    first.setdefault(doctor, role)
            call.note(doctors=len(first))
            return tuple(_doctor(person, first[person.id]) for person in people if person.id in first)

    async def schedule(self, schedule_id: str) -> HisSchedule:
        """`GET /Schedule/{id}`."""
        async with self._rest.call("schedule", schedule_id=schedule_id) as call:
            return _schedule(await self._rest.read(call, Schedule, schedule_id))

    async def schedules(self, days: tuple[date, ...]) -> tuple[HisSchedule, ...]:
        """`GET /Schedule?date=ge…&date=le…`: the 就诊单元 named by these dates."""
        if not days:
            return ()
        async with self._rest.pull("schedules", days=len(days)) as call:
            window = (("date", f"ge{min(days).isoformat()}"), ("date", f"le{max(days).isoformat()}"))
            units = [_schedule(parsed(call, Schedule, one)) for one in await self._rest.search(call, "Schedule", *window)]
            call.note(schedules=len(units))
            return tuple(unit for unit in units if unit.on in days)

    async def slots(self, schedule_ids: tuple[str, ...]) -> tuple[HisSlot, ...]:
        """`GET /Slot?schedule=…`: with `status`, capacity, remaining and fee; a stop is `busy-unavailable` with a new version."""
        async with self._rest.pull("slots", schedules=len(schedule_ids)) as call:
            found: list[HisSlot] = []
            for begin in range(0, len(schedule_ids), _SCHEDULES_AT_ONCE):
                some = ",".join(schedule_ids[begin : begin + _SCHEDULES_AT_ONCE])
                found += [_slot(parsed(call, Slot, one)) for one in await self._rest.search(call, "Slot", ("schedule", some))]
            call.note(slots=len(found))
            return tuple(found)


def _department(unit: Organization, parents: dict[str, str | None]) -> HisDepartment:
    parent = parents[unit.id]
    below_the_hospital = parent is None or parents.get(parent) is None
    return HisDepartment(id=unit.id, name=unit.name, parent_id=None if below_the_hospital else parent)


def _doctor(person: Practitioner, role: PractitionerRole) -> HisDoctor:
    concepts = [*role.code, *(qualification.code for qualification in person.qualification)]
    title = next((concept.words for concept in concepts if concept.code(names.TITLE)), None)
    return HisDoctor(
        id=person.id,
        name=words_of(person.name),
        title=needed(title, "the doctor's title"),
        department_id=needed(role.organization.id("Organization"), "PractitionerRole.organization"),
    )


def _schedule(unit: Schedule) -> HisSchedule:
    period = unit.extended(names.PERIOD).value_coding or Coding()
    return HisSchedule(
        id=unit.id,
        doctor_id=needed(next(filter(None, (actor.id("Practitioner") for actor in unit.actor)), None), "Schedule.actor"),
        department_id=needed(next(filter(None, (kind.code(names.DEPARTMENT) for kind in unit.service_type)), None), "Schedule.serviceType"),
        on=needed(unit.extended(names.UNIT_DATE).value_date, "unitDate"),
        period=Period(needed(period.code, "period")),
        starts_at=needed(unit.planning_horizon.start, "planningHorizon.start"),
        ends_at=needed(unit.planning_horizon.end, "planningHorizon.end"),
        version=needed(unit.meta.version_id, "meta.versionId"),
    )


def _slot(slot: Slot) -> HisSlot:
    return HisSlot(
        id=slot.id,
        schedule_id=needed(slot.schedule.id("Schedule"), "Slot.schedule"),
        starts_at=slot.start,
        ends_at=slot.end,
        capacity=needed(slot.extended(names.CAPACITY).value_unsigned_int, "capacity"),
        remaining=needed(slot.extended(names.REMAINING).value_unsigned_int, "remaining"),
        fee_fen=needed(slot.extended(names.FEE).value_money, "fee").fen,
        state=SlotState.STOPPED if slot.status in _STOPPED else SlotState.OPEN,
        version=needed(slot.meta.version_id, "meta.versionId"),
    )
