"""The HIS's catalogue of drugs, mirrored."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import cast, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.drug import Drug
from models.stores import mirror
from models.tables.prescription import DrugRow

PART = "drug"
"""Of the mirror."""


async def catalogue(db: AsyncSession, codes: Sequence[str]) -> dict[str, Drug]:
    """Those of these drugs that the HIS has."""
    rows = await db.scalars(select(DrugRow).where(DrugRow.code.in_(list(codes))))
    return {row.code: Drug.model_validate(row.drug) for row in rows}


async def keep(db: AsyncSession, found: Sequence[Drug], at: datetime) -> None:
    """The catalogue as just pulled in full; what is not in it any more is stopped."""
    for drug in found:
        values = {"code": drug.code, "name": drug.name, "drug": drug.model_dump(mode="json"), "seen_at": at}
        await db.execute(upsert(DrugRow).values(**values).on_conflict_do_update(index_elements=[DrugRow.code], set_=values))
    gone = DrugRow.drug.concat(cast({"stopped": True}, JSONB))
    await db.execute(update(DrugRow).where(DrugRow.seen_at < at).values(drug=gone).execution_options(synchronize_session=False))
    await mirror.pulled(db, PART, at)


async def search(db: AsyncSession, words: str, limit: int) -> list[Drug]:
    """By a part of a name or a code."""
    part = words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    query = (
        select(DrugRow.drug)
        .where(or_(DrugRow.name.ilike(f"%{part}%"), DrugRow.code.ilike(f"{part}%")))
        .order_by(DrugRow.name, DrugRow.code)
    )
    return [Drug.model_validate(drug) for drug in await db.scalars(query.limit(limit))]
