"""Accounts and sessions in the store."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import PASSWORD_FAILURES_MAX, AccountKind, Grant, Principal, Role
from models.stores import account as store
from models.stores.database import Database, put
from models.tables.account import AccountRow, GrantRow, SessionRow
from models.tables.process import AuditRow
from tests.account.builders import a_patient, a_phone, a_staff_member
from tests.client import Hands


async def opened(db: AsyncSession, clock: Hands, kind: AccountKind = AccountKind.PATIENT) -> str:
    account_id = await (a_patient(db) if kind is AccountKind.PATIENT else a_staff_member(db))
    return (await store.open_session(db, account_id, kind, clock())).token


async def behind(db: AsyncSession, token: str, clock: Hands) -> Principal | None:
    return await store.principal(partial(put, await db.connection()), store.Bearer(store.token_hash(token), clock()))


async def test_a_token_names_its_account_and_grants(db: AsyncSession, clock: Hands) -> None:
    account_id = await a_staff_member(db, Role.DOCTOR, department_id="resp-1")
    session = await store.open_session(db, account_id, AccountKind.STAFF, clock())

    me = await behind(db, session.token, clock)

    assert me is not None
    assert (me.account_id, me.kind, me.grants) == (account_id, AccountKind.STAFF, {Grant(Role.DOCTOR, "resp-1")})


async def test_the_token_itself_is_not_stored(db: AsyncSession, clock: Hands) -> None:
    token = await opened(db, clock)

    assert (await db.scalars(select(SessionRow.token_hash))).one() != token.encode()
    assert await behind(db, token[:-1], clock) is None


@pytest.mark.parametrize(("kind", "idle_min"), [(AccountKind.PATIENT, 30 * 24 * 60), (AccountKind.STAFF, 30)])
async def test_a_session_not_used_ends(db: AsyncSession, clock: Hands, kind: AccountKind, idle_min: int) -> None:
    token = await opened(db, clock, kind)

    clock.forward(minutes=idle_min - 1)
    assert await behind(db, token, clock)
    clock.forward(minutes=1)
    assert await behind(db, token, clock) is None


async def test_a_session_in_use_stays_until_its_own_end(db: AsyncSession, clock: Hands) -> None:
    token = await opened(db, clock, AccountKind.STAFF)

    for _ in range(35):
        clock.forward(minutes=20)
        me = await behind(db, token, clock)
        assert me is not None
        await store.seen(db, me.session_id, clock())
    clock.forward(minutes=20)

    assert await behind(db, token, clock) is None


async def test_a_revoked_session_is_over(db: AsyncSession, clock: Hands) -> None:
    token = await opened(db, clock)
    me = await behind(db, token, clock)
    assert me is not None

    await store.revoke(db, me.session_id, clock())

    assert await behind(db, token, clock) is None


async def test_a_grant_taken_away_is_gone_at_once(db: AsyncSession, clock: Hands) -> None:
    token = await opened(db, clock, AccountKind.STAFF)
    await db.delete((await db.scalars(select(GrantRow))).one())
    await db.flush()

    me = await behind(db, token, clock)

    assert me is not None
    assert not me.may("account:read")


async def test_a_phone_has_one_account_whoever_comes_first(own_database: Database) -> None:
    phone = a_phone()

    async def first_sign_in() -> object:
        async with own_database.transaction() as db:
            return await store.patient_account(db, phone)

    accounts = await asyncio.gather(*(first_sign_in() for _ in range(8)))

    assert len(set(accounts)) == 1
    async with own_database.reading() as db:
        assert (await db.scalars(select(func.count()).select_from(GrantRow))).one() == 1


async def test_the_phone_is_sealed(db: AsyncSession) -> None:
    phone = a_phone()
    account_id = await a_patient(db, phone)

    row = await db.get_one(AccountRow, account_id)

    assert phone.encode() not in row.phone
    assert await store.phone(db, account_id) == phone


async def test_a_hundred_guesses_at_once_are_five(own_database: Database, clock: Hands) -> None:
    async with own_database.transaction() as db:
        account_id = await a_staff_member(db)

    async def tried() -> object:
        async with own_database.transaction() as db:
            return await store.count_try(db, account_id, clock())

    answers = await asyncio.gather(*(tried() for _ in range(20)))

    assert answers.count(None) == PASSWORD_FAILURES_MAX
    assert set(answers) == {None, clock.forward(minutes=15)}


async def test_enlisting_again_takes_over_what_changed_and_away_what_is_not_named(db: AsyncSession, clock: Hands) -> None:
    account_id = await a_staff_member(db, Role.DOCTOR, login="d.wang")
    token, phone = (await store.open_session(db, account_id, AccountKind.STAFF, clock())).token, a_phone()

    await store.enlist(db, account_id, login="d.wang2", name="王主任", phone=phone, password_hash="x", grants=[Grant(Role.MANAGEMENT)] * 2)

    assert await store.staff(db, "d.wang") is None
    staff = await store.staff(db, "d.wang2")
    assert staff is not None
    assert (staff.account_id, staff.phone) == (account_id, phone)
    me = await behind(db, token, clock)
    assert me is not None
    assert me.grants == {Grant(Role.MANAGEMENT)}
    last = select(AuditRow.detail).where(AuditRow.action == "account:enlist").order_by(AuditRow.id.desc()).limit(1)
    assert await db.scalar(last) == {"roles": ["management"]}
