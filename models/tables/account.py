"""People who sign in: accounts, their grants, one-time codes and opaque sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class AccountRow(Table):
    """A patient signs in by phone and code, staff by name, password and code."""

    __tablename__ = "account"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    login: Mapped[str | None] = mapped_column(unique=True)
    staff_id: Mapped[str | None]
    """The hospital's own number of a member of staff, by which HIS and CA know them."""
    phone: Mapped[bytes]
    phone_bidx: Mapped[bytes]
    name: Mapped[str | None]
    """Staff only: patients have their name in `patient`, sealed."""
    password_hash: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("kind", "phone_bidx"),)


class GrantRow(Table):
    """A role, for all departments or within one."""

    __tablename__ = "account_grant"
    __table_args__ = (UniqueConstraint("account_id", "role", "department_id", postgresql_nulls_not_distinct=True),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    role: Mapped[str]
    department_id: Mapped[str | None]


class CodeRow(Table):
    """A one-time code: hashed, short-lived, few tries, once."""

    __tablename__ = "account_code"
    __table_args__ = (Index(None, "phone_bidx", "created_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    phone_bidx: Mapped[bytes]
    account_id: Mapped[UUID | None]
    code_hash: Mapped[bytes]
    tries: Mapped[int] = mapped_column(server_default="0")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionRow(Table):
    """An opaque token, stored hashed; revocable, with an idle limit."""

    __tablename__ = "account_session"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
