"""Accounts, their grants and sessions."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    any_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import (
    IDLE,
    LASTS,
    PASSWORD_FAILURES_MAX,
    PASSWORD_LOCKED,
    AccountKind,
    Grant,
    OpenedSession,
    Permission,
    Principal,
    Role,
    carriers,
)
from models.kernel import ids
from models.stores import audit
from models.stores.database import Ask, Asked, vault
from models.tables.account import AccountRow, GrantRow, SessionRow

_PHONE = "account.phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What signing in as staff has to know."""

    account_id: UUID
    password_hash: str
    phone: str


def phone_index(db: AsyncSession, phone: str) -> bytes:
    """Finds a phone without opening the column."""
    return vault(db).index(_PHONE, phone)


def token_hash(token: str) -> bytes:
    """As a session's token is stored. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a request brings to say who is calling, and when it came."""

    token_hash: bytes
    now: datetime

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters of `ME`."""
        return {"token_hash": self.token_hash, "now": self.now}


ME = (
    select(
        SessionRow.id.label("session_id"),
        SessionRow.account_id,
        SessionRow.seen_at,
        AccountRow.kind,
        func.array_agg(GrantRow.role, type_=ARRAY(Text)).label("roles"),
        func.array_agg(GrantRow.department_id, type_=ARRAY(Text)).label("departments"),
    )
    .join(AccountRow, AccountRow.id == SessionRow.account_id)
    .outerjoin(GrantRow, GrantRow.account_id == SessionRow.account_id)
    .where(
        SessionRow.token_hash == bindparam("token_hash", type_=LargeBinary()),
        SessionRow.revoked_at.is_(None),
        SessionRow.expires_at > bindparam("now", type_=DateTime(timezone=True)),
    )
    .group_by(SessionRow.id, AccountRow.kind)
    .cte("me")
)
"""Who stands behind a `Bearer`, as a part of any statement: no row for a session that is unknown, revoked or over. A hot read asks for it
together with its own rows, one way to PostgreSQL and back; `principal_of` reads the first columns of its rows."""


def mine(permission: Permission) -> ColumnElement[bool]:
    """True where `ME` has a role that carries the permission."""
    return or_(false(), *(literal_column(f"'{role.value}'") == any_(ME.c.roles) for role in carriers(permission)))


def principal_of(row: Sequence[Any] | None, now: datetime) -> Principal | None:
    """Who called, from a row that begins with the columns of `ME`; None for no row, and for a session that was idle for too long."""
    if row is None:
        return None
    session_id, account_id, seen_at, kind, roles, departments = row[: len(ME.c)]
    if now - seen_at >= IDLE[AccountKind(kind)]:
        return None
    return Principal(
        account_id=account_id,
        session_id=session_id,
        kind=AccountKind(kind),
        grants=frozenset(Grant(Role(role), department) for role, department in zip(roles, departments, strict=True) if role is not None),
        seen_at=seen_at,
    )


_WHO: Final = Asked(select(*ME.c))


async def principal(ask: Ask, bearer: Bearer) -> Principal | None:
    """Who stands behind a token; None for a session that is unknown, revoked, over or idle for too long."""
    rows = await ask(_WHO, bearer.asked)
    return principal_of(rows[0] if rows else None, bearer.now)


async def seen(db: AsyncSession, session_id: UUID, now: datetime) -> None:
    """The session is in use."""
    await db.execute(update(SessionRow).where(SessionRow.id == session_id, SessionRow.seen_at < now).values(seen_at=now))


async def open_session(db: AsyncSession, account_id: UUID, kind: AccountKind, now: datetime) -> OpenedSession:
    """A new session; its token is answered this once."""
    token, session_id, expires_at = secrets.token_urlsafe(32), ids.new(), now + LASTS[kind]
    db.add(
        SessionRow(id=session_id, token_hash=token_hash(token), account_id=account_id, created_at=now, seen_at=now, expires_at=expires_at)
    )
    await db.flush()
    await audit.record(db, account_id, "account:sign_in", "session", session_id)
    return OpenedSession(token, account_id, expires_at)


async def revoke(db: AsyncSession, session_id: UUID, now: datetime) -> None:
    """The session ends now."""
    ended = await db.scalar(
        update(SessionRow)
        .where(SessionRow.id == session_id, SessionRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(SessionRow.account_id)
    )
    if ended is not None:
        await audit.record(db, ended, "account:sign_out", "session", session_id)


async def patient_account(db: AsyncSession, phone: str) -> UUID:
    """The account of a phone, made at the first sign-in; two first sign-ins at once make one."""
    account_id, index = ids.new(), phone_index(db, phone)
    made = await db.scalar(
        insert(AccountRow)
        .values(id=account_id, kind=AccountKind.PATIENT, phone=vault(db).seal(_PHONE, account_id, phone), phone_bidx=index)
        .on_conflict_do_nothing(index_elements=["kind", "phone_bidx"])
        .returning(AccountRow.id)
    )
    if made is None:
        return (
            await db.execute(select(AccountRow.id).where(AccountRow.kind == AccountKind.PATIENT, AccountRow.phone_bidx == index))
        ).scalar_one()
    db.add(GrantRow(account_id=made, role=Role.PATIENT, department_id=None))
    await db.flush()
    await audit.record(db, made, "account:open", "account", made)
    return made


async def enlist(
    db: AsyncSession,
    account_id: UUID,
    *,
    login: str,
    name: str,
    phone: str,
    password_hash: str,
    grants: Iterable[Grant],
    staff_id: str | None = None,
) -> None:
    """A staff account and its grants; again under the same id it takes over what changed and keeps its sessions and failures.

    `staff_id` is the hospital's own number of who signs prescriptions: that by which HIS and CA know them.
    """
    sealed, index = vault(db).seal(_PHONE, account_id, phone), phone_index(db, phone)
    told = {"login": login, "name": name, "phone": sealed, "phone_bidx": index, "password_hash": password_hash, "staff_id": staff_id}
    await db.execute(
        insert(AccountRow)
        .values(id=account_id, kind=AccountKind.STAFF, **told)
        .on_conflict_do_update(index_elements=["id"], set_=told, where=AccountRow.kind == AccountKind.STAFF)
    )
    await db.execute(delete(GrantRow).where(GrantRow.account_id == account_id))  # a right that is not named again is taken away
    given = sorted(frozenset(grants), key=str)
    rows = [{"account_id": account_id, "role": grant.role, "department_id": grant.department_id} for grant in given]
    if rows:
        await db.execute(insert(GrantRow), rows)
    await audit.record(db, None, "account:enlist", "account", account_id, roles=[str(grant.role) for grant in given])


async def staff(db: AsyncSession, login: str) -> Staff | None:
    """A staff account by its login."""
    row = await db.scalar(select(AccountRow).where(AccountRow.login == login, AccountRow.kind == AccountKind.STAFF))
    if row is None or row.password_hash is None:
        return None
    return Staff(account_id=row.id, password_hash=row.password_hash, phone=vault(db).open(_PHONE, row.id, row.phone))


async def count_try(db: AsyncSession, account_id: UUID, now: datetime) -> datetime | None:
    """Count a sign-in as failed before its password is looked at, so that a hundred guesses at once are five.

    Answers until when the account is locked, None when the try may go on. The last of the allowed tries locks; `forgive` unlocks.
    """
    free = or_(AccountRow.locked_until.is_(None), AccountRow.locked_until <= now)
    failures = case((AccountRow.locked_until <= now, 1), else_=AccountRow.failures + 1)
    locked_until = case((failures >= PASSWORD_FAILURES_MAX, now + PASSWORD_LOCKED), else_=None)
    counted = await db.scalar(
        update(AccountRow)
        .where(AccountRow.id == account_id, free)
        .values(failures=failures, locked_until=locked_until)
        .returning(AccountRow.id)
    )
    if counted is not None:
        return None
    return await db.scalar(select(AccountRow.locked_until).where(AccountRow.id == account_id))


async def forgive(db: AsyncSession, account_id: UUID) -> None:
    """The try was right: no failures stand against the account."""
    await db.execute(update(AccountRow).where(AccountRow.id == account_id).values(failures=0, locked_until=None))


async def phone(db: AsyncSession, account_id: UUID) -> str:
    """Where messages to the account's owner go."""
    sealed = (await db.scalars(select(AccountRow.phone).where(AccountRow.id == account_id))).one()
    return vault(db).open(_PHONE, account_id, sealed)


async def name(db: AsyncSession, account_id: UUID) -> str | None:
    """Of staff; patients have theirs, sealed, with the people they are bound to."""
    return (await db.scalars(select(AccountRow.name).where(AccountRow.id == account_id))).one()
