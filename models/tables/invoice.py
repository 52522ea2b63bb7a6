"""E-bills, one row each: what was billed, the issuer's numbers for it, and the red bill that undid it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.invoice import InvoiceState
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of

RUNNING = "state not in ('issued','void')"
STANDS = "number is not null and reversed_at is null"


class InvoiceRow(ProcessColumns, Table):
    """A bill; its id in 32 hex digits is our number at the issuer. Of a charge one is at work at a time, and one stands, held by index."""

    __tablename__ = "invoice"
    __table_args__ = (
        CheckConstraint(one_of("state", InvoiceState), name="state"),
        CheckConstraint("fund_fen >= 0 and account_fen >= 0 and cash_fen >= 0", name="amounts"),
        CheckConstraint("number is null or fund_fen + account_fen + cash_fen > 0", name="billed"),
        CheckConstraint("(number is null) = (issued_at is null) and (reversed_at is null) = (red_number is null)", name="numbers"),
        CheckConstraint("reversed_at is null or number is not null", name="reversed"),
        CheckConstraint("state not in ('issued', 'fetching') or number is not null", name="issued"),
        UniqueConstraint("charge_id", "sequence"),
        UniqueConstraint("code", "number"),
        Index("uq_invoice_running", "charge_id", unique=True, postgresql_where=text(RUNNING)),
        Index("uq_invoice_stands", "charge_id", unique=True, postgresql_where=text(STANDS)),
        Index("uq_invoice_red", "red_code", "red_number", unique=True, postgresql_where=text("red_number is not null")),
        Index("ix_invoice_swept_at", "swept_at", postgresql_where=text(RUNNING)),
        Index(None, "visit_id"),
        Index(None, "moved_at", "id"),
    )
    visit_id: Mapped[UUID]
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("charge.id"))
    sequence: Mapped[int]
    """0 is the first of its charge; each time money went back, one more."""
    fund_fen: Mapped[int] = mapped_column(server_default="0")
    account_fen: Mapped[int] = mapped_column(server_default="0")
    cash_fen: Mapped[int] = mapped_column(server_default="0")
    asked_at: Mapped[datetime | None]
    """When the issuer was first asked, to undo the bill before or for this one: what it was asked stays the same from then on."""
    code: Mapped[str | None]
    number: Mapped[str | None]
    check_code: Mapped[str | None]
    issued_at: Mapped[datetime | None]
    qr: Mapped[bytes | None]
    picture: Mapped[bytes | None]
    """The address of the PDF at the issuer, sealed: whoever knows it may read it."""
    file: Mapped[str | None]
    """The name of the PDF in object storage."""
    red_code: Mapped[str | None]
    red_number: Mapped[str | None]
    red_check_code: Mapped[str | None]
    red_file: Mapped[str | None]
    """The name of the red bill's PDF."""
    reversed_at: Mapped[datetime | None]
    trouble: Mapped[str | None]
