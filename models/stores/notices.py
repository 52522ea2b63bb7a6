"""What a move of a visit says to people: an outbox row in the move's own transaction (P-13.2)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.kernel import ids
from models.message import Template
from models.revisit import Reason
from models.stores import account as accounts
from models.stores import message as messages
from models.tables.account import AccountRow, GrantRow
from models.tables.directory import DoctorRow
from models.tables.revisit import RevisitRow
from models.timeline import REASON_TEXTS


def told(reason: Reason, *, paid: bool) -> str:
    """Why a visit was left, and what becomes of money that has come."""
    return f"{REASON_TEXTS[reason]}，已缴费用将原路退回" if paid and "退回" not in REASON_TEXTS[reason] else REASON_TEXTS[reason]


async def tell_patient(
    db: AsyncSession, revisit_id: UUID, template: Template, at: datetime, *, about: UUID | None = None, **params: str
) -> None:
    """To the account that opened the visit. One message for each template and version of the visit's row, or thing that it is about."""
    found = await db.execute(select(RevisitRow.account_id, RevisitRow.version).where(RevisitRow.id == revisit_id))
    account_id, version = found.one()
    phone = await accounts.phone(db, account_id)
    await messages.enqueue(
        db, ids.derived("message", revisit_id, template, about or version), template, phone, params, visit_id=revisit_id, due_at=at
    )


async def tell_staff(db: AsyncSession, revisit_id: UUID, at: datetime, *, doctor_id: str | None) -> None:
    """The visit's doctor, or without one 门诊办: that a patient waits."""
    if doctor_id:
        whom = select(DoctorRow.account_id).where(DoctorRow.id == doctor_id, DoctorRow.account_id.is_not(None))
    else:
        whom = select(AccountRow.id).join(GrantRow, GrantRow.account_id == AccountRow.id).where(GrantRow.role == "management")
    version = await db.scalar(select(RevisitRow.version).where(RevisitRow.id == revisit_id))
    for account_id in await db.scalars(whom):
        if account_id is not None:
            number = ids.derived("message", revisit_id, Template.CLINIC_WAITING, version, account_id)
            phone = await accounts.phone(db, account_id)
            await messages.enqueue(db, number, Template.CLINIC_WAITING, phone, {}, visit_id=revisit_id, due_at=at)


async def tell_doctor(db: AsyncSession, revisit_id: UUID, at: datetime, *, about: UUID) -> None:
    """The visit's doctor, of a prescription that came back to them."""
    whom = (
        select(DoctorRow.account_id)
        .join(RevisitRow, RevisitRow.doctor_id == DoctorRow.id)
        .where(RevisitRow.id == revisit_id, DoctorRow.account_id.is_not(None))
    )
    await _tell_accounts(db, revisit_id, Template.PRESCRIPTION_RETURNED, at, await db.scalars(whom), about)


async def tell_office(db: AsyncSession, revisit_id: UUID, template: Template, role: Role, at: datetime, *, about: UUID) -> None:
    """Everybody of a role: that a prescription waits for them. `at` is the instant that made it wait: told again of the same, it is one."""
    whom = select(AccountRow.id).join(GrantRow, GrantRow.account_id == AccountRow.id).where(GrantRow.role == role)
    await _tell_accounts(db, revisit_id, template, at, await db.scalars(whom), about)


async def _tell_accounts(
    db: AsyncSession, revisit_id: UUID, template: Template, at: datetime, accounts_: Iterable[UUID | None], about: UUID
) -> None:
    """Each of them, once for what moved at that instant."""
    for account_id in accounts_:
        if account_id is not None:
            number = ids.derived("message", revisit_id, template, about, at.isoformat(), account_id)
            await messages.enqueue(db, number, template, await accounts.phone(db, account_id), {}, visit_id=revisit_id, due_at=at)
