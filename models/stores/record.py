"""病历: one a visit, saved by its doctor until the visit ends; and each time that they sign it (D-4, D-6.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError, known
from models.record import MOVES, SIGNED, Record, RecordContent, RecordSigning, RecordState, Statement, WrittenRecord, read_statement, says
from models.revisit import State
from models.stores import signature as signatures
from models.stores import steps
from models.stores.database import vault
from models.stores.signature import Signer, ToSign
from models.tables.account import AccountRow
from models.tables.record import RecordRow, RecordSigningRow
from models.tables.revisit import RevisitRow

MAX = 20
"""Signings of one visit, so that no loop of requests fills the table or a phone."""
TITLE = "病历签名"


def snapshot(row: dict[str, Any]) -> RecordSigning:
    """The row as the process sees it."""
    return RecordSigning.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, RecordSigningRow.__table__), MOVES, snapshot)


async def save(db: AsyncSession, record_id: UUID, revisit_id: UUID, account_id: UUID, record: Record, at: datetime) -> None:
    """Only while the doctor is consulting and is not about to sign; locked so that no save slips behind the end.

    Raises `record.not_now`, `record.signing`.
    """
    state = await db.scalar(select(RevisitRow.state).where(RevisitRow.id == revisit_id).with_for_update(read=True))
    if state != State.CONSULTING:
        raise DomainError("record.not_now", "conflict")
    if await _is_signing(db, revisit_id):
        raise DomainError("record.signing", "conflict")
    kept = await db.scalar(select(RecordRow.id).where(RecordRow.revisit_id == revisit_id)) or record_id
    box = vault(db)
    values = {
        "account_id": account_id,
        "content": box.seal("record.content", kept, record.content.model_dump_json()),
        "diagnosis_code": box.seal("record.diagnosis_code", kept, record.diagnosis_code),
        "diagnosis_text": box.seal("record.diagnosis_text", kept, record.diagnosis_text),
        "saved_at": at,
    }
    await db.execute(
        insert(RecordRow).values(id=kept, revisit_id=revisit_id, **values).on_conflict_do_update(index_elements=[RecordRow.id], set_=values)
    )


async def of_revisit(db: AsyncSession, revisit_id: UUID) -> tuple[Record, datetime] | None:
    """As it was saved last, and when."""
    row = await db.scalar(select(RecordRow).where(RecordRow.revisit_id == revisit_id))
    if row is None:
        return None
    box = vault(db)
    record = Record(
        content=RecordContent.model_validate_json(box.open("record.content", row.id, row.content)),
        diagnosis_code=box.open("record.diagnosis_code", row.id, row.diagnosis_code),
        diagnosis_text=box.open("record.diagnosis_text", row.id, row.diagnosis_text),
    )
    return record, row.saved_at


async def begin(
    db: AsyncSession,
    signing_id: UUID,
    revisit_id: UUID,
    account_id: UUID,
    *,
    policy: str,
    at: datetime,
    due_at: datetime,
    request: str = "",
) -> None:
    """The doctor wants to sign what stands: the row first; the run is started after this transaction.

    Raises `record.not_now`, `record.missing`, `record.signing` (their phone shows it already), `record.signed` (nothing has changed since),
    `record.too_many`, `signature.no_certificate`.
    """
    state = await db.scalar(select(RevisitRow.state).where(RevisitRow.id == revisit_id).with_for_update())
    if state != State.CONSULTING:
        raise DomainError("record.not_now", "conflict")
    draft = await of_revisit(db, revisit_id)
    if draft is None:
        raise DomainError("record.missing", "conflict")
    if await _is_signing(db, revisit_id):
        raise DomainError("record.signing", "conflict")
    if await signed(db, revisit_id, draft[0]):
        raise DomainError("record.signed", "conflict")
    rounds = await db.scalar(select(func.count()).where(RecordSigningRow.visit_id == revisit_id)) or 0
    if rounds >= MAX:
        raise DomainError("record.too_many", "conflict", most=MAX)
    await signatures.staff_id(db, account_id)
    await steps.open(
        db,
        STORE.table,
        signing_id,
        RecordState.SIGNING,
        by=account_id,
        at=at,
        due_at=due_at,
        request=request,
        policy=policy,
        visit_id=revisit_id,
        round=rounds + 1,
    )


async def load(db: AsyncSession, signing_id: UUID) -> RecordSigning:
    """Raises `record.no_signing`."""
    found = select(*RecordSigningRow.__table__.c).where(RecordSigningRow.id == signing_id)
    row = (await db.execute(found)).mappings().one_or_none()
    if row is None:
        raise DomainError("record.no_signing", "missing")
    return snapshot(dict(row))


async def to_sign(db: AsyncSession, now: RecordSigning) -> ToSign:
    """The record as it stands, with whose it is, and its doctor, who signs it."""
    row = await db.get_one(RecordSigningRow, now.id)
    patient_id = await db.scalar(select(RevisitRow.patient_id).where(RevisitRow.id == now.visit_id))
    record, _ = known(await of_revisit(db, now.visit_id))
    signer = Signer(row.account_id, await signatures.staff_id(db, row.account_id))
    statement = Statement(visit=now.visit_id, patient=known(patient_id), round=row.round, by=signer.staff_id, record=record)
    return ToSign(signer=signer, side="doctor", title=TITLE, text=statement.text, record_id=now.id)


async def written(db: AsyncSession, now: RecordSigning) -> WrittenRecord:
    """What was signed, for the HIS: read out of the very text; nothing that was saved since."""
    row = await db.get_one(RecordSigningRow, now.id)
    visit = await db.get_one(RevisitRow, now.visit_id)
    one = known(await signatures.of_record(db, now.id))
    statement = read_statement(one.text)
    before = _of_signed(now.visit_id).where(RecordSigningRow.round < row.round).with_only_columns(RecordSigningRow.id)
    return WrittenRecord(
        number=now.id,
        encounter_id=known(visit.encounter_id),
        his_patient_id=known(visit.his_patient_id),
        practitioner_id=statement.by,
        written_at=row.created_at,
        replaces=await db.scalar(before),
        record=statement.record,
        signature=one.signature,
    )


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed, and when, as the CA says."""

    name: str
    signed_at: datetime
    round: int


async def signed(db: AsyncSession, revisit_id: UUID, record: Record) -> SignedBy | None:
    """Whether this is what was signed last in the visit, word for word, and by whom."""
    last = await db.scalar(_of_signed(revisit_id))
    one = await signatures.of_record(db, last.id) if last else None
    if last is None or one is None or not says(read_statement(one.text), record):
        return None
    name = await db.scalar(select(AccountRow.name).where(AccountRow.id == one.account_id))
    return SignedBy(name or "", one.signature.signed_at, last.round)


@dataclass(frozen=True, slots=True)
class Told:
    """A signing as its doctor and the offices read it: nothing of what it says."""

    id: UUID
    visit_id: UUID
    state: RecordState
    round: int
    due_at: datetime | None
    reason: str | None
    created_at: datetime
    moved_at: datetime
    version: int


async def last_signing(db: AsyncSession, revisit_id: UUID) -> Told | None:
    """Of a visit's record, whatever became of it."""
    query = select(RecordSigningRow).where(RecordSigningRow.visit_id == revisit_id).order_by(RecordSigningRow.round.desc()).limit(1)
    row = await db.scalar(query)
    return None if row is None else _told(row)


async def stuck(db: AsyncSession, after: tuple[datetime, UUID] | None, limit: int) -> list[Told]:
    """Signed records that the HIS does not take; who has waited longest comes first."""
    query = select(RecordSigningRow).where(RecordSigningRow.state == RecordState.STUCK)
    if after is not None:
        query = query.where(tuple_(RecordSigningRow.created_at, RecordSigningRow.id) > after)
    return [_told(row) for row in await db.scalars(query.order_by(RecordSigningRow.created_at, RecordSigningRow.id).limit(limit))]


def _told(row: RecordSigningRow) -> Told:
    return Told(row.id, row.visit_id, RecordState(row.state), row.round, row.due_at, row.reason, row.created_at, row.moved_at, row.version)


def _of_signed(revisit_id: UUID) -> Any:
    """The last of a visit's signings that its doctor has signed."""
    states = [str(state) for state in SIGNED]
    query = select(RecordSigningRow).where(RecordSigningRow.visit_id == revisit_id, RecordSigningRow.state.in_(states))
    return query.order_by(RecordSigningRow.round.desc()).limit(1)


async def _is_signing(db: AsyncSession, revisit_id: UUID) -> bool:
    live = select(RecordSigningRow.id).where(RecordSigningRow.visit_id == revisit_id, RecordSigningRow.state == RecordState.SIGNING)
    return await db.scalar(live) is not None
