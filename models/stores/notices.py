"""What a move of a visit says to people: an outbox row in the move's own transaction (P-13.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.kernel import ids
from models.message import TEXTS, Template, Waits
from models.prescription import PrescriptionState
from models.revisit import Reason
from models.stores import account as accounts
from models.stores import message as messages
from models.stores import policy as policies
from models.tables.account import AccountRow, GrantRow
from models.tables.directory import DoctorRow
from models.tables.prescription import PrescriptionRow
from models.tables.revisit import RevisitRow
from models.timeline import REASON_TEXTS


def told(reason: Reason, *, paid: bool) -> str:
    """Why a visit was left, and what becomes of money that has come."""
    return f"{REASON_TEXTS[reason]}，已缴费用将原路退回" if paid and "退回" not in REASON_TEXTS[reason] else REASON_TEXTS[reason]


async def tell_patient(
    db: AsyncSession, revisit_id: UUID, template: Template, at: datetime, *, about: UUID | None = None, **params: str
) -> None:
    """To the account that opened the visit. One message for each template and version of the visit's row, or thing that it is about."""
    visit = await _visit(db, revisit_id)
    number = ids.derived("message", revisit_id, template, about or visit.version)
    await _enqueue(db, visit, number, template, visit.account_id, at, params)


async def tell_staff(db: AsyncSession, revisit_id: UUID, at: datetime, *, doctor_id: str | None) -> None:
    """The visit's doctor, or without one 门诊办: that a patient waits."""
    visit = await _visit(db, revisit_id)
    if doctor_id:
        whom = select(DoctorRow.account_id).where(DoctorRow.id == doctor_id, DoctorRow.account_id.is_not(None))
    else:
        whom = select(AccountRow.id).join(GrantRow, GrantRow.account_id == AccountRow.id).where(GrantRow.role == "management")
    await _tell_accounts(db, visit, Template.CLINIC_WAITING, at, await db.scalars(whom), visit.version)


async def tell_doctor(db: AsyncSession, revisit_id: UUID, at: datetime, *, about: UUID) -> None:
    """The visit's doctor, of a prescription that came back to them: once for what moved at that instant."""
    whom = (
        select(DoctorRow.account_id)
        .join(RevisitRow, RevisitRow.doctor_id == DoctorRow.id)
        .where(RevisitRow.id == revisit_id, DoctorRow.account_id.is_not(None))
    )
    visit = await _visit(db, revisit_id)
    await _tell_accounts(db, visit, Template.PRESCRIPTION_RETURNED, at, await db.scalars(whom), about, at.isoformat())


async def tell_office(db: AsyncSession, revisit_id: UUID, template: Template, role: Role, at: datetime, *, about: UUID) -> None:
    """Everybody of a role: that something waits for them. `at` is the instant that made it wait: told again of the same, it is one."""
    whom = select(AccountRow.id).join(GrantRow, GrantRow.account_id == AccountRow.id).where(GrantRow.role == role)
    await _tell_accounts(db, await _visit(db, revisit_id), template, at, await db.scalars(whom), about, at.isoformat())


async def tell_queue(db: AsyncSession, revisit_id: UUID, role: Role, at: datetime, pause: timedelta) -> None:
    """Everybody of a role, of all prescriptions that wait for review and that nobody holds: how many, and how long the oldest has waited.
    Nobody twice within `pause`, and nobody of none.

    A row calls here once it has waited for so long as the pause is: who was told within it was told of a number with that row in it.
    """
    waiting = select(func.count(), func.min(PrescriptionRow.queued_at)).where(
        PrescriptionRow.state == PrescriptionState.QUEUED, or_(PrescriptionRow.held_until.is_(None), PrescriptionRow.held_until <= at)
    )
    count, oldest = (await db.execute(waiting)).one()
    if oldest is None:
        return
    said = {"count": str(count), "minutes": str((at - oldest) // timedelta(minutes=1))}
    visit = await _visit(db, revisit_id)
    # Many have waited long at one moment: who tells a person waits for whoever is telling them.
    whom = select(GrantRow.account_id).where(GrantRow.role == role).order_by(GrantRow.id).with_for_update(key_share=True)
    for account_id in dict.fromkeys(await db.scalars(whom)):
        told_at = await messages.last_due(db, Template.REVIEW_QUEUE, await accounts.phone(db, account_id))
        if told_at is None or at - told_at >= pause:
            number = ids.derived("message", Template.REVIEW_QUEUE, account_id, at.isoformat())
            await _enqueue(db, visit, number, Template.REVIEW_QUEUE, account_id, at, said)


async def tell_one(db: AsyncSession, revisit_id: UUID, template: Template, account_id: UUID, at: datetime, *, about: UUID) -> None:
    """One member of staff, of what waits for them alone. `at` is the instant that made it wait: told again of the same, it is one."""
    await _tell_accounts(db, await _visit(db, revisit_id), template, at, [account_id], about, at.isoformat())


@dataclass(frozen=True, slots=True)
class _Visit:
    """Its clinic is None as long as no place was chosen."""

    id: UUID
    account_id: UUID
    version: int
    policy: str
    starts_at: datetime | None
    ends_at: datetime | None


async def _visit(db: AsyncSession, revisit_id: UUID) -> _Visit:
    row = RevisitRow
    asked = select(row.id, row.account_id, row.version, row.policy, row.slot_starts_at, row.unit_ends_at).where(row.id == revisit_id)
    return _Visit(*(await db.execute(asked)).one())


async def _tell_accounts(
    db: AsyncSession, visit: _Visit, template: Template, at: datetime, accounts_: Iterable[UUID | None], *cause: object
) -> None:
    """Each of them, once for the cause."""
    for account_id in accounts_:
        if account_id is not None:
            await _enqueue(db, visit, ids.derived("message", visit.id, template, *cause, account_id), template, account_id, at, {})


async def _enqueue(
    db: AsyncSession, visit: _Visit, number: UUID, template: Template, account_id: UUID, at: datetime, params: Mapping[str, str]
) -> None:
    phone, due_at = await accounts.phone(db, account_id), await _due(db, visit, template, at)
    await messages.enqueue(db, number, template, phone, params, visit_id=visit.id, due_at=due_at)


async def _due(db: AsyncSession, visit: _Visit, template: Template, at: datetime) -> datetime:
    """Now, or when the quiet hours of the visit's rules end."""
    waits = TEXTS[template].waits
    if waits is Waits.NEVER:
        return at
    morning = (await policies.pinned(db, visit.policy)).quiet_until(at)
    held_tonight = visit.starts_at is not None and visit.ends_at is not None and visit.starts_at < morning and at < visit.ends_at
    return at if waits is Waits.UNLESS_NEAR and held_tonight else morning
