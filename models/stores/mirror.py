"""How old our copy of the HIS's data is."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.directory import MirrorRow


async def ages_s(db: AsyncSession, now: datetime) -> dict[str, int | None]:
    """Seconds since each part was last pulled in full; None for one that never was."""
    rows = await db.execute(select(MirrorRow.part, MirrorRow.synced_at).order_by(MirrorRow.part))
    return {part: int((now - at).total_seconds()) if at is not None else None for part, at in rows}
