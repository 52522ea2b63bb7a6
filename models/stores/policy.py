"""Versions of the rules: a visit reads the one it pinned, what is live reads the newest in force."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.consent import ConsentText
from models.kernel.errors import DomainError
from models.policy import Policy
from models.stores.database import KEPT
from models.tables.message import PolicyRow
from models.tables.revisit import ConsentTextRow


async def pinned(db: AsyncSession, version: str) -> Policy:
    """Read once: a version is never changed. Raises `policy.missing`."""
    kept: dict[str, Policy] = db.info.get(KEPT, {})
    if version not in kept:
        row = await db.get(PolicyRow, version)
        if row is None:
            raise DomainError("policy.missing", "missing", version=version)
        kept[version] = Policy.model_validate(row, from_attributes=True)
    return kept[version]


async def in_force(db: AsyncSession, line: str, at: datetime) -> Policy:
    """The newest version of a line whose effect date has come."""
    newest = select(PolicyRow).where(PolicyRow.line == line, PolicyRow.effective_at <= at).order_by(PolicyRow.effective_at.desc()).limit(1)
    row = await db.scalar(newest)
    if row is None:
        raise DomainError("policy.missing", "missing", line=line)
    return Policy.model_validate(row, from_attributes=True)


async def publish(db: AsyncSession, policy: Policy) -> None:
    """A version is never changed: published again it stays as it was."""
    await db.execute(insert(PolicyRow).values(**policy.model_dump()).on_conflict_do_nothing())


async def consent_text(db: AsyncSession, scene: str, at: datetime) -> ConsentText:
    """The notice of a scene that is in force now."""
    newest = (
        select(ConsentTextRow)
        .where(ConsentTextRow.scene == scene, ConsentTextRow.effective_at <= at)
        .order_by(ConsentTextRow.effective_at.desc())
        .limit(1)
    )
    row = await db.scalar(newest)
    if row is None:
        raise DomainError("consent.missing", "missing", scene=scene)
    return ConsentText(version=row.version, title=row.title, text=row.text, effective_at=row.effective_at)


async def publish_text(db: AsyncSession, scene: str, text: ConsentText) -> None:
    await db.execute(insert(ConsentTextRow).values(scene=scene, **text.model_dump()).on_conflict_do_nothing())
