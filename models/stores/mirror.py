"""How old our copies of the HIS's data are: a row for each part that is pulled in full."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.directory import MirrorRow


async def pulled(db: AsyncSession, part: str, at: datetime) -> None:
    """The copy is that of this moment; in the transaction that writes it."""
    await _mark(db, part, {"synced_at": at, "failed_at": None, "failure": None})


async def failed(db: AsyncSession, part: str, at: datetime, failure: str) -> None:
    """The copy stays and grows old."""
    await _mark(db, part, {"failed_at": at, "failure": failure})


async def ages_s(db: AsyncSession, now: datetime) -> dict[str, int | None]:
    """Seconds since each part was last pulled in full; None for one that never was."""
    rows = await db.execute(select(MirrorRow.part, MirrorRow.synced_at).order_by(MirrorRow.part))
    return {part: int((now - at).total_seconds()) if at is not None else None for part, at in rows}


async def _mark(db: AsyncSession, part: str, values: dict[str, object]) -> None:
    await db.execute(upsert(MirrorRow).values(part=part, **values).on_conflict_do_update(index_elements=["part"], set_=values))
