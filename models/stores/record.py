"""病历: one a visit, saved by its doctor until the visit ends (D-4; the signature comes with prescriptions)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.record import Record, RecordContent
from models.revisit import State
from models.stores.database import vault
from models.tables.record import RecordRow
from models.tables.revisit import RevisitRow


async def save(db: AsyncSession, record_id: UUID, revisit_id: UUID, account_id: UUID, record: Record, at: datetime) -> None:
    """Only while the doctor is consulting; locked so that no save slips behind the end. Raises `record.not_now`."""
    state = await db.scalar(select(RevisitRow.state).where(RevisitRow.id == revisit_id).with_for_update(read=True))
    if state != State.CONSULTING:
        raise DomainError("record.not_now", "conflict")
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


async def written(db: AsyncSession, revisit_id: UUID) -> bool:
    """A record is never saved without a diagnosis."""
    return await db.scalar(select(RecordRow.id).where(RecordRow.revisit_id == revisit_id)) is not None


async def of_revisit(db: AsyncSession, revisit_id: UUID) -> tuple[Record, datetime] | None:
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
