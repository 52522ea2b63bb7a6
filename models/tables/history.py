"""Archived histories: one row a closed run, its history in a file."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.history import Closing
from models.tables.table import Table, one_of

WAITS = text("archived_at is null and lost_at is null")


class HistoryRow(Table):
    """Inserted when the run is found closed, and complete when its history lies in its file: so none is passed over that cannot be read."""

    __tablename__ = "history"
    __table_args__ = (
        CheckConstraint(one_of("status", Closing), name="status"),
        CheckConstraint("num_nonnulls(archived_at, events, bytes, file) in (0, 4)", name="archived"),
        CheckConstraint("num_nonnulls(archived_at, lost_at) < 2", name="lost"),
        Index(None, "visit_id"),
        Index(None, "ended_at"),
        Index("ix_history_waits", "tried_at", postgresql_where=WAITS),
    )
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    workflow_id: Mapped[str]
    process: Mapped[str]
    process_id: Mapped[UUID]
    visit_id: Mapped[UUID]
    """Of a refund without a visit, its own id."""
    status: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    tried_at: Mapped[datetime | None]
    """When a hand last set out to archive it."""
    lost_at: Mapped[datetime | None]
    """The engine had forgotten it before it was archived."""
    archived_at: Mapped[datetime | None]
    events: Mapped[int | None]
    bytes: Mapped[int | None]
    """Of the file."""
    file: Mapped[str | None]
