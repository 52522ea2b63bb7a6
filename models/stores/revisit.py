"""Visits: opened, read by the pathway's steps, and never left half done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.eligibility import Opening, PastVisit
from models.kernel.errors import DomainError
from models.revisit import MOVES, DeclineReason, Revisit, State
from models.stores import steps
from models.stores.database import vault
from models.tables.directory import DepartmentRow, DoctorRow
from models.tables.process import TimelineRow
from models.tables.revisit import NoteRow, RevisitRow

PAST_VISITS = TypeAdapter(tuple[PastVisit, ...])


def snapshot(row: dict[str, Any]) -> Revisit:
    """The row as the pathway sees it."""
    return Revisit.model_validate({**row, "entered": row["entered_at"] is not None}, extra="ignore")


STORE = steps.Store(cast(Table, RevisitRow.__table__), MOVES, snapshot)


@dataclass(frozen=True, slots=True)
class Facts:
    """What steps need of a visit beyond its snapshot."""

    id: UUID
    state: str
    version: int
    account_id: UUID
    patient_id: UUID
    policy: str
    past_encounter_id: str | None
    past_prescription: str | None
    unstable: bool | None
    his_patient_id: str
    missing: list[str]
    self_checked_at: datetime | None
    claim_id: UUID | None
    doctor_id: str | None
    department_id: str | None
    slot_id: str | None
    slot_starts_at: datetime | None
    unit_ends_at: datetime | None
    due_at: datetime | None
    charge_id: UUID | None
    encounter_id: str | None
    calls: int
    rearranged: bool


async def load(db: AsyncSession, revisit_id: UUID) -> Revisit:
    row = (await db.execute(select(*RevisitRow.__table__.c).where(RevisitRow.id == revisit_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("revisit.missing", "missing")
    return snapshot(dict(row))


async def facts(db: AsyncSession, revisit_id: UUID) -> Facts:
    row = await db.get(RevisitRow, revisit_id)
    if row is None:
        raise DomainError("revisit.missing", "missing")
    return Facts(
        id=row.id,
        state=row.state,
        version=row.version,
        account_id=row.account_id,
        patient_id=row.patient_id,
        policy=row.policy,
        past_encounter_id=row.past_encounter_id,
        past_prescription=row.past_prescription,
        unstable=row.unstable,
        his_patient_id=row.his_patient_id or "",
        missing=row.missing or [],
        self_checked_at=row.self_checked_at,
        claim_id=row.claim_id,
        doctor_id=row.doctor_id,
        department_id=row.department_id,
        slot_id=row.slot_id,
        slot_starts_at=row.slot_starts_at,
        unit_ends_at=row.unit_ends_at,
        due_at=row.due_at,
        charge_id=row.charge_id,
        encounter_id=row.encounter_id,
        calls=row.calls,
        rearranged=row.rearranged_at is not None,
    )


async def insert_opened(
    db: AsyncSession,
    revisit_id: UUID,
    account_id: UUID,
    patient_id: UUID,
    opening: Opening,
    *,
    policy: str,
    at: datetime,
    due_at: datetime,
    request: str = "",
) -> None:
    """The row first; the run is started after this transaction."""
    await steps.open(
        db,
        STORE.table,
        revisit_id,
        State.CHECKING,
        by=account_id,
        at=at,
        due_at=due_at,
        request=request,
        policy=policy,
        patient_id=patient_id,
        past_encounter_id=opening.past_encounter_id,
        past_prescription=opening.past_prescription,
    )


async def keep_past_visits(db: AsyncSession, revisit_id: UUID, visits: tuple[PastVisit, ...]) -> None:
    """The past visits with their diagnoses are part of the record: sealed."""
    sealed = vault(db).seal("revisit.past_visits", revisit_id, PAST_VISITS.dump_json(visits).decode())
    await db.execute(update(RevisitRow).where(RevisitRow.id == revisit_id).values(past_visits=sealed))


async def past_visits(db: AsyncSession, revisit_id: UUID) -> tuple[PastVisit, ...]:
    """What a patient relates to and a doctor reads before accepting (D-2.2)."""
    sealed = await db.scalar(select(RevisitRow.past_visits).where(RevisitRow.id == revisit_id))
    return () if sealed is None else PAST_VISITS.validate_json(vault(db).open("revisit.past_visits", revisit_id, sealed))


async def department_name(db: AsyncSession, revisit_id: UUID) -> str:
    name = select(DepartmentRow.name).join(RevisitRow, RevisitRow.department_id == DepartmentRow.id).where(RevisitRow.id == revisit_id)
    return await db.scalar(name) or ""


async def doctor_name(db: AsyncSession, revisit_id: UUID) -> str:
    name = select(DoctorRow.name).join(RevisitRow, RevisitRow.doctor_id == DoctorRow.id).where(RevisitRow.id == revisit_id)
    return await db.scalar(name) or ""


async def over(db: AsyncSession, revisit_id: UUID) -> bool:
    """Whether nothing of the visit is still to come: 已结束, or left."""
    state = await db.scalar(select(RevisitRow.state).where(RevisitRow.id == revisit_id))
    return state is None or state == State.ENDED or State(state) in MOVES.ends()


async def times_done(db: AsyncSession, process_id: UUID, name: str) -> int:
    """How often a step was done since its process last came to its state."""
    since = (
        select(func.max(TimelineRow.version))
        .where(TimelineRow.process_id == process_id, TimelineRow.before != TimelineRow.after)
        .scalar_subquery()
    )
    done = select(func.count()).where(TimelineRow.process_id == process_id, TimelineRow.name == name, TimelineRow.version > since)
    return await db.scalar(done) or 0


async def keep_note(db: AsyncSession, note_id: UUID, revisit_id: UUID, account_id: UUID, text: str) -> None:
    """Words that go with a step, before it is asked for. The same id again stays the first."""
    sealed = vault(db).seal("revisit.note", note_id, text)
    await db.execute(upsert(NoteRow).values(id=note_id, revisit_id=revisit_id, account_id=account_id, text=sealed).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class Declined:
    """退诊: why, in the words that screens have for it and in the doctor's own."""

    reason: DeclineReason
    note: str | None


async def declined(db: AsyncSession, revisit_id: UUID) -> Declined | None:
    """None: it was not declined by a doctor."""
    found = await db.execute(
        select(RevisitRow.declined_for, NoteRow.id, NoteRow.text)
        .outerjoin(NoteRow, NoteRow.id == RevisitRow.note_id)
        .where(RevisitRow.id == revisit_id)
    )
    reason, note_id, sealed = found.one()
    if reason is None:
        return None
    return Declined(DeclineReason(reason), vault(db).open("revisit.note", note_id, sealed) if note_id else None)
