"""Charges, their channel orders, the ledger, and refunds that are wanted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.charge import ChargeState, OrderState, Scene
from models.ledger import Account
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of


class ChargeRow(ProcessColumns, Table):
    """One open charge a payable thing, held by index."""

    __tablename__ = "charge"
    __table_args__ = (
        CheckConstraint(one_of("state", ChargeState), name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_charge_open", "payable", "payable_id", unique=True, postgresql_where=text("state in ('open','paid')")),
        Index("ix_charge_swept_at", "swept_at", postgresql_where=text("state in ('open','paid')")),
    )
    visit_id: Mapped[UUID]
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
        UniqueConstraint("channel", "transaction_id"),
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
    transaction_id: Mapped[str | None]
    paid_fen: Mapped[int | None]
    paid_at: Mapped[datetime | None]
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


class RefundRow(Table):
    """A refund that is wanted: one a charge and cause. What carries it out reads from here."""

    __tablename__ = "refund"
    __table_args__ = (UniqueConstraint("charge_id", "cause"), CheckConstraint("amount_fen > 0", name="amount"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("charge.id"))
    cause: Mapped[str]
    amount_fen: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="wanted")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
