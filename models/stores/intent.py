"""Keys of requests that no process answers for: the row is inserted in the effect's own transaction, so that both are or neither is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.stores.database import vault
from models.tables.message import IntentRow

_ANSWER = "intent.answer"


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to the first request under a key, and to which body."""

    body: str
    status: int
    answer: str


async def claim(db: AsyncSession, intent_id: UUID, account_id: UUID, body: str) -> Answered | None:
    """None: it is ours, and `keep` must follow in this transaction. While another holds it, this waits; then it tells the first answer.

    When the first one is rolled back instead, the waiting one gets the key and does the work.
    """
    claimed = await db.scalar(
        insert(IntentRow)
        .values(id=intent_id, account_id=account_id, body=body, status=0, answer=b"")
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(IntentRow.id)
    )
    if claimed is not None:
        return None
    found = await db.execute(select(IntentRow.body, IntentRow.status, IntentRow.answer).where(IntentRow.id == intent_id))
    first_body, status, answer = found.one()
    return Answered(first_body, status, vault(db).open(_ANSWER, intent_id, answer))


async def keep(db: AsyncSession, intent_id: UUID, status: int, answer: str) -> None:
    """The answer that every repeat gets. Sealed: it may hold what the request held."""
    sealed = vault(db).seal(_ANSWER, intent_id, answer)
    await db.execute(update(IntentRow).where(IntentRow.id == intent_id).values(status=status, answer=sealed))


async def forget(db: AsyncSession, before: datetime) -> None:
    """Keys are kept 30 days; after that the rows of the domain answer."""
    await db.execute(delete(IntentRow).where(IntentRow.created_at < before))
