"""The archive of histories: a row for each closed run, and its history in a file of object storage."""

import gzip
import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import AccountKind
from models.history import ClosedRun, Closing
from models.refund import Cause
from models.stores.files import UNREAD, ObjectFolder
from models.stores.open_rows import PROCESSES
from models.tables.account import AccountRow
from models.tables.charge import ChargeRow, PaymentRow, RefundRow
from models.tables.history import WAITS, HistoryRow
from models.tables.invoice import InvoiceRow
from models.tables.process import AuditRow, InboxRow, TimelineRow
from models.tables.revisit import RevisitRow

_AT_ONCE = 1000


class HistoryFiles(ObjectFolder):
    """Histories as gzip of JSON. The name says the run, whose history never changes: whoever writes it again writes the same."""

    async def put(self, file: str, content: bytes) -> int:
        """Whole or not at all; answers the size of the file."""
        packed = gzip.compress(content, mtime=0)
        await self.write(file, packed)
        return len(packed)

    async def get(self, file: str) -> bytes:
        """What was put. Raises `UnreadableError`."""
        try:
            return gzip.decompress(await self.read(file))
        except (*UNREAD, EOFError, zlib.error) as fault:
            raise UnreadableError(file) from fault


class UnreadableError(Exception):
    """A file of the archive that is not there or is damaged: a fault, and one history the less."""


async def newest(db: AsyncSession) -> datetime | None:
    """When the run ended that was the last to end of all that were found."""
    return await db.scalar(select(func.max(HistoryRow.ended_at)))


async def found(db: AsyncSession, runs: Sequence[ClosedRun]) -> int:
    """Rows for those that have none yet; answers for how many."""
    new = 0
    for start in range(0, len(runs), _AT_ONCE):
        rows = [asdict(run) for run in runs[start : start + _AT_ONCE]]
        inserted = insert(HistoryRow).values(rows).on_conflict_do_nothing().returning(HistoryRow.run_id)
        new += len((await db.scalars(inserted)).all())
    return new


async def due(db: AsyncSession, at: datetime, limit: int) -> list[ClosedRun]:
    """Some that wait to be archived and were not tried since `at`, marked as tried: one that cannot be read never holds up the others."""
    waiting = (
        select(HistoryRow.run_id)
        .where(WAITS, HistoryRow.tried_at.is_(None) | (HistoryRow.tried_at < at))
        .order_by(HistoryRow.tried_at.nulls_first(), HistoryRow.ended_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    tried = update(HistoryRow).where(HistoryRow.run_id.in_(waiting)).values(tried_at=at).returning(HistoryRow)
    rows = await db.scalars(tried.execution_options(synchronize_session=False))
    return [_run(row) for row in rows]


def _run(row: HistoryRow) -> ClosedRun:
    return ClosedRun(
        run_id=row.run_id,
        workflow_id=row.workflow_id,
        process=row.process,
        process_id=row.process_id,
        visit_id=row.visit_id,
        status=Closing(row.status),
        began_at=row.began_at,
        ended_at=row.ended_at,
    )


async def archived(db: AsyncSession, run: ClosedRun, *, events: int, size: int, at: datetime) -> None:
    """Its history lies in its file. Archived already is archived."""
    kept = {"archived_at": at, "events": events, "bytes": size, "file": run.file}
    await db.execute(
        update(HistoryRow).where(HistoryRow.run_id == run.run_id, HistoryRow.archived_at.is_(None)).values(lost_at=None, **kept)
    )


async def lost(db: AsyncSession, run: ClosedRun, at: datetime) -> None:
    """The engine has it no more, and no file was written."""
    await db.execute(update(HistoryRow).where(HistoryRow.run_id == run.run_id, WAITS).values(lost_at=at))


@dataclass(frozen=True, slots=True)
class Kept:
    """A closed run as its row has it; `file` once it is archived."""

    run: ClosedRun
    file: str | None
    archived_at: datetime | None


async def of_visit(db: AsyncSession, visit_id: UUID) -> list[Kept]:
    """The closed runs that were found of a visit, its charges and its refunds, oldest first."""
    rows = await db.scalars(select(HistoryRow).where(HistoryRow.visit_id == visit_id).order_by(HistoryRow.began_at, HistoryRow.run_id))
    return [Kept(_run(row), row.file, row.archived_at) for row in rows]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a story names them: staff by their name, a patient by nothing."""

    kind: AccountKind
    name: str | None


async def people(db: AsyncSession, accounts: Collection[UUID]) -> dict[UUID, Person]:
    """By account; staff alone have a name there."""
    rows = await db.execute(select(AccountRow.id, AccountRow.kind, AccountRow.name).where(AccountRow.id.in_(accounts)))
    return {id: Person(AccountKind(kind), name) for id, kind, name in rows}


async def begun_by(db: AsyncSession, visit_id: UUID) -> dict[UUID, UUID]:
    """Who wanted a process of the visit, by its row: the visit's opener, and whoever gave money back for the hospital."""
    opened = select(TimelineRow.process_id, TimelineRow.by).where(TimelineRow.visit_id == visit_id, TimelineRow.step == "open")
    refunds = select(RefundRow.id).where(RefundRow.visit_id == visit_id)
    given_back = select(AuditRow.subject_id, AuditRow.account_id).where(AuditRow.action == "refund:begin", AuditRow.subject_id.in_(refunds))
    return {id: account for asked in (opened, given_back) for id, account in await db.execute(asked) if id and account}


async def waiting(db: AsyncSession) -> tuple[int, datetime | None]:
    """How many closed runs were found and are not yet archived, and when the oldest of them ended."""
    number, since = (await db.execute(select(func.count(), func.min(HistoryRow.ended_at)).where(WAITS))).one()
    return number, since


@dataclass(frozen=True, slots=True)
class Process:
    """The row of a process of a visit, and of money what it is: `payable` is what its charge was for."""

    process: str
    id: UUID
    state: str
    created_at: datetime
    payable: str | None = None
    amount_fen: int | None = None
    cause: Cause | None = None
    trouble: str | None = None
    office: str | None = None
    voucher: str | None = None
    paid_fen: int = 0
    reserved_fen: int = 0
    """Of what was paid, on its way back."""
    refunded_fen: int = 0
    leaving_as: str | None = None
    """Of a visit that is closing: what it will be."""


async def processes(db: AsyncSession, visit_id: UUID) -> list[Process]:
    """The visit's own and all around it, by kind and age."""
    found: list[Process] = []
    for process, (table, _) in PROCESSES.items():
        mine = table.visit_id if hasattr(table, "visit_id") else table.id
        rows = select(table.id, table.state, table.created_at).where(mine == visit_id).order_by(table.created_at, table.id)
        match process:
            case "revisit":
                rows = rows.add_columns(RevisitRow.leaving_as)
            case "charge":
                paid = PaymentRow.amount_fen, PaymentRow.reserved_fen, PaymentRow.refunded_fen
                named = ("paid_fen", "reserved_fen", "refunded_fen")
                sums = (func.coalesce(fen, 0).label(name) for name, fen in zip(named, paid, strict=True))
                wanted = and_(PaymentRow.charge_id == ChargeRow.id, PaymentRow.unwanted.is_(None))
                rows = rows.add_columns(ChargeRow.payable, ChargeRow.amount_fen, *sums).outerjoin(PaymentRow, wanted)
            case "refund":
                known = (RefundRow.amount_fen, RefundRow.cause, RefundRow.trouble, RefundRow.office, RefundRow.voucher)
                rows = rows.add_columns(ChargeRow.payable, *known).outerjoin(ChargeRow, ChargeRow.id == RefundRow.charge_id)
            case "invoice":
                bill = (InvoiceRow.fund_fen + InvoiceRow.account_fen + InvoiceRow.cash_fen).label("amount_fen")
                rows = rows.add_columns(ChargeRow.payable, bill).join(ChargeRow, ChargeRow.id == InvoiceRow.charge_id)
            case _:
                pass
        found += [_process(process, dict(row)) for row in (await db.execute(rows)).mappings()]
    return found


def _process(process: str, row: dict[str, Any]) -> Process:
    cause = row.pop("cause", None)
    return Process(process=process, cause=Cause(cause) if cause else None, **row)


@dataclass(frozen=True, slots=True)
class Done:
    """A step as the timeline has it, under its key."""

    process: str
    process_id: UUID
    key: str
    name: str
    after: str
    by: UUID | None
    at: datetime
    detail: dict[str, Any]


async def done(db: AsyncSession, visit_id: UUID) -> list[Done]:
    """All that was done for a visit, oldest first: the truth, also of what no history tells any more."""
    columns = (TimelineRow.process, TimelineRow.process_id, TimelineRow.step, TimelineRow.name, TimelineRow.after)
    rows = select(*columns, TimelineRow.by, TimelineRow.at, TimelineRow.detail).where(TimelineRow.visit_id == visit_id)
    return [Done(*row) for row in await db.execute(rows.order_by(TimelineRow.at, TimelineRow.id))]


async def kept_at(db: AsyncSession, processes: Collection[UUID]) -> dict[UUID, datetime]:
    """When an event was kept for its process, by the event's id: a wish that got no answer in time, and all news."""
    rows = await db.execute(select(InboxRow.id, InboxRow.created_at).where(InboxRow.process_id.in_(processes)))
    return {row.id: row.created_at for row in rows}
