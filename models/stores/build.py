"""Builds of the workflows that workers of this installation ever ran, and those that have a worker now."""

from typing import Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.build import BuildRow

_ROOM: Final = 0x46555A
"""The first half of the advisory lock that a living worker holds; the second half is its build."""


def lock_of(build: str) -> dict[str, int]:
    """The advisory lock of the living workers of a build, shared by them."""
    return {"room": _ROOM, "build": int(build[:7], 16)}


async def seen(db: AsyncSession, build: str) -> None:
    """Kept when it is first seen; a build that comes back keeps its age."""
    await db.execute(insert(BuildRow).values(id=build).on_conflict_do_nothing())


async def newest(db: AsyncSession) -> str | None:
    """The build that was seen last for the first time."""
    return next(iter(await latest(db, 1)), None)


async def latest(db: AsyncSession, limit: int) -> list[str]:
    """By when they were seen for the first time, the newest first."""
    return list(await db.scalars(select(BuildRow.id).order_by(BuildRow.first_seen_at.desc(), BuildRow.id).limit(limit)))


async def alive(db: AsyncSession) -> frozenset[str]:
    """Builds that have a worker at this moment."""
    held = text("select objid from pg_locks where locktype = 'advisory' and classid = :room and granted and mode = 'ShareLock'")
    keys = {int(key) for key in await db.scalars(held, {"room": _ROOM})}
    return frozenset(build for build in await db.scalars(select(BuildRow.id)) if lock_of(build)["build"] in keys)
