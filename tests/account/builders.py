"""People who sign in."""

from functools import cache
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import AccountKind, Grant, Role
from models.kernel import ids
from models.kernel.password import hashed
from models.message import Template
from models.stores import account as store
from models.stores.database import Database, vault
from models.tables.account import AccountRow
from models.tables.message import MessageRow
from tests.client import Hands

PASSWORD = "Lung-and-Heart-7"
_phones = iter(range(13_800_000_000, 13_900_000_000))


def a_phone() -> str:
    """Nobody else's."""
    return str(next(_phones))


@cache
def _hash() -> str:
    return hashed(PASSWORD)


async def a_patient(db: AsyncSession, phone: str | None = None) -> UUID:
    """A patient's account."""
    return await store.patient_account(db, phone or a_phone())


async def a_staff_member(
    db: AsyncSession, role: Role = Role.DOCTOR, *, login: str | None = None, phone: str | None = None, department_id: str | None = None
) -> UUID:
    """A staff account with `PASSWORD`."""
    account_id = ids.new()
    await store.enlist(
        db,
        account_id,
        login=login or f"staff-{account_id.hex[:8]}",
        name="王医生",
        phone=phone or a_phone(),
        password_hash=_hash(),
        grants=[Grant(role, department_id)],
    )
    return account_id


async def signed_in(database: Database, clock: Hands, account_id: UUID) -> dict[str, str]:
    """The header of a new session."""
    async with database.transaction() as db:
        kind = (await db.scalars(select(AccountRow.kind).where(AccountRow.id == account_id))).one()
        session = await store.open_session(db, account_id, AccountKind(kind), clock())
    return {"Authorization": f"Bearer {session.token}"}


async def patient_signed_in(database: Database, clock: Hands) -> tuple[UUID, dict[str, str]]:
    """A new patient account, and the header of its session."""
    async with database.transaction() as db:
        account_id = await a_patient(db)
    return account_id, await signed_in(database, clock, account_id)


async def staff_signed_in(database: Database, clock: Hands, role: Role = Role.DOCTOR) -> tuple[UUID, dict[str, str]]:
    """A new staff account, and the header of its session."""
    async with database.transaction() as db:
        account_id = await a_staff_member(db, role)
    return account_id, await signed_in(database, clock, account_id)


async def codes_sent(database: Database, template: Template = Template.SIGN_IN_CODE) -> list[str]:
    """What the phones will read, oldest first."""
    async with database.reading() as db:
        rows = await db.scalars(select(MessageRow).where(MessageRow.template == template).order_by(MessageRow.due_at))
        opened = [vault(db).open("message.params", row.id, row.params) for row in rows]
    return ["".join(char for char in params if char.isdigit()) for params in opened]
