"""处方 and what hangs on it: its contents and what was said of them; and the catalogue of drugs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.prescription import PrescriptionState, Remark, Way
from models.review import Level, NoAnswer
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of

RUNNING = "state not in ('completed','withdrawn','cancelled','expired')"


class PrescriptionRow(ProcessColumns, Table):
    """A prescription; its number at the HIS is that of its content."""

    __tablename__ = "prescription"
    __table_args__ = (
        CheckConstraint(one_of("state", PrescriptionState), name="state"),
        CheckConstraint(one_of("way", Way), name="way"),
        CheckConstraint(one_of("remark", Remark), name="remark"),
        Index("ix_prescription_queue", "queued_at", "id", postgresql_where=text("state = 'queued'")),
        Index("ix_prescription_swept_at", "swept_at", postgresql_where=text(RUNNING)),
    )
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), index=True)
    account_id: Mapped[UUID]
    """The doctor who prescribes."""
    content_id: Mapped[UUID]
    copied_from: Mapped[str | None]
    """The past prescription that its first draft was copied from: the one that the visit remembers."""
    round: Mapped[int] = mapped_column(server_default="0")
    queued_at: Mapped[datetime | None]
    """When it first came to the pharmacists in this round: the oldest is served first."""
    pharmacist_id: Mapped[UUID | None]
    """Who holds it, or held it last: the account that reviews."""
    held_until: Mapped[datetime | None]
    remark: Mapped[str | None]
    note_id: Mapped[UUID | None]
    """The last words between pharmacist and doctor."""
    task_id: Mapped[UUID | None]
    way: Mapped[str | None]
    address_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    delivery_id: Mapped[UUID | None]
    invoice_id: Mapped[str | None]
    amount_fen: Mapped[int | None]
    valid_until: Mapped[datetime | None]
    pickup_code: Mapped[str | None]
    reason: Mapped[str | None]
    """Why it ended without drugs, or was given back by no person."""


class PrescriptionContentRow(Table):
    """What was written, once: an amendment is another row."""

    __tablename__ = "prescription_content"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    prescription_id: Mapped[UUID] = mapped_column(index=True)
    account_id: Mapped[UUID]
    content: Mapped[bytes]
    """Sealed JSON of `PrescriptionContent`."""
    level: Mapped[str | None]
    """The rational-drug review's word on it, or that it gave none; None: not asked yet."""
    findings: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (CheckConstraint(one_of("level", (*Level, NoAnswer.FAILED)), name="level"),)


class PrescriptionNoteRow(Table):
    """What pharmacist and doctor write to each other about it."""

    __tablename__ = "prescription_note"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    prescription_id: Mapped[UUID] = mapped_column(index=True)
    account_id: Mapped[UUID]
    text: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DrugRow(Table):
    """The HIS's catalogue, mirrored."""

    __tablename__ = "drug"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    drug: Mapped[dict[str, Any]]
    """`models.drug.Drug`."""
    seen_at: Mapped[datetime]
