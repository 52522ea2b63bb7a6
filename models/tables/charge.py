"""Charges, their channel orders, the money that came, the ledger, and refunds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.charge import ChargeState, OrderState, Scene
from models.ledger import Account
from models.refund import UNWANTED, Cause, RefundState
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of

RUNNING = "state not in ('arrived','paid_out','withdrawn')"


class ChargeRow(ProcessColumns, Table):
    """One open charge a payable thing, held by index."""

    __tablename__ = "charge"
    __table_args__ = (
        CheckConstraint(one_of("state", ChargeState), name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_charge_open", "payable", "payable_id", unique=True, postgresql_where=text("state in ('open','paid')")),
        Index("ix_charge_swept_at", "swept_at", postgresql_where=text("state in ('open','paid')")),
    )
    visit_id: Mapped[UUID] = mapped_column(index=True)
    payable: Mapped[str]
    payable_id: Mapped[UUID]
    invoice_id: Mapped[str]
    amount_fen: Mapped[int]
    paid_order_id: Mapped[UUID | None]
    refusal: Mapped[str | None]


class ChargeOrderRow(Table):
    """A channel order; its id as 32 hex digits is the channel's `out_trade_no`."""

    __tablename__ = "charge_order"
    __table_args__ = (
        CheckConstraint(one_of("state", OrderState), name="state"),
        CheckConstraint(one_of("scene", Scene), name="scene"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("charge.id"), index=True)
    channel: Mapped[str]
    scene: Mapped[str]
    state: Mapped[str]
    amount_fen: Mapped[int]
    expires_at: Mapped[datetime]
    prepay_id: Mapped[str | None]
    code_url: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PaymentRow(Table):
    """A sum that the channel took, wanted or not, and how much of it goes or went back: never more than came."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("channel", "transaction_id"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("reserved_fen >= 0 and refunded_fen >= 0 and reserved_fen + refunded_fen <= amount_fen", name="given_back"),
        CheckConstraint(f"unwanted is null or {one_of('unwanted', UNWANTED)}", name="unwanted"),
        Index("uq_payment_wanted", "charge_id", unique=True, postgresql_where=text("unwanted is null")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Derived from channel and transaction: kept once, whoever hears of it first."""
    channel: Mapped[str]
    transaction_id: Mapped[str]
    order_no: Mapped[str] = mapped_column(index=True)
    charge_id: Mapped[UUID | None] = mapped_column(ForeignKey("charge.id"), index=True)
    visit_id: Mapped[UUID | None] = mapped_column(index=True)
    amount_fen: Mapped[int]
    reserved_fen: Mapped[int] = mapped_column(server_default="0")
    refunded_fen: Mapped[int] = mapped_column(server_default="0")
    unwanted: Mapped[str | None]
    """Why no charge wanted it; None for the payment of its charge."""
    paid_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EntryRow(Table):
    """A ledger entry: its legs sum to zero (deferred constraint trigger) and are never changed, only reversed."""

    __tablename__ = "ledger_entry"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Derived from what it books, so the same thing is booked once."""
    cause: Mapped[str]
    charge_id: Mapped[UUID | None] = mapped_column(index=True)
    reverses: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_entry.id"), unique=True)
    at: Mapped[datetime]


class LegRow(Table):
    """Debit is positive, credit negative; fen."""

    __tablename__ = "ledger_leg"
    __table_args__ = (CheckConstraint(one_of("account", Account), name="account"), CheckConstraint("amount_fen <> 0", name="amount"))
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_entry.id"), index=True)
    account: Mapped[str]
    amount_fen: Mapped[int]


class RefundRow(ProcessColumns, Table):
    """A refund. What it gives back is reserved on the payment from the start."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint(one_of("state", RefundState), name="state"),
        CheckConstraint(one_of("cause", Cause), name="cause"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_refund_running", "payment_id", "cause", unique=True, postgresql_where=text(RUNNING)),
        Index("ix_refund_swept_at", "swept_at", postgresql_where=text(RUNNING)),
        Index(None, "created_at", "id"),
    )
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"), index=True)
    charge_id: Mapped[UUID | None] = mapped_column(ForeignKey("charge.id"), index=True)
    visit_id: Mapped[UUID] = mapped_column(index=True)
    """Its own id, where no visit is known."""
    cause: Mapped[str]
    amount_fen: Mapped[int]
    number: Mapped[str] = mapped_column(unique=True)
    """The channel's `out_refund_no`: the same on every repeat, a new one only after the channel closed the last."""
    attempt: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    """How often the merchant's balance did not suffice."""
    polls: Mapped[int] = mapped_column(server_default="0")
    trouble: Mapped[str | None]
    office: Mapped[str | None]
    voucher: Mapped[str | None]
    cleared_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    """Of the present number."""
    arrived_at: Mapped[datetime | None]
