"""Sums that the channel took, kept once by channel and transaction, whoever hears of it first: the charge, or who minds stray money."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import Trade
from models.kernel import ids
from models.kernel.errors import known
from models.refund import Cause
from models.tables.charge import PaymentRow

CHANNEL = "wechat_pay"


@dataclass(frozen=True, slots=True)
class Payment:
    """A sum that came, and what of it is on its way back or gone."""

    id: UUID
    transaction_id: str
    order_no: str
    charge_id: UUID | None
    amount_fen: int
    reserved_fen: int
    refunded_fen: int
    unwanted: Cause | None
    paid_at: datetime

    @property
    def left_fen(self) -> int:
        """What may still be asked back."""
        return self.amount_fen - self.reserved_fen - self.refunded_fen


async def keep(
    db: AsyncSession, trade: Trade, *, charge_id: UUID | None, visit_id: UUID | None, unwanted: Cause | None = None
) -> UUID | None:
    """Keeps what the channel's query said had come; its id, or None when it was kept before."""
    transaction_id = known(trade.transaction_id)
    kept = (
        insert(PaymentRow)
        .values(
            id=ids.derived("payment", CHANNEL, transaction_id),
            channel=CHANNEL,
            transaction_id=transaction_id,
            order_no=trade.order_no,
            charge_id=charge_id,
            visit_id=visit_id,
            amount_fen=trade.amount_fen,
            unwanted=unwanted,
            paid_at=known(trade.paid_at),
        )
        .on_conflict_do_nothing(index_elements=["channel", "transaction_id"])
        .returning(PaymentRow.id)
    )
    return await db.scalar(kept)


async def of_charge(db: AsyncSession, charge_id: UUID) -> Payment | None:
    """The payment that the charge wanted; None when none has come."""
    row = await db.scalar(select(PaymentRow).where(PaymentRow.charge_id == charge_id, PaymentRow.unwanted.is_(None)))
    return None if row is None else _payment(row)


async def unwanted_orders(db: AsyncSession, charge_id: UUID) -> set[str]:
    """Numbers of the charge's orders on which money came that it did not want, and that is kept."""
    return set(await db.scalars(select(PaymentRow.order_no).where(PaymentRow.charge_id == charge_id, PaymentRow.unwanted.is_not(None))))


async def of_order(db: AsyncSession, order_no: str) -> Payment | None:
    """What came on a channel order, wanted or not; at the channel an order is paid once."""
    row = await db.scalar(select(PaymentRow).where(PaymentRow.order_no == order_no))
    return None if row is None else _payment(row)


def _payment(row: PaymentRow) -> Payment:
    return Payment(
        row.id,
        row.transaction_id,
        row.order_no,
        row.charge_id,
        row.amount_fen,
        row.reserved_fen,
        row.refunded_fen,
        None if row.unwanted is None else Cause(row.unwanted),
        row.paid_at,
    )
