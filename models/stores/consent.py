"""What was accepted or answered, by whom, when, in which version."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.revisit import ConsentRow


async def record(
    db: AsyncSession,
    consent_id: UUID,
    revisit_id: UUID,
    account_id: UUID,
    scene: str,
    *,
    version: str,
    text_hash: str,
    at: datetime,
    **detail: object,
) -> None:
    """One a visit and scene: what was answered last stands, as a symptom remembered only at the second self-check."""
    said = {"account_id": account_id, "text_version": version, "text_hash": text_hash, "at": at, "detail": detail}
    await db.execute(
        insert(ConsentRow)
        .values(id=consent_id, revisit_id=revisit_id, scene=scene, **said)
        .on_conflict_do_update(index_elements=[ConsentRow.revisit_id, ConsentRow.scene], set_=said)
    )
