"""One intent, one key, one effect, however often and from wherever it is asked."""

import asyncio

import httpx
import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.patient import PATIENTS_MAX
from models.stores import intent as store
from models.stores.database import Database
from models.tables.message import IntentRow
from models.tables.patient import BindingRow
from tests.account.builders import patient_signed_in, signed_in
from tests.client import Hands, key
from tests.patient.builders import a_person, bound


async def bind(api: httpx.AsyncClient, person: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    return await api.post("/v1/patients", json=person, headers=headers)


async def test_a_repeat_gets_the_first_answer(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(database, clock)
    person, wish = a_person(), key()

    first = await bind(api, person, bearer | wish)
    again = await bind(api, person, bearer | wish)
    elsewhere = await bind(api, person, await signed_in(database, clock, account_id) | wish)

    assert "Idempotency-Replayed" not in first.headers
    for repeat in (again, elsewhere):
        assert (repeat.status_code, repeat.json(), repeat.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert (await db.scalars(select(func.count()).select_from(BindingRow))).one() == 1


async def test_the_same_body_in_another_order_is_the_same_wish(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    person, wish = a_person(), key()
    first = await bind(api, person, bearer | wish)

    again = await bind(api, dict(reversed(person.items())), bearer | wish)

    assert (again.status_code, again.json()) == (201, first.json())


async def test_another_body_under_an_old_key_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    wish = key()
    await bind(api, a_person(), bearer | wish)

    refused = await bind(api, a_person(), bearer | wish)

    assert (refused.status_code, refused.json()["code"]) == (422, "request.key_reused")


async def test_a_key_is_of_one_account_and_one_target(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    wish, address = key(), {"address": "北京市"}
    for _ in range(2):
        _, bearer = await patient_signed_in(database, clock)
        first = await bind(api, a_person(), bearer | wish)
        second = await bind(api, a_person(), bearer | key())
        supplements = [
            await api.post(f"/v1/patients/{made.json()['id']}/supplements", json=address, headers=bearer | wish) for made in (first, second)
        ]

        assert {made.status_code for made in (first, second, *supplements)} == {201}
        assert supplements[0].json() != supplements[1].json()


async def test_a_refusal_is_not_remembered(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(database, clock)
    for _ in range(PATIENTS_MAX):
        await bound(database, account_id)
    person, wish = a_person(), key()
    assert (await bind(api, person, bearer | wish)).json()["code"] == "patient.too_many"

    await db.execute(delete(BindingRow))

    assert (await bind(api, person, bearer | wish)).status_code == 201


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "request.key_missing"),
        ("", "request.key_missing"),
        ("k" * 256, "request.key_malformed"),
        ("键", "request.key_malformed"),
        ("a\tb", "request.key_malformed"),
    ],
)
async def test_a_key_that_is_none(api: httpx.AsyncClient, database: Database, clock: Hands, sent: str | None, code: str) -> None:
    _, bearer = await patient_signed_in(database, clock)
    headers = [(name.encode(), value.encode()) for name, value in bearer.items()]

    refused = await api.post(
        "/v1/patients", json=a_person(), headers=headers + ([] if sent is None else [(b"Idempotency-Key", sent.encode())])
    )

    assert (refused.status_code, refused.json()["code"]) == (400, code)


async def test_a_long_key_of_ordinary_characters_is_taken(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)

    assert (await bind(api, a_person(), bearer | {"Idempotency-Key": "a b!~" * 51})).status_code == 201


async def test_twenty_at_once_are_one_effect(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(own_database, clock)
    patient = (await bind(own_api, a_person(), bearer | key())).json()
    wish = key()

    answers = await asyncio.gather(
        *(own_api.post(f"/v1/patients/{patient['id']}/supplements", json={"address": "北京市"}, headers=bearer | wish) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    async with own_database.reading() as db:
        made = (await db.scalars(select(IntentRow).where(IntentRow.account_id == account_id))).all()
        assert len(made) == 2


async def test_who_waits_behind_one_that_fails_does_the_work(own_database: Database) -> None:
    """The first holder of the key is rolled back; the second gets the key, not an answer."""
    intent_id, account_id = ids.new(), ids.new()
    claimed, fail = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with own_database.transaction() as db:
            assert await store.claim(db, intent_id, account_id, "body") is None
            claimed.set()
            await fail.wait()
            raise RuntimeError

    async def second() -> object:
        await claimed.wait()
        async with own_database.transaction() as db:
            fail.set()
            got = await store.claim(db, intent_id, account_id, "body")
            await store.keep(db, intent_id, 201, "{}")
            return got

    answers = await asyncio.gather(first(), second(), return_exceptions=True)

    assert isinstance(answers[0], RuntimeError)
    assert answers[1] is None


async def test_the_answer_is_sealed(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    await bind(api, a_person(), bearer | key())

    stored = (await db.scalars(select(IntentRow))).one()

    assert "张".encode() not in stored.answer
    assert b"1101" not in stored.answer
    assert stored.status == 201


async def test_keys_are_forgotten_after_their_time(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    await bind(api, a_person(), bearer | key())

    await store.forget(db, clock.forward(days=30))

    assert (await db.scalars(select(func.count()).select_from(IntentRow))).one() == 0
