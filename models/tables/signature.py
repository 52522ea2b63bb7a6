"""Signatures on what leaves the house: a prescription, a record."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class SignatureRow(Table):
    """A task at the signature service, and what came of it: enough to verify it again later."""

    __tablename__ = "signature"
    __table_args__ = (
        CheckConstraint("side in ('doctor', 'pharmacist')", name="side"),
        CheckConstraint(
            "num_nonnulls(prescription_id, record_id) = 1 and num_nonnulls(prescription_id, content_id) in (0, 2)", name="document"
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Our number of the task."""
    prescription_id: Mapped[UUID | None] = mapped_column(ForeignKey("prescription.id"), index=True)
    content_id: Mapped[UUID | None] = mapped_column(ForeignKey("prescription_content.id"))
    record_id: Mapped[UUID | None] = mapped_column(ForeignKey("record_signing.id"), index=True)
    account_id: Mapped[UUID]
    side: Mapped[str]
    text: Mapped[bytes]
    """Sealed: the canonical text that was signed."""
    signature: Mapped[bytes | None]
    """Sealed JSON of `models.signature.Signature`, with the certificate."""
    signed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
