"""Signing in and out over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.message import Template
from models.stores.database import Database
from models.tables.process import AuditRow
from tests.account.builders import (
    PASSWORD,
    a_phone,
    a_staff_member,
    codes_sent,
    patient_signed_in,
    signed_in,
    staff_signed_in,
)
from tests.client import Hands

Json = dict[str, Any]


async def ask_code(api: httpx.AsyncClient, phone: str) -> httpx.Response:
    return await api.post("/v1/account/codes", json={"phone": phone})


async def sign_in(api: httpx.AsyncClient, phone: str, code: str) -> httpx.Response:
    return await api.post("/v1/account/sessions", json={"phone": phone, "code": code})


async def staff_code(api: httpx.AsyncClient, login: str, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/v1/account/staff/codes", json={"login": login, "password": password})


async def staff_sign_in(api: httpx.AsyncClient, login: str, code: str, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/v1/account/staff/sessions", json={"login": login, "password": password, "code": code})


async def test_a_patient_signs_in_and_out(api: httpx.AsyncClient, database: Database) -> None:
    phone = a_phone()
    assert (await ask_code(api, phone)).status_code == 202

    session = await sign_in(api, phone, (await codes_sent(database))[0])
    assert session.status_code == 201
    bearer = {"Authorization": f"Bearer {session.json()['token']}"}
    me = await api.get("/v1/account", headers=bearer)

    assert me.json() | {"permissions": []} == {
        "account_id": session.json()["account_id"],
        "kind": "patient",
        "phone": f"{phone[:3]}****{phone[-4:]}",
        "name": None,
        "roles": [{"role": "patient", "department_id": None}],
        "permissions": [],
        "patients": [],
    }
    assert "revisit:open" in me.json()["permissions"]

    assert (await api.delete("/v1/account/sessions/current", headers=bearer)).status_code == 204
    assert (await api.get("/v1/account", headers=bearer)).status_code == 401


async def test_the_second_sign_in_finds_the_account_again(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    phone, accounts = a_phone(), set[str]()
    for _ in range(2):
        await ask_code(api, phone)
        accounts.add((await sign_in(api, phone, (await codes_sent(database))[-1])).json()["account_id"])
        clock.forward(minutes=1)

    assert len(accounts) == 1


async def test_the_answer_does_not_tell_who_is_known(api: httpx.AsyncClient, database: Database) -> None:
    known = a_phone()
    await ask_code(api, known)
    await sign_in(api, known, (await codes_sent(database))[0])

    again, stranger = await ask_code(api, f"+86 {known}"), await ask_code(api, a_phone())

    assert (again.status_code, again.json()["code"]) == (429, "account.too_many_codes")
    assert int(again.headers["Retry-After"]) in {60, 61}
    assert stranger.json() == {"expires_in_s": 300, "resend_after_s": 60}


async def test_wrong_codes_count_although_they_are_refused(api: httpx.AsyncClient, database: Database) -> None:
    phone = a_phone()
    await ask_code(api, phone)
    right = (await codes_sent(database))[0]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"

    refused = [await sign_in(api, phone, wrong) for _ in range(5)]
    too_late = await sign_in(api, phone, right)

    assert {(one.status_code, one.json()["code"]) for one in (*refused, too_late)} == {(401, "account.code_refused")}


@pytest.mark.parametrize("phone", ["12345", "010-6512-1234", "+1 650 253 0000", "1380013800", "not a phone no", "138\u00000013800"])
async def test_what_is_no_mobile_number_is_refused_without_repeating_it(api: httpx.AsyncClient, phone: str) -> None:
    refused = await ask_code(api, phone)

    assert refused.status_code == 422
    assert [field["field"] for field in refused.json()["fields"]] == ["phone"]
    assert phone not in refused.text


async def test_staff_sign_in_by_password_and_code(api: httpx.AsyncClient, db: AsyncSession, database: Database) -> None:
    phone = a_phone()
    await a_staff_member(db, Role.MANAGEMENT, login="m.li", phone=phone)
    sent = await staff_code(api, "m.li")
    assert (sent.status_code, sent.json()["phone"]) == (202, f"{phone[:3]}****{phone[-4:]}")

    session = await staff_sign_in(api, "m.li", (await codes_sent(database, Template.STAFF_CODE))[0])
    me = (await api.get("/v1/account", headers={"Authorization": f"Bearer {session.json()['token']}"})).json()

    assert session.status_code == 201
    assert (me["kind"], me["name"], me["roles"]) == ("staff", "王医生", [{"role": "management", "department_id": None}])
    assert "revisit:open" not in me["permissions"]


async def test_unknown_login_and_wrong_password_are_one_answer(api: httpx.AsyncClient, db: AsyncSession) -> None:
    await a_staff_member(db, login="d.wang")

    wrong, unknown = await staff_code(api, "d.wang", "guess"), await staff_code(api, "d.nobody")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert wrong.headers["WWW-Authenticate"] == "Bearer"


async def test_five_failures_lock_for_a_quarter_of_an_hour(api: httpx.AsyncClient, db: AsyncSession, clock: Hands) -> None:
    account_id = await a_staff_member(db, login="d.wang")

    guesses = [await staff_code(api, "d.wang", f"guess {number}") for number in range(5)]
    locked = await staff_code(api, "d.wang")
    clock.forward(minutes=15)
    after = await staff_code(api, "d.wang")

    assert {guess.json()["code"] for guess in guesses} == {"account.credentials"}
    assert (locked.status_code, locked.json()["code"]) == (429, "account.locked")
    assert 0 < int(locked.headers["Retry-After"]) <= 15 * 60 + 1
    assert after.status_code == 202
    refusals = await db.scalars(select(AuditRow.account_id).where(AuditRow.action == "account:refuse"))
    assert refusals.all() == [account_id] * 5


async def test_a_wrong_code_of_staff_is_a_failure_too(api: httpx.AsyncClient, db: AsyncSession, database: Database) -> None:
    await a_staff_member(db, login="d.wang")
    await staff_code(api, "d.wang")
    right = (await codes_sent(database, Template.STAFF_CODE))[0]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"

    codes = [(await staff_sign_in(api, "d.wang", wrong)).json()["code"] for _ in range(6)]

    assert codes == ["account.code_refused"] * 5 + ["account.locked"]


async def test_asking_for_codes_too_fast_locks_nobody(api: httpx.AsyncClient, db: AsyncSession) -> None:
    await a_staff_member(db, login="d.wang")

    codes = [(await staff_code(api, "d.wang")).json().get("code") for _ in range(7)]

    assert codes == [None] + ["account.too_many_codes"] * 6


async def test_a_wrong_password_does_not_stop_the_loop(own_api: httpx.AsyncClient, own_database: Database) -> None:
    """While passwords are hashed, health answers in between."""
    guesses = asyncio.gather(*(staff_code(own_api, f"d.nobody{number}") for number in range(4)))

    answered = 0
    while not guesses.done():
        assert (await own_api.get("/health/live")).status_code == 200
        answered += 1
        await asyncio.sleep(0)
    await guesses

    assert answered > 4


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer unknown", "Bearer " + "x" * 300, "bearer ü"])
async def test_who_is_not_signed_in_is_told_so(api: httpx.AsyncClient, header: str) -> None:
    refused = await api.get("/v1/account", headers=[(b"Authorization", header.encode())])

    assert (refused.status_code, refused.json()["code"]) == (401, "account.anonymous")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_session_used_now_and_then_stays(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await staff_signed_in(database, clock)

    for _ in range(4):
        clock.forward(minutes=29)
        assert (await api.get("/v1/account", headers=bearer)).status_code == 200
    clock.forward(minutes=30)

    assert (await api.get("/v1/account", headers=bearer)).status_code == 401


async def test_signing_out_ends_one_session_and_no_other(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    account_id, here = await patient_signed_in(database, clock)
    there = await signed_in(database, clock, account_id)

    await api.delete("/v1/account/sessions/current", headers=here)

    assert (await api.get("/v1/account", headers=there)).status_code == 200
