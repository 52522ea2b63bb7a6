"""What every process's row has, and the three tables that all processes share: timeline, inbox and audit."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class ProcessColumns:
    """The program counter and its guard (see `models/stores/steps.py`)."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str]
    due_at: Mapped[datetime | None]
    wake_at: Mapped[datetime | None]
    step: Mapped[str | None]
    """Key of the step that now asks outside."""
    step_until: Mapped[datetime | None]
    """Until then the first hand may still be at work."""
    under_way: Mapped[dict[str, Any] | None]
    """The event that the step was made for."""
    request: Mapped[str | None]
    """Id of the last request that moved it: what follows by itself is found in the logs under it."""
    policy: Mapped[str]
    """The version of the rules that this process began with."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())
    swept_at: Mapped[datetime | None]
    """When the sweep last saw that a run stands behind this row."""


class TimelineRow(Table):
    """What was done, once for each key: the truth of idempotency and the story that people read."""

    __tablename__ = "timeline"
    __table_args__ = (UniqueConstraint("process_id", "step"), Index(None, "visit_id", "at"))
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    process: Mapped[str]
    process_id: Mapped[UUID]
    visit_id: Mapped[UUID]
    step: Mapped[str]
    """The key: an event's id, or `<activity>@<version>`."""
    name: Mapped[str]
    """The activity, e.g. `revisit.hold`."""
    version: Mapped[int]
    before: Mapped[str]
    after: Mapped[str]
    by: Mapped[UUID | None]
    body: Mapped[str | None]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """Ids, enums, numbers and instants."""


class InboxRow(Table):
    """Something that has come for a process and is not yet acted on: a knock is only the short cut."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("party", "external_id"),
        Index("ix_inbox_open", "knock_at", postgresql_where=text("handled_at is null")),
        Index(None, "process_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    process: Mapped[str]
    process_id: Mapped[UUID | None]
    """None: for nobody that we know (money for an unknown charge)."""
    kind: Mapped[str]
    event: Mapped[dict[str, Any]]
    party: Mapped[str]
    """`wechat_pay`, `person`, or the process that says it."""
    external_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    knock_at: Mapped[datetime] = mapped_column(server_default=func.now())
    knocks: Mapped[int] = mapped_column(server_default="0")
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """`done`, `noted`, `refused:<code>` or `late`."""


class AuditRow(Table):
    """Who did or read what, when and why. Inserted in the transaction of the deed, never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject_id", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    account_id: Mapped[UUID | None]
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[UUID | None]
    purpose: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class RestoredRow(Table):
    """A backup of `taken_at` was put back: what was done outside between the two instants is not known here."""

    __tablename__ = "restored"
    taken_at: Mapped[datetime] = mapped_column(primary_key=True)
    restored_at: Mapped[datetime] = mapped_column(primary_key=True)
