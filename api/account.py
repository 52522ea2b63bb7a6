"""Signing in and out.

The first four requests have no account yet, so they need no Idempotency-Key: its scope is an account. They are safe to repeat by their
own rules: a code within the pause is refused, a used code opens no second session, and a session too many is revoked or runs out.
"""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from api.patient import PatientOut
from api.problems import problems
from api.security import Me
from api.wiring import Body, Now, Reading, Wired, Wiring, Writing
from models.account import CODE_LASTS, CODE_PAUSE, ROLES, AccountKind, OpenedSession, Permission, Role
from models.kernel import password as passwords
from models.kernel.errors import DomainError
from models.kernel.phone import Phone
from models.kernel.text import masked_phone
from models.stores import account as store
from models.stores import account_code as codes
from models.stores import audit
from models.stores import patient as patients

router = APIRouter(prefix="/v1/account", tags=["account"])

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["271828"])]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{2,64}$"), Field(examples=["d.wang"])]
Password = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class CodeIn(Body):
    phone: Phone = Field(examples=["13800138000"])


class CodeOut(BaseModel):
    """The same for every phone, known or not."""

    expires_in_s: int = int(CODE_LASTS.total_seconds())
    resend_after_s: int = int(CODE_PAUSE.total_seconds())


class StaffCodeIn(Body):
    login: Login
    password: Password


class StaffCodeOut(CodeOut):
    phone: str = Field(description="Masked: where the code went.", examples=["138****8000"])


class SessionIn(Body):
    phone: Phone = Field(examples=["13800138000"])
    code: Code


class StaffSessionIn(StaffCodeIn):
    code: Code


class SessionOut(BaseModel):
    """The token is shown this once; it goes into `Authorization: Bearer …`."""

    token: str
    account_id: UUID
    expires_at: datetime


class GrantOut(BaseModel):
    role: Role
    department_id: str | None = Field(description="None: in all departments.")


class AccountOut(BaseModel):
    """Who is signed in, what they may do, and for whom."""

    account_id: UUID
    kind: AccountKind
    phone: str = Field(description="Masked.", examples=["138****8000"])
    name: str | None = Field(description="Of staff.")
    roles: list[GrantOut]
    permissions: list[Permission]
    patients: list[PatientOut]


@router.post("/codes", status_code=202, responses=problems(limited=("account.too_many_codes",)))
async def send_code(body: CodeIn, db: Writing, now: Now) -> CodeOut:
    """Send a one-time code by SMS. The answer does not tell whether the phone is known."""
    await codes.issue(db, "patient", body.phone, None, now)
    return CodeOut()


@router.post("/sessions", status_code=201, responses=problems(anonymous=("account.code_refused",)))
async def sign_in(body: SessionIn, wiring: Wired, now: Now) -> SessionOut:
    """Sign in with a code; the first time this opens the account."""
    async with wiring.database.transaction() as db:  # ends before the refusal: a wrong try must count
        session = None
        if await codes.use(db, "patient", body.phone, body.code, now):
            session = await store.open_session(db, await store.patient_account(db, body.phone), AccountKind.PATIENT, now)
    return _opened(session)


@router.post(
    "/staff/codes",
    status_code=202,
    responses=problems(anonymous=("account.credentials",), limited=("account.locked", "account.too_many_codes")),
)
async def send_staff_code(body: StaffCodeIn, wiring: Wired, now: Now) -> StaffCodeOut:
    """First step of staff: name and password are right, so the code goes to the phone that the hospital has."""
    staff = await _recognised(wiring, body, now)
    async with wiring.database.transaction() as db:  # on its own: a code too soon is no failure of the password
        await store.forgive(db, staff.account_id)
    async with wiring.database.transaction() as db:
        await codes.issue(db, "staff", staff.phone, staff.account_id, now)
    return StaffCodeOut(phone=masked_phone(staff.phone))


@router.post(
    "/staff/sessions",
    status_code=201,
    responses=problems(anonymous=("account.credentials", "account.code_refused"), limited=("account.locked",)),
)
async def sign_in_staff(body: StaffSessionIn, wiring: Wired, now: Now) -> SessionOut:
    """Second step of staff. A wrong code counts as a failure of the account, too."""
    staff = await _recognised(wiring, body, now)
    async with wiring.database.transaction() as db:
        session = None
        if await codes.use(db, "staff", staff.phone, body.code, now):
            await store.forgive(db, staff.account_id)
            session = await store.open_session(db, staff.account_id, AccountKind.STAFF, now)
    return _opened(session)


@router.delete("/sessions/current", status_code=204)
async def sign_out(me: Me, db: Writing, now: Now) -> None:
    """The session ends now, here and on its live screens."""
    await store.revoke(db, me.session_id, now)


@router.get("")
async def who_am_i(me: Me, db: Reading) -> AccountOut:
    """The account behind the session."""
    return AccountOut(
        account_id=me.account_id,
        kind=me.kind,
        phone=masked_phone(await store.phone(db, me.account_id)),
        name=await store.name(db, me.account_id),
        roles=[GrantOut(role=one.role, department_id=one.department_id) for one in sorted(me.grants, key=str)],
        permissions=sorted(frozenset[Permission]().union(*(ROLES[role] for role in me.roles))),
        patients=[PatientOut.of(patient) for patient in await patients.of_account(db, me.account_id)],
    )


async def _recognised(wiring: Wiring, body: StaffCodeIn, now: datetime) -> store.Staff:
    """Whoever the login and the password name; the same work and the same answer for a login that nobody has.

    That a login is locked is told before its password is looked at: else the lock would tell which password is right.
    """
    async with wiring.database.transaction() as db:
        staff = await store.staff(db, body.login)
        locked_until = await store.count_try(db, staff.account_id, now) if staff else None
    if locked_until is not None:
        raise DomainError("account.locked", "limited", retry_after_s=int((locked_until - now).total_seconds()) + 1)
    if await asyncio.to_thread(passwords.fits, staff.password_hash if staff else None, body.password) and staff:
        return staff
    async with wiring.database.transaction() as db:
        await audit.record(db, staff.account_id if staff else None, "account:refuse", "account", staff.account_id if staff else None)
    raise DomainError("account.credentials", "anonymous")


def _opened(session: OpenedSession | None) -> SessionOut:
    if session is None:
        raise DomainError("account.code_refused", "anonymous")
    return SessionOut(token=session.token, account_id=session.account_id, expires_at=session.expires_at)
