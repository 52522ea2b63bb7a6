"""E-bills as people read them: a patient's own, and what waits for 财务处."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.invoice import InvoiceState, Split
from models.kernel.errors import DomainError
from models.stores.reader import Reach
from models.tables.charge import ChargeRow
from models.tables.invoice import InvoiceRow
from models.tables.revisit import RevisitRow


@dataclass(frozen=True, slots=True)
class Told:
    """A bill as its row has it."""

    id: UUID
    visit_id: UUID
    charge_id: UUID
    payable: str
    sequence: int
    state: InvoiceState
    split: Split
    code: str | None
    number: str | None
    check_code: str | None
    issued_at: datetime | None
    qr: bytes | None
    file: str | None
    red_code: str | None
    red_number: str | None
    red_check_code: str | None
    red_file: str | None
    reversed_at: datetime | None
    trouble: str | None
    created_at: datetime
    moved_at: datetime
    version: int


def _telling(reach: Reach) -> Select[InvoiceRow, str]:
    """A bill is reached through its visit."""
    return (
        select(InvoiceRow, ChargeRow.payable)
        .join(ChargeRow, ChargeRow.id == InvoiceRow.charge_id)
        .join(RevisitRow, RevisitRow.id == InvoiceRow.visit_id)
        .where(reach.condition())
    )


async def told(db: AsyncSession, invoice_id: UUID, reach: Reach) -> Told:
    """One of them. Raises `invoice.missing`, also for what is not theirs."""
    row = (await db.execute(_telling(reach).where(InvoiceRow.id == invoice_id))).one_or_none()
    if row is None:
        raise DomainError("invoice.missing", "missing")
    return _told(*row)


async def of_charge(db: AsyncSession, charge_id: UUID, reach: Reach) -> list[Told]:
    """All of a charge, in order. Raises `charge.missing`, and `invoice.not_settled` for what the HIS has not settled: it has no bill."""
    found = (
        select(ChargeRow.state).join(RevisitRow, RevisitRow.id == ChargeRow.visit_id).where(ChargeRow.id == charge_id, reach.condition())
    )
    state = await db.scalar(found)
    if state is None:
        raise DomainError("charge.missing", "missing")
    if state != ChargeState.SETTLED:
        raise DomainError("invoice.not_settled", "conflict")
    rows = await db.execute(_telling(reach).where(InvoiceRow.charge_id == charge_id).order_by(InvoiceRow.sequence))
    return [_told(*row) for row in rows]


async def of_patient(db: AsyncSession, patient_id: UUID, reach: Reach, before: tuple[datetime, UUID] | None, limit: int) -> list[Told]:
    """What was billed, or is being billed, for a patient's visits; newest first. What only undoes another is no bill."""
    billed = or_(InvoiceRow.state.not_in([InvoiceState.REVERSING, InvoiceState.VOID]), InvoiceRow.number.is_not(None))
    query = _telling(reach).where(RevisitRow.patient_id == patient_id, billed)
    if before is not None:
        query = query.where(tuple_(InvoiceRow.created_at, InvoiceRow.id) < before)
    return [_told(*row) for row in await db.execute(query.order_by(InvoiceRow.created_at.desc(), InvoiceRow.id.desc()).limit(limit))]


async def listed(
    db: AsyncSession, states: Collection[InvoiceState], reach: Reach, after: tuple[datetime, UUID] | None, limit: int
) -> list[Told]:
    """Those in these states; who has waited longest comes first."""
    query = _telling(reach).where(InvoiceRow.state.in_(states))
    if after is not None:
        query = query.where(tuple_(InvoiceRow.moved_at, InvoiceRow.id) > after)
    return [_told(*row) for row in await db.execute(query.order_by(InvoiceRow.moved_at, InvoiceRow.id).limit(limit))]


async def of_number(db: AsyncSession, code: str, number: str, reach: Reach) -> list[Told]:
    """The bill of these numbers of the issuer's, or what the red one of these numbers undid; none or one."""
    its, reds = (InvoiceRow.code, InvoiceRow.number), (InvoiceRow.red_code, InvoiceRow.red_number)
    wanted = or_(tuple_(*its) == (code, number), and_(tuple_(*reds) == (code, number), InvoiceRow.red_number.is_not(None)))
    return [_told(*row) for row in await db.execute(_telling(reach).where(wanted).limit(2))]


def _told(row: InvoiceRow, payable: str) -> Told:
    return Told(
        row.id,
        row.visit_id,
        row.charge_id,
        payable,
        row.sequence,
        InvoiceState(row.state),
        Split(fund_fen=row.fund_fen, account_fen=row.account_fen, cash_fen=row.cash_fen),
        row.code,
        row.number,
        row.check_code,
        row.issued_at,
        row.qr,
        row.file,
        row.red_code,
        row.red_number,
        row.red_check_code,
        row.red_file,
        row.reversed_at,
        row.trouble,
        row.created_at,
        row.moved_at,
        row.version,
    )
