"""The OpenAPI document: complete enough for a client to be made from it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest_asyncio
from fastapi import FastAPI

from api.app import create_app
from api.problems import MEDIA_TYPE, PARTIES
from api.sentences import OF_A_READING, SENTENCES
from models.stores.database import Database
from tests.client import wiring
from tests.settings import settings

Json = dict[str, Any]
OF_NO_DOOR = {"request.no_route", "request.method", "booking.missing", "intake.missing"}
"""Where there is no door; and of what our own rows name, which is there."""


@pytest_asyncio.fixture(scope="module")
async def document() -> Json:
    app: FastAPI = create_app(await wiring(Database(settings().database_url.get_secret_value(), settings().vault())))
    return app.openapi()


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_does_and_what_it_refuses(document: Json) -> None:
    for name, operation in operations(document):
        assert operation.get("description"), name
        for status in ("400", "401", "403", "404", "422", "500", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == [MEDIA_TYPE], (name, status)
            assert content[MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
            assert content[MEDIA_TYPE]["examples"], (name, status)


def test_every_reference_leads_somewhere(document: Json) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert named <= set(document["components"]["schemas"])


def test_a_key_is_required_where_it_is_asked_for(document: Json) -> None:
    keys = [
        parameter
        for _, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    ]

    assert keys
    assert all(parameter["required"] and parameter["schema"]["maxLength"] == 255 for parameter in keys)


def test_who_asks_with_a_key_reads_how_a_key_is_refused(document: Json) -> None:
    """And, where nothing else may be said, that it was not read."""
    for name, operation in operations(document):
        asked = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
        malformed, invalid = [set(operation["responses"][status]["content"][MEDIA_TYPE]["examples"]) for status in ("400", "422")]
        assert (malformed >= {"request.key_missing", "request.key_malformed"}, "request.key_reused" in invalid) == (asked, asked), name
        assert ("request.unexpected" in malformed) == (asked and "requestBody" not in operation), name


def test_the_document_is_made_once(document: Json) -> None:
    assert document["info"]["title"] == "Fuzhen 复诊"
    assert "Problem" in document["components"]["schemas"]


def test_of_what_only_reads_no_outcome_is_said_to_be_in_doubt(document: Json) -> None:
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for name, operation in operations(document):
        example = operation["responses"]["503"]["content"][MEDIA_TYPE]["examples"]["service.unavailable"]
        said[name.startswith("GET ")] |= {example["summary"], example["value"]["title"]}

    assert said == {True: {OF_A_READING["service.unavailable"]}, False: {SENTENCES["service.unavailable"]}}


def test_who_asks_a_process_for_something_reads_that_it_may_last(document: Json) -> None:
    """Nobody else is answered 202 but who starts what goes on by itself: a sign-in code, a pull of the mirror."""
    last = {name for name, operation in operations(document) if "202" in operation["responses"]}
    asked = {name for name, operation in operations(document) if "process.busy" in str(operation["responses"].get("409"))}

    assert last - asked == {"POST /v1/account/codes", "POST /v1/account/staff/codes", "POST /v1/schedule/syncs"}
    assert asked <= last
    assert all(operation["responses"]["202"]["description"] for _, operation in operations(document) if "202" in operation["responses"])


def test_each_code_that_has_a_sentence_is_named_at_a_door_or_is_a_partys(document: Json) -> None:
    """Where a step is asked for, the parties that may refuse it are named."""
    steps = [operation["responses"] for _, operation in operations(document) if "process.busy" in str(operation["responses"].get("409"))]
    for responses in steps:
        assert all(f"`{party}.…`" in responses[status]["description"] for party in PARTIES for status in ("409", "422"))
    contents = [
        content
        for methods in document["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    named = {code for content in contents for code in content.get("examples", {})}

    unnamed = {code for code in SENTENCES if code not in named and code.partition(".")[0] not in PARTIES}
    assert unnamed == OF_NO_DOOR


async def test_a_machine_reads_what_it_is_refused_with_and_nothing_that_cannot_be(document: Json, api: httpx.AsyncClient) -> None:
    """Asked by nobody of theirs, with nothing: each answers one of its own refusals, word for word."""
    doors = {path: methods["post"]["responses"] for path, methods in document["paths"].items() if path.startswith("/webhooks/")}
    assert set(doors) == {f"/webhooks/{one}" for one in ("his", "sf", "signature", "sms", "wechat-pay")}
    for path, responses in doors.items():
        assert "account." not in json.dumps(responses), path
        if path == "/webhooks/wechat-pay":  # which has no keys here (tests/charge)
            assert set(responses) == {"204", "400", "401", "413", "422", "500", "503"}
            continue
        answer = await api.post(path, content=b"?")
        told = responses[str(answer.status_code)]["content"][answer.headers["content-type"]]
        refusal = answer.json()
        if path == "/webhooks/his":
            assert refusal["code"] in told["examples"]
        else:
            assert refusal in [example["value"] for example in told["examples"].values()], path
            assert set(refusal) == set(told["schema"]["required"]) == set(told["schema"]["properties"]), path


async def test_what_is_answered_before_any_route_is_asked_is_named_at_every_door(document: Json, api: httpx.AsyncClient) -> None:
    doors = [(path, method) for path, methods in document["paths"].items() for method in methods]
    assert {path.split("/")[1] for path, _ in doors} == {"v1", "again", "health", "webhooks"}
    for path, method in doors:
        answer = await api.request(method, path, params={"a": "\0"})
        assert answer.status_code == 400
        told = document["paths"][path][method]["responses"]["400"]
        assert answer.json()["code"] in told["content"][answer.headers["content-type"]]["examples"], path
        assert f"`{answer.json()['code']}`" in told["description"], path
