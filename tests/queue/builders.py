"""A doctor at work, and visits in the lists of a 就诊单元."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.revisit import State
from models.stores.database import Database
from tests.account.builders import staff_signed_in
from tests.builders import Person, a_person, a_visit
from tests.client import Hands
from tests.schedule.builders import TODAY, Clinic, a_clinic, a_doctor, at


@dataclass(frozen=True, slots=True)
class Doctor:
    id: str
    account_id: UUID
    headers: dict[str, str]


async def a_doctor_at_work(database: Database, clock: Hands) -> Doctor:
    """Signed in, and known to the HIS."""
    account_id, headers = await staff_signed_in(database, clock)
    async with database.transaction() as db:
        return Doctor(await a_doctor(db, account_id), account_id, headers)


async def a_clinic_of(database: Database, doctor: Doctor, *, on: date = TODAY, starts_at: datetime | None = None) -> Clinic:
    """Three hours, from 9 o'clock on unless said."""
    async with database.transaction() as db:
        return await a_clinic(db, doctor.id, on=on, starts_at=starts_at)


async def in_list(
    db: AsyncSession, clinic: Clinic, state: State, *, checked_in_at: datetime | None = None, person: Person | None = None, **columns: Any
) -> UUID:
    """A visit of that 就诊单元; checked in at 9 o'clock unless said or still to come."""
    came = None if state in {State.BOOKED, State.ABSENT} else checked_in_at or at(9)
    place = {
        "schedule_id": clinic.schedule_id,
        "doctor_id": clinic.doctor_id,
        "department_id": clinic.department_id,
        "slot_starts_at": clinic.starts_at,
        "unit_ends_at": clinic.ends_at,
        "checked_in_at": came,
    }
    return await a_visit(db, state, person=person or await a_person(db), **place | columns)
