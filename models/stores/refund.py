"""Refunds: begun once for a cause, never for more than came, and what their steps need."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, false, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.kernel import ids
from models.kernel.errors import DomainError
from models.policy import Policy
from models.refund import MOVES, Cause, Office, Refund, RefundState
from models.revisit import State
from models.stores import steps
from models.tables.account import AccountRow, GrantRow
from models.tables.charge import RUNNING, ChargeRow, PaymentRow, RefundRow
from models.tables.process import AuditRow, TimelineRow
from models.tables.revisit import RevisitRow


def snapshot(row: dict[str, Any]) -> Refund:
    """The row as the process sees it."""
    return Refund.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, RefundRow.__table__), MOVES, snapshot)


@dataclass(frozen=True, slots=True)
class Facts:
    """What steps need of a refund beyond its snapshot: its numbers, and the payment and bill that it undoes."""

    id: UUID
    charge_id: UUID | None
    visit_id: UUID
    cause: Cause
    amount_fen: int
    number: str
    attempt: int
    tries: int
    polls: int
    policy: str
    due_at: datetime | None
    accepted_at: datetime | None
    payment_id: UUID
    order_no: str
    paid_fen: int
    unwanted: bool
    invoice_id: str | None
    handed_to: Office | None
    """The office that a person last gave it to."""

    @property
    def channel_id(self) -> UUID:
        """The present number at the channel as an id: what is booked for it is booked once."""
        return UUID(hex=self.number)


@dataclass(frozen=True, slots=True)
class Begun:
    """A refund that was begun, for who starts its run."""

    id: UUID
    visit_id: UUID
    row: Refund


async def load(db: AsyncSession, refund_id: UUID) -> Refund:
    row = (await db.execute(select(*RefundRow.__table__.c).where(RefundRow.id == refund_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("refund.missing", "missing")
    return snapshot(dict(row))


async def facts(db: AsyncSession, refund_id: UUID) -> Facts:
    handed_to = (
        select(TimelineRow.detail["office"].astext)
        .where(TimelineRow.process_id == RefundRow.id, TimelineRow.name == "refund.hand_over")
        .order_by(TimelineRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = await db.execute(
        select(RefundRow, PaymentRow, ChargeRow.invoice_id, handed_to)
        .join(PaymentRow, PaymentRow.id == RefundRow.payment_id)
        .outerjoin(ChargeRow, ChargeRow.id == RefundRow.charge_id)
        .where(RefundRow.id == refund_id)
    )
    row = found.one_or_none()
    if row is None:
        raise DomainError("refund.missing", "missing")
    refund, payment, invoice_id, office = row
    return Facts(
        refund.id,
        refund.charge_id,
        refund.visit_id,
        Cause(refund.cause),
        refund.amount_fen,
        refund.number,
        refund.attempt,
        refund.tries,
        refund.polls,
        refund.policy,
        refund.due_at,
        refund.accepted_at,
        payment.id,
        payment.order_no,
        payment.amount_fen,
        payment.unwanted is not None,
        invoice_id,
        Office(office) if office else None,
    )


async def begin(
    db: AsyncSession,
    payment_id: UUID,
    cause: Cause,
    at: datetime,
    policy: Policy,
    *,
    amount_fen: int | None = None,
    refund_id: UUID | None = None,
    request: str = "",
) -> Begun | None:
    """Begins to give back a payment, or `amount_fen` of it; in the transaction of the step that wants it.

    It waits for the lock of the charge, so that causes that arrive together give back once. A cause gives back once: its refund's id is
    that of payment and cause (management's, of what one person meant once). None: the cause has its refund already, or others give back
    all that is left. Raises `refund.exceeds_paid` for more than is left.
    """
    whole = select(ChargeRow.id).join(PaymentRow, PaymentRow.charge_id == ChargeRow.id).where(PaymentRow.id == payment_id)
    # Not FOR UPDATE: who has just kept a payment of this charge refers to it, and two of them would wait for each other.
    await db.execute(whole.with_for_update(key_share=True, of=ChargeRow))
    payment = await db.get_one(PaymentRow, payment_id, with_for_update=True, populate_existing=True)
    settled = payment.unwanted is None and await _settled(db, payment.charge_id)
    left = payment.amount_fen - payment.reserved_fen - payment.refunded_fen
    if amount_fen is not None and amount_fen > left:
        raise DomainError("refund.exceeds_paid", "conflict", left_fen=left)
    amount = left if amount_fen is None else amount_fen
    number = refund_id or ids.derived("refund", payment_id, cause)
    if amount == 0 or await db.get(RefundRow, number) is not None:
        return None
    visit_id = payment.visit_id or number
    fresh = (
        insert(RefundRow)
        .values(
            id=number,
            state=RefundState.REQUESTED if settled else RefundState.CLEARED,
            cleared_at=None if settled else at,
            policy=policy.version,
            payment_id=payment_id,
            charge_id=payment.charge_id,
            visit_id=visit_id,
            cause=cause,
            amount_fen=amount,
            number=number.hex,
            due_at=policy.refund_until(at),
            created_at=at,
            moved_at=at,
            request=request or None,
        )
        .on_conflict_do_nothing(index_elements=["payment_id", "cause"], index_where=text(RUNNING))
        .returning(RefundRow.id)
    )
    if await db.scalar(fresh) is None:
        return None
    payment.reserved_fen += amount
    await db.flush()
    return Begun(number, visit_id, await load(db, number))


async def _settled(db: AsyncSession, charge_id: UUID | None) -> bool:
    return await db.scalar(select(ChargeRow.state).where(ChargeRow.id == charge_id)) == ChargeState.SETTLED


async def gone(db: AsyncSession, refund: Facts) -> None:
    """What was reserved has been given back."""
    await _unreserve(db, refund, refund.amount_fen)


async def stays(db: AsyncSession, refund: Facts) -> None:
    """What was reserved is not given back, and may be asked for again."""
    await _unreserve(db, refund, 0)


async def _unreserve(db: AsyncSession, refund: Facts, refunded_fen: int) -> None:
    changed = {"reserved_fen": PaymentRow.reserved_fen - refund.amount_fen, "refunded_fen": PaymentRow.refunded_fen + refunded_fen}
    await db.execute(update(PaymentRow).where(PaymentRow.id == refund.payment_id).values(**changed))


async def of_number(db: AsyncSession, number: str) -> UUID | None:
    """The refund that has this number at the channel; None for one that is not ours, or no more."""
    return await db.scalar(select(RefundRow.id).where(RefundRow.number == number))


@dataclass(frozen=True, slots=True)
class Told:
    """A refund as people read it."""

    id: UUID
    charge_id: UUID | None
    revisit_id: UUID | None
    cause: Cause
    amount_fen: int
    state: RefundState
    refund_no: str
    order_no: str
    trouble: str | None
    office: Office | None
    requested_at: datetime
    promised_at: datetime | None
    cleared_at: datetime | None
    accepted_at: datetime | None
    arrived_at: datetime | None
    voucher: str | None
    version: int
    payable: str | None
    """What its charge was for; None of an order that nobody knows."""
    served: bool
    """The visit took place: its HIS has it as executed, or is about to."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a member of staff did to a refund: the deed's name in the audit, who with their posts of today, and what was said with it."""

    at: datetime
    action: str
    name: str | None
    roles: list[str]
    detail: dict[str, Any]


async def deeds(db: AsyncSession, refund_id: UUID) -> list[Deed]:
    """Oldest first; from the audit, which is written in the transaction of the deed."""
    roles = select(func.array_agg(GrantRow.role.distinct())).where(GrantRow.account_id == AuditRow.account_id).scalar_subquery()
    found = await db.execute(
        select(AuditRow.at, AuditRow.action, AccountRow.name, roles, AuditRow.detail)
        .outerjoin(AccountRow, AccountRow.id == AuditRow.account_id)
        .where(AuditRow.subject == "refund", AuditRow.subject_id == refund_id, AuditRow.account_id.is_not(None))
        .order_by(AuditRow.at, AuditRow.id)
    )
    return [Deed(at, action, name, roles or [], detail) for at, action, name, roles, detail in found]


_TOLD = (
    select(RefundRow, PaymentRow.order_no, ChargeRow.payable, func.coalesce(RevisitRow.state.in_((State.ENDED, State.CLOSED)), false()))
    .join(PaymentRow, PaymentRow.id == RefundRow.payment_id)
    .outerjoin(ChargeRow, ChargeRow.id == RefundRow.charge_id)
    .outerjoin(RevisitRow, RevisitRow.id == RefundRow.visit_id)
)


async def told(db: AsyncSession, refund_id: UUID) -> Told:
    """One of them. Raises `refund.missing`."""
    row = (await db.execute(_TOLD.where(RefundRow.id == refund_id))).one_or_none()
    if row is None:
        raise DomainError("refund.missing", "missing")
    return _told(*row)


async def listed(
    db: AsyncSession, states: frozenset[RefundState], office: Office | None, before: tuple[datetime, UUID] | None, limit: int
) -> list[Told]:
    """Those in these states, newest first."""
    query = _TOLD.where(RefundRow.state.in_(states))
    if office is not None:
        query = query.where(RefundRow.office == office)
    if before is not None:
        query = query.where(tuple_(RefundRow.created_at, RefundRow.id) < before)
    return [_told(*row) for row in await db.execute(query.order_by(RefundRow.created_at.desc(), RefundRow.id.desc()).limit(limit))]


def _told(row: RefundRow, order_no: str, payable: str | None, served: bool) -> Told:
    return Told(
        row.id,
        row.charge_id,
        None if row.visit_id == row.id else row.visit_id,
        Cause(row.cause),
        row.amount_fen,
        RefundState(row.state),
        row.number,
        order_no,
        row.trouble,
        None if row.office is None else Office(row.office),
        row.created_at,
        row.due_at,
        row.cleared_at,
        row.accepted_at,
        row.arrived_at,
        row.voucher,
        row.version,
        payable,
        served,
    )
