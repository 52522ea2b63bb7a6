"""What bad input gets: a problem that says what to do, never a 500 and never what was sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text

from api.app import create_app
from api.problems import STATUS
from api.sentences import OF_A_READING, OF_KIND, SENTENCES
from models.account import Role
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores.database import Database
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.client import Hands, key, wiring
from tests.patient.builders import a_person
from tests.settings import settings

JSON = {"content-type": "application/json"}


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The body of a refusal, which is always whole."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "code", "params", "request_id", "fields"}
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:fuzhen:problem:{body['code']}"
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["title"].endswith("。")
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "request.no_route"),
        ("GET", "/v1/account/", 404, "request.no_route"),
        ("PUT", "/v1/account/codes", 405, "request.method"),
        ("GET", "/v1/account/codes", 405, "request.method"),
        ("GET", "/v1/patients/%00", 400, "request.malformed"),
        ("GET", "/v1/patients?after=%00", 400, "request.malformed"),
        ("GET", "/v1/patients/%ff%fe", 401, "account.anonymous"),
    ],
)
async def test_where_nothing_is(api: httpx.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    answer = await api.request(method, path)

    assert (answer.status_code, problem(answer)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSON, 422, "request.invalid"),
        (b"{", JSON, 400, "request.malformed"),
        (b"\xff\xfe{}", JSON, 400, "request.malformed"),
        (b'{"phone": "\xff"}', JSON, 400, "request.malformed"),
        (b"[" * 100_000, JSON, 400, "request.malformed"),
        (b'{"phone": ' + b"9" * 5_000 + b"}", JSON, 400, "request.malformed"),
        (b"null", JSON, 422, "request.invalid"),
        (b"[]", JSON, 422, "request.invalid"),
        (b'{"phone": NaN}', JSON, 422, "request.invalid"),
        (b'{"phone": "\\ud800"}', JSON, 422, "request.invalid"),
        (b'{"phone": "13800138000", "\\ud800": 1}', JSON, 422, "request.invalid"),
        (b'{"phone": "13800138000", "amount_fen": 1}', JSON, 422, "request.invalid"),
        (b'{"phone": {"$gt": ""}}', JSON, 422, "request.invalid"),
        (b'{"phone": "13800138000"}', {}, 415, "request.media_type"),
        (b'{"phone": "13800138000"}', {"content-type": "text/plain"}, 415, "request.media_type"),
        (b"phone=13800138000", {"content-type": "application/x-www-form-urlencoded"}, 415, "request.media_type"),
        (b" " * (1 << 20) + b"{}", JSON, 413, "request.too_large"),
    ],
)
async def test_bodies_that_are_none(api: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    answer = await api.post("/v1/account/codes", content=content, headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert "13800138000" not in answer.text


async def test_a_body_too_large_is_refused_before_its_end(api: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    answer = await api.post("/v1/account/codes", content=endless(), headers=JSON)

    assert (answer.status_code, problem(answer)["code"]) == (413, "request.too_large")
    assert sent <= 18


async def test_the_fields_are_named_and_what_is_wrong_with_them(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)

    answer = await api.post("/v1/patients", json={"name": "张" * 51, "relation": "friend", "vip\u202e": True}, headers=bearer | key())

    faults = {field["field"]: (field["fault"], field["title"]) for field in problem(answer)["fields"]}
    assert faults == {
        "name": ("too_long", "内容过多"),
        "id_number": ("missing", "此项必填"),
        "relation": ("enum", "不在可选范围内"),
        "vip?": ("extra_forbidden", "不应填写此项"),
    }


@pytest.mark.parametrize(
    ("role", "path", "body", "field"),
    [
        (Role.DOCTOR, "revisits/{id}/decline", {"reason": "other"}, ("note", "missing", "此项必填")),
        (Role.DOCTOR, "revisits/{id}/decline", {"reason": "other", "note": "  "}, ("note", "string_too_short", "内容过短")),
        (
            Role.FINANCE,
            "refunds/{id}/pay-out",
            {"voucher": "凭证1"},
            ("voucher", "string_pattern_mismatch", "应为4至64位字母、数字或连字符"),
        ),
        (Role.PATIENT, "prescriptions/{id}/choose", {"way": "parcel"}, ("receiver", "missing", "此项必填")),
        (
            *(Role.PATIENT, "revisits/{id}/self-check", {"symptoms": [], "stability": {"version": "1", "answers": {}}}),
            ("stability.answers", "missing", "此项必填"),
        ),
    ],
)
async def test_the_field_is_named_that_a_person_has_to_fill(
    api: httpx.AsyncClient, database: Database, clock: Hands, role: Role, path: str, body: dict[str, Any], field: tuple[str, str, str]
) -> None:
    """Also where only the whole says what is missing."""
    signed_in = patient_signed_in(database, clock) if role is Role.PATIENT else staff_signed_in(database, clock, role)

    answer = await api.post(f"/v1/{path.format(id=ids.new())}", json=body, headers=(await signed_in)[1] | key())

    assert (answer.status_code, problem(answer)["code"]) == (422, "request.invalid")
    assert [(one["field"], one["fault"], one["title"]) for one in answer.json()["fields"]] == [field]


async def test_a_number_that_is_no_id_is_not_there(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)

    for number in ("17", "00000000-0000-0000-0000-00000000000g", "张", "a" * 3_000):
        answer = await api.get(f"/v1/patients/{number}", headers=bearer)
        assert (answer.status_code, problem(answer)["code"]) == (404, "request.missing")


async def test_what_no_code_has_a_sentence_for_gets_its_kinds(database: Database) -> None:
    strange = APIRouter()

    @strange.get("/v1/strange/{kind}")
    async def refuse(kind: Any) -> None:
        raise DomainError("strange.thing", kind, slot_id="s-1")

    app = create_app(await wiring(database))
    app.include_router(strange)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        for kind, status in STATUS.items():
            answer = await client.get(f"/v1/strange/{kind}")
            told = problem(answer)
            assert (answer.status_code, told["title"], told["params"]["slot_id"]) == (status, OF_KIND[kind], "s-1")
            assert ("Retry-After" in answer.headers) == (kind in {"limited", "unavailable"})
            assert ("WWW-Authenticate" in answer.headers) == (kind == "anonymous")


def test_every_sentence_is_one() -> None:
    assert all(
        sentence.endswith("。") and "管理员" not in sentence
        for sentence in (*SENTENCES.values(), *OF_A_READING.values(), *OF_KIND.values())
    )


async def test_a_bug_is_loud_inside_and_quiet_outside(database: Database) -> None:
    broken = APIRouter()

    @broken.get("/v1/broken")
    async def fail() -> None:
        raise ValueError("张秀英 110101194912310022")

    app = create_app(await wiring(database))
    app.include_router(broken)
    quiet = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=quiet, base_url="http://api") as client:
        answer = await client.get("/v1/broken")
    loud = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=loud, base_url="http://api") as client:
        with pytest.raises(ValueError, match="张秀英"):
            await client.get("/v1/broken")

    told = problem(answer)
    assert (answer.status_code, told["code"], list(told["params"])) == (500, "internal", ["error_id", "retry_after_s"])
    assert "张" not in json.dumps(told, ensure_ascii=False)


async def end_all_backends(database: Database) -> None:
    others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    async with database.engine.connect() as wire:
        await wire.execute(text(others))


async def test_a_database_that_cannot_be_asked_is_unavailable(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    """Its backends are ended under the requests; the next ones are served again."""
    _, bearer = await patient_signed_in(own_database, clock)

    answers: list[httpx.Response] = []
    for _ in range(4):
        ending = asyncio.create_task(end_all_backends(own_database))
        answers += await asyncio.gather(*(own_api.post("/v1/patients", json=a_person(), headers=bearer | key()) for _ in range(2)))
        await ending

    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert all(problem(answer)["code"] == "service.unavailable" for answer in answers if answer.status_code == 503)
    assert (await own_api.get("/v1/patients", headers=bearer)).status_code in {200, 503}
    assert (await own_api.get("/v1/patients", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "title"),
    [
        ("GET", "/v1/account", "服务暂时不可用，暂时无法查询，请稍后再试。"),
        ("POST", f"/v1/revisits/{UUID(int=1)}/cancel", "服务暂时不可用，您的操作结果尚未确认，请稍后重试，不会重复提交。"),
    ],
)
async def test_no_database_at_all(clock: Hands, method: str, path: str, title: str) -> None:
    """What became of a wish is not known; of a reading there is nothing to be known."""
    nowhere = Database(settings().database_url.get_secret_value(), settings().vault())
    app = create_app(await wiring(nowhere, clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        answer = await client.request(method, path, headers={"Authorization": "Bearer x"} | key())

    told = problem(answer)
    assert (answer.status_code, told["code"], answer.headers["Retry-After"]) == (503, "service.unavailable", "2")
    assert told["title"] == title
