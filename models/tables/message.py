"""The outbox of messages, policy versions, and the keys of requests that have no process."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.message import MessageState, Template
from models.tables.table import Table, one_of


class MessageRow(Table):
    """One message to one phone. `attempt` is a fencing number: only the hand that raised it may write the outcome."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint(one_of("state", MessageState), name="state"),
        CheckConstraint(one_of("template", Template), name="template"),
        Index("ix_message_due", "due_at", postgresql_where=text("state in ('due','sending')")),
        Index(None, "visit_id"),
        Index("ix_message_ask_at", "ask_at", postgresql_where=text("state = 'sent'")),
        Index("ix_message_not_there", "created_at", "id", postgresql_where=text("state in ('undelivered','failed')")),
        Index(None, "created_at", "id"),
        Index(None, "phone_bidx", "created_at"),
        Index("uq_message_resend_of", "resend_of", unique=True, postgresql_where=text("resend_of is not null")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID | None]
    template: Mapped[str]
    phone: Mapped[bytes]
    phone_bidx: Mapped[bytes]
    """Messages to one phone keep their order."""
    params: Mapped[bytes]
    """Sealed JSON."""
    state: Mapped[str]
    due_at: Mapped[datetime]
    attempt: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    repeated: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Sent again although the first outcome stayed unknown: marked and counted."""
    receipt: Mapped[str | None]
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]
    """When the carrier is asked next what became of it; none: not any more."""
    asks: Mapped[int] = mapped_column(server_default="0")
    reported_at: Mapped[datetime | None]
    """When the phone had it, or its network gave it up, as the carrier says."""
    resend_of: Mapped[UUID | None]
    """The message in whose stead a person had this one sent: at most one for each."""


class PolicyRow(Table):
    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("line", "effective_at"),)
    version: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]
    effective_at: Mapped[datetime]
    rules: Mapped[dict[str, Any]]


class IntentRow(Table):
    """The key of a request that no process answers for: inserted in the effect's own transaction."""

    __tablename__ = "intent"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    body: Mapped[str]
    status: Mapped[int]
    answer: Mapped[bytes]
    """Sealed JSON: it may hold what the request held."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
