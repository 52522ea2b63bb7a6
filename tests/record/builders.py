"""A visit with everybody who may come to it, and those who may not."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from models.kernel import ids
from models.kernel.clock import now
from models.revisit import State
from models.stores.database import Database
from models.tables.patient import BindingRow
from models.tables.process import AuditRow
from tests.account.builders import a_patient, a_staff_member, signed_in
from tests.builders import Person, Unit, a_person, a_unit, a_visit
from tests.client import Hands

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """Its two sides and a relative, signed in, and a patient and a doctor of other visits."""

    id: UUID
    person: Person
    unit: Unit
    patient: Headers
    relative: Headers
    doctor: Headers
    stranger: Headers
    other_doctor: Headers


async def a_visit_of_people(database: Database, clock: Hands, state: State = State.CONSULTING, **columns: Any) -> Visit:
    """In its 就诊单元, which runs; 问诊中 with the patient in the room unless said."""
    async with database.transaction() as db:
        unit, person = await a_unit(db, clock()), await a_person(db)
        told: dict[str, Any] = {
            "schedule_id": unit.id,
            "doctor_id": unit.doctor_id,
            "department_id": unit.department_id,
            "slot_id": unit.slot_ids[0],
            "slot_starts_at": unit.starts_at,
            "unit_ends_at": unit.ends_at,
            "checked_in_at": clock(),
            "called_at": clock(),
            "entered_at": clock() if state is State.CONSULTING else None,
        }
        visit_id = await a_visit(db, state, person=person, **told | columns)
        relative, stranger = await a_patient(db), await a_patient(db)
        tie = {"patient_id": person.patient_id, "relation": "child", "created_at": now()}
        db.add(BindingRow(id=ids.new(), account_id=relative, verified_at=now(), **tie))
        other_doctor = await a_staff_member(db)
    accounts = (person.account_id, relative, unit.doctor_account_id, stranger, other_doctor)
    return Visit(visit_id, person, unit, *[await signed_in(database, clock, account) for account in accounts])


async def audited(database: Database, visit_id: UUID, action: str) -> list[tuple[UUID | None, str | None]]:
    """Who did that at the visit, and for which purpose, in order."""
    query = select(AuditRow.account_id, AuditRow.purpose).where(AuditRow.subject_id == visit_id, AuditRow.action == action)
    async with database.reading() as db:
        return [(account, purpose) for account, purpose in await db.execute(query.order_by(AuditRow.id))]
