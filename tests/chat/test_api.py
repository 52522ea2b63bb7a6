"""The conversation over HTTP (P-2.5): whose turn it may be, in which order, and who reads it."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from models.revisit import State
from models.stores.database import Database
from tests.client import Hands, key
from tests.record.builders import Headers, a_visit_of_people, audited


async def say(api: httpx.AsyncClient, visit_id: UUID, who: Headers, text: str, wish: Headers | None = None) -> httpx.Response:
    return await api.post(f"/v1/revisits/{visit_id}/chat", json={"text": text}, headers=who | (wish or key()))


async def lines(api: httpx.AsyncClient, visit_id: UUID, who: Headers, **query: int) -> Any:
    answer = await api.get(f"/v1/revisits/{visit_id}/chat", params=query, headers=who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_side_says_its_part(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    await say(api, visit.id, visit.doctor, "您好，夜间能平卧吗？")
    await say(api, visit.id, visit.patient, "能。\n比上个月好。")
    await say(api, visit.id, visit.relative, "我是她女儿。")

    told = [(one["number"], one["side"], one["text"]) for one in (await lines(api, visit.id, visit.patient))["items"]]
    assert told == [(1, "doctor", "您好，夜间能平卧吗？"), (2, "patient", "能。\n比上个月好。"), (3, "patient", "我是她女儿。")]


async def test_thirty_at_once_are_numbered_without_a_gap(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(own_database, clock)

    said = await asyncio.gather(*(say(own_api, visit.id, [visit.doctor, visit.patient][turn % 2], f"第{turn}句") for turn in range(30)))

    assert sorted(one.json()["number"] for one in said) == list(range(1, 31))
    heard = (await lines(own_api, visit.id, visit.doctor, limit=100))["items"]
    assert {one["id"]: one["number"] for one in heard} == {one.json()["id"]: one.json()["number"] for one in said}


async def test_a_second_click_says_it_once(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    visit, wish = await a_visit_of_people(own_database, clock), key()

    answers = await asyncio.gather(*(say(own_api, visit.id, visit.patient, "您好", wish) for _ in range(6)))

    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert len((await lines(own_api, visit.id, visit.patient))["items"]) == 1


async def test_another_line_under_an_old_key(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit, wish = await a_visit_of_people(database, clock), key()
    await say(api, visit.id, visit.patient, "您好", wish)

    refused = await say(api, visit.id, visit.patient, "再见", wish)

    assert (refused.status_code, refused.json()["code"]) == (422, "request.key_reused")


async def test_page_after_page(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    for number in range(5):
        await say(api, visit.id, visit.patient, str(number))

    first = await lines(api, visit.id, visit.patient, limit=2)
    rest = await lines(api, visit.id, visit.patient, limit=3, after=first["next"])

    assert [one["text"] for one in first["items"] + rest["items"]] == ["0", "1", "2", "3", "4"]
    assert (first["next"], rest["next"]) == (2, None)


@pytest.mark.parametrize(
    ("state", "entered", "patient", "doctor"),
    [
        (State.BOOKED, False, 409, 409),
        (State.WAITING, False, 409, 409),
        (State.CONSULTING, False, 409, 201),
        (State.CONSULTING, True, 201, 201),
        (State.ENDED, True, 409, 409),
        (State.CLOSED, True, 409, 409),
    ],
)
async def test_when_it_may_be_said(
    api: httpx.AsyncClient, database: Database, clock: Hands, state: State, entered: bool, patient: int, doctor: int
) -> None:
    visit = await a_visit_of_people(database, clock, state, entered_at=clock() if entered else None)

    said = {"patient": await say(api, visit.id, visit.patient, "您好"), "doctor": await say(api, visit.id, visit.doctor, "您好")}

    assert {side: answer.status_code for side, answer in said.items()} == {"patient": patient, "doctor": doctor}
    assert {answer.json()["code"] for answer in said.values() if answer.is_error} <= {"chat.not_now"}


async def test_others_do_not_find_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    for who in (visit.stranger, visit.other_doctor):
        assert (await say(api, visit.id, who, "您好")).json()["code"] == "revisit.missing"
        assert (await api.get(f"/v1/revisits/{visit.id}/chat", headers=who)).json()["code"] == "revisit.missing"


async def test_read_afterwards_it_is_the_record(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """While they talk a doctor's screen reads it again with each line; later reading leaves a trace."""
    talking = await a_visit_of_people(database, clock)
    over = await a_visit_of_people(database, clock, State.ENDED)

    for visit in (talking, over):
        for who in (visit.patient, visit.doctor):
            await lines(api, visit.id, who)

    assert await audited(database, talking.id, "chat:read") == []
    assert await audited(database, over.id, "chat:read") == [(over.unit.doctor_account_id, "treatment")]


@pytest.mark.parametrize("text", ["", " \n ", "字" * 2001, "a\u0000b", "\u202eabc", "\x1b[31m"])
async def test_what_no_line_is(api: httpx.AsyncClient, database: Database, clock: Hands, text: str) -> None:
    visit = await a_visit_of_people(database, clock)

    refused = await say(api, visit.id, visit.patient, text)

    assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")


async def test_the_longest_line_is_two_thousand_characters(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    assert (await say(api, visit.id, visit.patient, "字" * 2000)).status_code == 201


@pytest.mark.parametrize("after", ["-1", "x", str(2**53 + 1), "1e9"])
async def test_after_what_no_number_is(api: httpx.AsyncClient, database: Database, clock: Hands, after: str) -> None:
    visit = await a_visit_of_people(database, clock)

    refused = await api.get(f"/v1/revisits/{visit.id}/chat", params={"after": after}, headers=visit.patient)

    assert refused.json()["code"] == "request.invalid"
