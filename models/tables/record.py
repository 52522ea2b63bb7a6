"""病历: what its doctor has saved, and each time that they sign it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.record import RecordState
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of


class RecordRow(Table):
    """病历 as it was saved last: one a visit; a later save replaces it until the visit ends. What was signed stays as it was."""

    __tablename__ = "record"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), unique=True)
    account_id: Mapped[UUID]
    content: Mapped[bytes]
    """Sealed JSON: complaint, history, advice."""
    diagnosis_code: Mapped[bytes]
    diagnosis_text: Mapped[bytes]
    saved_at: Mapped[datetime]


class RecordSigningRow(ProcessColumns, Table):
    """One signing of a visit's record, the row of `record/<id>`; its words are those of the text that is signed."""

    __tablename__ = "record_signing"
    __table_args__ = (
        CheckConstraint(one_of("state", RecordState), name="state"),
        UniqueConstraint("visit_id", "round"),
        Index("uq_record_signing_live", "visit_id", unique=True, postgresql_where=text("state = 'signing'")),
        Index("ix_record_signing_stuck", "created_at", "id", postgresql_where=text("state = 'stuck'")),
        Index("ix_record_signing_swept_at", "swept_at", postgresql_where=text("state not in ('filed','refused','expired','withdrawn')")),
        {"info": {"process": "record"}},
    )
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"))
    account_id: Mapped[UUID]
    """The doctor who signs."""
    round: Mapped[int]
    """Counted from 1 within the visit."""
    task_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    """Why it was not signed, or what the HIS answered."""
