"""停诊 and other changes of a clinic, and whom they met."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.suspension import Outcome, SuspensionState
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of


class SuspensionRow(ProcessColumns, Table):
    """Of a 就诊单元 in a version, or of a doctor."""

    __tablename__ = "suspension"
    __table_args__ = (
        CheckConstraint(one_of("state", SuspensionState), name="state"),
        CheckConstraint("(schedule_id is null) <> (doctor_id is null)", name="scope"),
        Index(None, "created_at", "id"),
        Index("ix_suspension_swept_at", "swept_at", postgresql_where=text("state not in ('done','unknown')")),
    )
    schedule_id: Mapped[str | None]
    """No foreign key: the HIS may name one that our copy does not have."""
    schedule_version: Mapped[str | None]
    doctor_id: Mapped[str | None]
    account_id: Mapped[UUID | None]
    """Who of the management suspended a doctor."""
    looks: Mapped[int] = mapped_column(server_default="0")
    """How often it was looked whether everybody has gone."""


class SuspensionVisitRow(Table):
    """A visit that it met, once."""

    __tablename__ = "suspension_visit"
    __table_args__ = (CheckConstraint(one_of("outcome", Outcome), name="outcome"), Index(None, "revisit_id"))
    suspension_id: Mapped[UUID] = mapped_column(ForeignKey("suspension.id"), primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), primary_key=True)
    outcome: Mapped[str]
    at: Mapped[datetime]
