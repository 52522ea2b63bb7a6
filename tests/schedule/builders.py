"""A small hospital in the mirror: departments of two levels, doctors, their 就诊单元 and slots."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.clock import SHANGHAI
from models.schedule import Period, SlotState
from models.tables.directory import DepartmentRow, DoctorRow, MirrorRow, ScheduleRow, SlotRow

TODAY = date(2026, 11, 25)
FEE_FEN = 5000
_numbers = count(1)


def at(hour: int, minute: int = 0, *, on: date = TODAY) -> datetime:
    """A time of a day in Beijing."""
    return datetime.combine(on, time(hour, minute), SHANGHAI)


@dataclass(frozen=True, slots=True)
class Clinic:
    """A 就诊单元 of one doctor, as long as its slots together."""

    schedule_id: str
    doctor_id: str
    department_id: str
    on: date
    starts_at: datetime
    ends_at: datetime
    slot_ids: tuple[str, ...]


async def a_department(db: AsyncSession, id: str = "resp-copd", *, below: str | None = "resp") -> str:
    """Of the second level, and its first level with it; `below` None is one of the first."""
    for one, parent in [(below, None), (id, below)]:
        if one is not None:
            row = {"id": one, "name": f"{one}门诊", "parent_id": parent, "synced_at": at(6)}
            await db.execute(insert(DepartmentRow).values(**row).on_conflict_do_nothing())
    return id


async def a_doctor(db: AsyncSession, account_id: UUID | None = None, *, department_id: str | None = None, name: str = "王建国") -> str:
    """Acting here by an account, or not yet."""
    id = f"doc-{next(_numbers)}"
    department = department_id or await a_department(db)
    db.add(DoctorRow(id=id, name=name, title="主任医师", department_id=department, account_id=account_id, synced_at=at(6)))
    await db.flush()
    return id


async def a_clinic(
    db: AsyncSession,
    doctor_id: str,
    *,
    department_id: str = "resp-copd",
    on: date = TODAY,
    starts_at: datetime | None = None,
    slots: int = 3,
    capacity: int = 5,
    taken: int = 0,
    state: SlotState = SlotState.OPEN,
) -> Clinic:
    """Slots of an hour each, from 9 o'clock on unless said."""
    begins, number = starts_at or at(9, on=on), next(_numbers)
    hours = [begins + timedelta(hours=hour) for hour in range(slots + 1)]
    schedule_id, slot_ids = f"unit-{number}", tuple(f"slot-{number}-{hour}" for hour in range(slots))
    db.add(
        ScheduleRow(
            id=schedule_id,
            doctor_id=doctor_id,
            department_id=department_id,
            on=on,
            period=Period.MORNING,
            starts_at=begins,
            ends_at=hours[-1],
            version="1",
            synced_at=at(6),
        )
    )
    await db.flush()
    for slot_id, starts, ends in zip(slot_ids, hours, hours[1:], strict=False):
        db.add(
            SlotRow(
                id=slot_id,
                schedule_id=schedule_id,
                starts_at=starts,
                ends_at=ends,
                capacity=capacity,
                taken=taken,
                his_remaining=capacity - taken,
                fee_fen=FEE_FEN,
                state=state,
                version="1",
                synced_at=at(6),
            )
        )
    await db.flush()
    return Clinic(schedule_id, doctor_id, department_id, on, begins, hours[-1], slot_ids)


async def pulled(db: AsyncSession, synced_at: datetime, *, failed_at: datetime | None = None) -> None:
    """The mirror was pulled then."""
    db.add(MirrorRow(part="schedule", synced_at=synced_at, failed_at=failed_at, failure=failed_at and "Unknown"))
    await db.flush()
