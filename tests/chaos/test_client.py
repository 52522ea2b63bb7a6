"""What the walkers' line keeps of what was said and shown."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import pytest

from models.kernel.clock import now
from models.kernel.ids import new
from tests.chaos.client import Looked, Persistent, Said, looked

VISIT, FILE, DOCTOR = new(), new(), new()
PATH = f"/v1/revisits/{VISIT}"


def _line(answers: Iterable[httpx.Response]) -> Persistent:
    told = iter(answers)
    return Persistent({"doctor": DOCTOR}, inner=httpx.MockTransport(lambda _: next(told)))


async def _sent(line: Persistent, method: str, path: str, body: object) -> None:
    async with httpx.AsyncClient(base_url="http://house", transport=line) as http:
        await http.request(method, path, json=body, headers={"Idempotency-Key": new().hex})


@pytest.mark.parametrize(
    ("address", "action", "subject"),
    [
        (f"{PATH}/intake", "intake:read", VISIT),
        (f"{PATH}/files/{FILE}", "intake:read", VISIT),
        (f"{PATH}/past-visits", "revisit:past_visits", VISIT),
        (f"/v1/invoices/{FILE}/red/pdf", "invoice:read", FILE),
        ("/v1/surveys", "survey:read", None),
        (f"/v1/messages?visit_id={VISIT}", "message:read", VISIT),
        ("/v1/messages", "message:read", None),
    ],
    ids=("intake", "file", "past visits", "red bill", "surveys", "messages of one", "messages"),
)
def test_what_is_shown_of_patients(address: str, action: str, subject: Any) -> None:
    assert looked(httpx.URL(f"http://house{address}"), DOCTOR, now()) == Looked(action, subject, DOCTOR)


def test_a_conversation_is_noted_with_its_time_and_a_visit_is_not_noted() -> None:
    at = now()
    assert looked(httpx.URL(f"http://house{PATH}/chat?after=3"), DOCTOR, at) == Looked("chat:read", VISIT, DOCTOR, at)
    assert looked(httpx.URL(f"http://house{PATH}"), DOCTOR, at) is None


async def test_words_are_kept_by_the_line_or_the_visit_that_they_are_of() -> None:
    done = {"id": str(VISIT), "done": True, "version": 3, "state": "choosing"}
    id = new()
    line = _line([httpx.Response(201, json={"id": str(id)}), httpx.Response(200, json=done)])
    await _sent(line, "POST", f"{PATH}/chat", {"text": "气短"})
    await _sent(line, "POST", f"{PATH}/consent", {"text_version": "v1", "text_hash": "00"})

    assert line.said == {Said("chat", id): {"text": "气短"}, Said("consent", VISIT): {"text_version": "v1", "text_hash": "00"}}


async def test_what_was_said_before_is_no_measure_while_something_else_is_on_its_way() -> None:
    record: dict[str, Any] = {"content": {"advice": ""}, "diagnosis_code": "J44.900", "diagnosis_text": "慢阻肺"}
    line = _line([httpx.Response(200, json={}), httpx.Response(409, json={})])
    await _sent(line, "PUT", f"{PATH}/record", record)
    assert line.said == {Said("record", VISIT): record}

    await _sent(line, "PUT", f"{PATH}/record", record | {"diagnosis_code": "I10.x00"})
    assert line.said == {}


@pytest.mark.parametrize(
    ("told", "kept"), [({"file_ids": [str(FILE), str(VISIT), str(FILE)]}, [FILE, VISIT]), ({}, [])], ids=("some", "none")
)
async def test_pictures_of_a_description_are_kept_each_once_in_their_order(told: dict[str, Any], kept: list[UUID]) -> None:
    line = _line([httpx.Response(200, json={"id": str(VISIT), "done": True, "version": 4, "state": "paying"})])
    await _sent(line, "POST", f"{PATH}/describe", {"text": "气短"} | told)

    assert line.said == {Said("describe", VISIT): {"text": "气短", "file_ids": [str(one) for one in kept]}}
