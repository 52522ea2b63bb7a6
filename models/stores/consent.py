"""What was accepted or answered, by whom, when, in which version."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.consent import Stability
from models.tables.revisit import ConsentRow

STABILITY = "stability"
"""The scene of a refill's questions."""


@dataclass(frozen=True, slots=True)
class Answers:
    """病情稳定: who answered which version of the questions, when, and what they could not confirm."""

    by: UUID
    version: str
    at: datetime
    unstable: tuple[Stability, ...]


async def stability(db: AsyncSession, revisit_id: UUID) -> Answers | None:
    """None: not asked, or not answered yet."""
    row = await db.scalar(select(ConsentRow).where(ConsentRow.revisit_id == revisit_id, ConsentRow.scene == STABILITY))
    if row is None:
        return None
    return Answers(row.account_id, row.text_version, row.at, tuple(Stability(one) for one in row.detail["unstable"]))


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
