"""处方: written, reviewed, signed, and what its steps need of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.eligibility import counts
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.prescription import MOVES, UNSIGNED, UNUSED, Prescription, PrescriptionContent, PrescriptionEnded, PrescriptionState
from models.review import NoAnswer, Verdict
from models.revisit import State
from models.stores import inbox, steps
from models.stores import revisit as revisits
from models.stores.database import vault
from models.tables.prescription import PrescriptionContentRow, PrescriptionNoteRow, PrescriptionRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow


def snapshot(row: dict[str, Any]) -> Prescription:
    """The row as the process sees it."""
    return Prescription.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, PrescriptionRow.__table__), MOVES, snapshot)
MAX = 10
"""Prescriptions of one visit that are not over unused."""
WRITTEN_MAX = 30
"""Prescriptions of one visit in all: who writes and withdraws without end is stopped."""
CONTENTS_MAX = 60
"""Contents of one prescription: its first, and each time that it is written anew."""
ROUNDS_MAX = 20
"""How often one prescription is submitted, whatever brought it back."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What steps need of a prescription beyond its snapshot."""

    id: UUID
    state: PrescriptionState
    visit_id: UUID
    account_id: UUID
    patient_id: UUID
    his_patient_id: str
    encounter_id: str
    policy: str
    content_id: UUID
    queued_at: datetime | None
    pharmacist_id: UUID | None
    held_until: datetime | None
    address_id: UUID | None
    invoice_id: str | None
    amount_fen: int | None
    pickup_code: str | None


async def load(db: AsyncSession, prescription_id: UUID) -> Prescription:
    row = (await db.execute(select(*PrescriptionRow.__table__.c).where(PrescriptionRow.id == prescription_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("prescription.missing", "missing")
    return snapshot(dict(row))


async def facts(db: AsyncSession, prescription_id: UUID) -> Facts:
    found = await db.execute(
        select(PrescriptionRow, RevisitRow.patient_id, RevisitRow.his_patient_id, RevisitRow.encounter_id)
        .join(RevisitRow, RevisitRow.id == PrescriptionRow.visit_id)
        .where(PrescriptionRow.id == prescription_id)
    )
    one = found.one_or_none()
    if one is None:
        raise DomainError("prescription.missing", "missing")
    row, patient_id, his_patient_id, encounter_id = one
    return Facts(
        id=row.id,
        state=PrescriptionState(row.state),
        visit_id=row.visit_id,
        account_id=row.account_id,
        patient_id=patient_id,
        his_patient_id=his_patient_id or "",
        encounter_id=encounter_id or "",
        policy=row.policy,
        content_id=row.content_id,
        queued_at=row.queued_at,
        pharmacist_id=row.pharmacist_id,
        held_until=row.held_until,
        address_id=row.address_id,
        invoice_id=row.invoice_id,
        amount_fen=row.amount_fen,
        pickup_code=row.pickup_code,
    )


async def begin(
    db: AsyncSession,
    prescription_id: UUID,
    visit_id: UUID,
    account_id: UUID,
    content: PrescriptionContent,
    *,
    policy: str,
    at: datetime,
    due_at: datetime,
    copied_from: str | None = None,
    request: str = "",
) -> None:
    """A doctor begins to prescribe: only while they see the patient. The row first; the run is started after this transaction.

    Raises `prescription.visit_over`, `prescription.too_many`, `prescription.rounds_exhausted`.
    """
    visit = (await db.execute(select(RevisitRow.state, RevisitRow.entered_at).where(RevisitRow.id == visit_id).with_for_update())).one()
    if visit.state != State.CONSULTING or visit.entered_at is None:
        raise DomainError("prescription.visit_over", "conflict")
    used = func.count().filter(PrescriptionRow.state.not_in([str(one) for one in UNUSED]))
    written, in_use = (await db.execute(select(func.count(), used).where(PrescriptionRow.visit_id == visit_id))).one()
    if in_use >= MAX:
        raise DomainError("prescription.too_many", "conflict", most=MAX)
    if written >= WRITTEN_MAX:
        raise DomainError("prescription.rounds_exhausted", "conflict", most=WRITTEN_MAX)
    content_id = ids.derived("prescription_content", prescription_id)
    await keep_content(db, content_id, prescription_id, account_id, content)
    await steps.open(
        db,
        STORE.table,
        prescription_id,
        PrescriptionState.DRAFTING,
        by=account_id,
        at=at,
        due_at=due_at,
        request=request,
        policy=policy,
        visit_id=visit_id,
        content_id=content_id,
        copied_from=copied_from,
    )


async def keep_content(db: AsyncSession, content_id: UUID, prescription_id: UUID, account_id: UUID, content: PrescriptionContent) -> None:
    """Stored before the step that puts it in force. The same id again stays the first. Raises `prescription.rounds_exhausted`."""
    others = select(func.count()).where(PrescriptionContentRow.prescription_id == prescription_id, PrescriptionContentRow.id != content_id)
    if (await db.scalar(others) or 0) >= CONTENTS_MAX:
        raise DomainError("prescription.rounds_exhausted", "conflict", most=CONTENTS_MAX)
    sealed = vault(db).seal("prescription_content.content", content_id, content.model_dump_json())
    values = {"id": content_id, "prescription_id": prescription_id, "account_id": account_id, "content": sealed}
    await db.execute(upsert(PrescriptionContentRow).values(**values).on_conflict_do_nothing())


async def content(db: AsyncSession, content_id: UUID) -> PrescriptionContent:
    row = await db.get_one(PrescriptionContentRow, content_id)
    return PrescriptionContent.model_validate_json(vault(db).open("prescription_content.content", content_id, row.content))


async def belongs(db: AsyncSession, content_id: UUID, prescription_id: UUID, account_id: UUID) -> bool:
    """Whether a content was written for this prescription by this doctor."""
    return await _is_theirs(db, PrescriptionContentRow, content_id, prescription_id, account_id)


async def justification(db: AsyncSession, prescription_id: UUID, content_id: UUID) -> UUID | None:
    """The note in which its doctor said last why a content is right all the same; None: they never did. Another content needs another."""
    submitted = select(TimelineRow.detail["note_id"].astext).where(
        TimelineRow.process_id == prescription_id,
        TimelineRow.name == "prescription.submit",
        TimelineRow.detail["content_id"].astext == str(content_id),
        TimelineRow.detail["note_id"].astext.is_not(None),
    )
    found = await db.scalar(submitted.order_by(TimelineRow.version.desc()).limit(1))
    return UUID(found) if found else None


async def reviewed(db: AsyncSession, content_id: UUID, verdict: Verdict | None) -> None:
    """What the rational-drug review said of a content; None: nothing. Its findings belong to the record."""
    values: dict[str, object] = {"level": NoAnswer.FAILED}
    if verdict is not None:
        sealed = vault(db).seal("prescription_content.findings", content_id, verdict.model_dump_json())
        values = {"level": verdict.level, "findings": sealed}
    await db.execute(update(PrescriptionContentRow).where(PrescriptionContentRow.id == content_id).values(**values))


async def verdict(db: AsyncSession, content_id: UUID) -> Verdict | None:
    """What the rational-drug review has said of a content; None: nothing yet. Raises `sealed.broken`."""
    findings = await db.scalar(select(PrescriptionContentRow.findings).where(PrescriptionContentRow.id == content_id))
    if findings is None:
        return None
    return Verdict.model_validate_json(vault(db).open("prescription_content.findings", content_id, findings))


async def keep_note(db: AsyncSession, note_id: UUID, prescription_id: UUID, account_id: UUID, text: str) -> None:
    """Words between pharmacist and doctor, before the step that sends them. The same id again stays the first."""
    sealed = vault(db).seal("prescription_note.text", note_id, text)
    values = {"id": note_id, "prescription_id": prescription_id, "account_id": account_id, "text": sealed}
    await db.execute(upsert(PrescriptionNoteRow).values(**values).on_conflict_do_nothing())


async def noted(db: AsyncSession, note_id: UUID, prescription_id: UUID, account_id: UUID) -> bool:
    """Whether a note was written for this prescription by this account."""
    return await _is_theirs(db, PrescriptionNoteRow, note_id, prescription_id, account_id)


async def _is_theirs(
    db: AsyncSession, of: type[PrescriptionContentRow | PrescriptionNoteRow], id: UUID, prescription_id: UUID, account_id: UUID
) -> bool:
    theirs = select(of.id).where(of.id == id, of.prescription_id == prescription_id, of.account_id == account_id)
    return await db.scalar(theirs) is not None


async def past_codes(db: AsyncSession, visit_id: UUID, at: datetime, window_months: int) -> tuple[str, ...]:
    """Diagnoses of the person's past visits here inside the hospital's window, as the HIS told them when the visit was opened."""
    past = await revisits.past_visits(db, visit_id)
    return tuple(code for visit in past if counts(visit, at, window_months) for code in visit.diagnosis_codes)


async def first_submitted_at(db: AsyncSession, prescription_id: UUID) -> datetime:
    """From when its validity counts."""
    first = select(func.min(TimelineRow.at)).where(TimelineRow.process_id == prescription_id, TimelineRow.name == "prescription.submit")
    return known(await db.scalar(first))


async def of_number(db: AsyncSession, number: UUID) -> UUID | None:
    """The prescription that the HIS knows under a number of ours."""
    return await db.scalar(select(PrescriptionContentRow.prescription_id).where(PrescriptionContentRow.id == number))


async def unsigned(db: AsyncSession, visit_id: UUID) -> bool:
    """Whether the doctor is not done with one of the visit's prescriptions."""
    waiting = select(PrescriptionRow.id).where(PrescriptionRow.visit_id == visit_id, PrescriptionRow.state.in_(UNSIGNED))
    return await db.scalar(waiting.limit(1)) is not None


async def running(db: AsyncSession, visit_id: UUID) -> bool:
    """Whether one of the visit's prescriptions is not at its end."""
    open_ = select(PrescriptionRow.id).where(
        PrescriptionRow.visit_id == visit_id, PrescriptionRow.state.not_in([str(end) for end in MOVES.ends()])
    )
    return await db.scalar(open_.limit(1)) is not None


async def prescribed(db: AsyncSession, visit_id: UUID) -> bool:
    """Whether drugs that the visit's doctor signed for are with the patient, or on their way."""
    none = [str(one) for one in UNSIGNED | UNUSED]
    query = select(PrescriptionRow.id).where(PrescriptionRow.visit_id == visit_id, PrescriptionRow.state.not_in(none))
    return await db.scalar(query.limit(1)) is not None


async def tell_visit(db: AsyncSession, visit_id: UUID, prescription_id: UUID) -> PrescriptionEnded | None:
    """The end of a prescription, for a visit that waits for it to close; one that has not ended looks for itself when it does.

    Its row is locked, so that it does not end behind our back.
    """
    state = await db.scalar(select(RevisitRow.state).where(RevisitRow.id == visit_id).with_for_update(read=True))
    if state != State.ENDED:
        return None
    ended = PrescriptionEnded.of(prescription_id)
    await inbox.bring(db, "revisit", visit_id, ended, party="prescription")
    return ended
