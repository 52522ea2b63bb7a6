"""Condition text and files, stored before the step that binds them (P-2.3)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.intake import FILES_MAX, TAKES_FILES, MediaType
from models.kernel.errors import DomainError
from models.stores.database import vault
from models.tables.revisit import FileRow, IntakeRow, RevisitRow


@dataclass(frozen=True, slots=True)
class File:
    id: UUID
    revisit_id: UUID
    media_type: MediaType
    size: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Intake:
    text: str
    files: tuple[File, ...]


async def keep(db: AsyncSession, intake_id: UUID, revisit_id: UUID, text: str, file_ids: tuple[UUID, ...]) -> None:
    """Stores what the patient wrote; the files must be this visit's. Raises `intake.file_missing`. The same id again stays the first."""
    mine = set(await db.scalars(select(FileRow.id).where(FileRow.revisit_id == revisit_id, FileRow.id.in_(file_ids))))
    if lacking := [str(one) for one in file_ids if one not in mine]:
        raise DomainError("intake.file_missing", "invalid", file_ids=lacking)
    sealed = vault(db).seal("intake.text", intake_id, text)
    await db.execute(
        insert(IntakeRow)
        .values(id=intake_id, revisit_id=revisit_id, text=sealed, file_ids=[str(one) for one in file_ids])
        .on_conflict_do_nothing()
    )


async def check(db: AsyncSession, intake_id: UUID, revisit_id: UUID) -> None:
    """Raises `intake.missing` unless it was stored for this visit."""
    found = await db.scalar(select(IntakeRow.revisit_id).where(IntakeRow.id == intake_id))
    if found != revisit_id:
        raise DomainError("intake.missing", "invalid")


async def of_revisit(db: AsyncSession, revisit_id: UUID) -> Intake | None:
    """The description that the visit is bound to, as the doctor reads it."""
    row = await db.scalar(select(IntakeRow).join(RevisitRow, RevisitRow.intake_id == IntakeRow.id).where(RevisitRow.id == revisit_id))
    if row is None:
        return None
    wanted = [UUID(one) for one in row.file_ids]
    files = {one.id: one for one in await db.scalars(select(FileRow).where(FileRow.id.in_(wanted)))}
    return Intake(vault(db).open("intake.text", row.id, row.text), tuple(_file(files[one]) for one in wanted))


async def room(db: AsyncSession, revisit_id: UUID, file_id: UUID) -> bool:
    """Whether the file is still to be added. Raises `intake.not_now`, `intake.too_many_files` when there is no room for it."""
    if await db.scalar(select(FileRow.id).where(FileRow.id == file_id)) is not None:
        return False
    if await db.scalar(select(RevisitRow.state).where(RevisitRow.id == revisit_id)) not in TAKES_FILES:
        raise DomainError("intake.not_now", "conflict")
    if (await db.scalar(select(func.count()).where(FileRow.revisit_id == revisit_id)) or 0) >= FILES_MAX:
        raise DomainError("intake.too_many_files", "conflict", most=FILES_MAX)
    return True


async def add_file(
    db: AsyncSession, file_id: UUID, revisit_id: UUID, account_id: UUID, media_type: MediaType, size: int, sha256: str
) -> File:
    """One more file of a visit, counted under its row lock; the same id again stays the first. Raises what `room` raises."""
    await db.execute(select(RevisitRow.id).where(RevisitRow.id == revisit_id).with_for_update())
    if await room(db, revisit_id, file_id):
        fresh = insert(FileRow).values(
            id=file_id, revisit_id=revisit_id, account_id=account_id, media_type=media_type, size=size, sha256=sha256
        )
        await db.execute(fresh)
    return await file(db, revisit_id, file_id)


async def files(db: AsyncSession, revisit_id: UUID) -> list[File]:
    """All that was uploaded for a visit, described or not, oldest first."""
    rows = await db.scalars(select(FileRow).where(FileRow.revisit_id == revisit_id).order_by(FileRow.created_at, FileRow.id))
    return [_file(row) for row in rows]


async def file(db: AsyncSession, revisit_id: UUID, file_id: UUID) -> File:
    row = await db.scalar(select(FileRow).where(FileRow.id == file_id, FileRow.revisit_id == revisit_id))
    if row is None:
        raise DomainError("intake.file_missing", "missing")
    return _file(row)


def _file(row: FileRow) -> File:
    return File(row.id, row.revisit_id, MediaType(row.media_type), row.size, row.sha256, row.created_at)
