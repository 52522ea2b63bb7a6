"""Garbage at every door: whatever is posted or put by whomever, the answer is a problem of ours and never a failure."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Person, key, refused
from tests.journeys.visit import CONDITION, Visit

pytestmark = pytest.mark.long

HOSTILE = "' OR 1=1; -- \x00 \u202e 🫁 ${jndi:ldap://x} {{7*7}} <script>"
BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "application/json"),
    "no JSON": (b"{", "application/json"),
    "no UTF-8": (b'{"text": "\xff\xfe"}', "application/json"),
    "a list": (b"[1, 2]", "application/json"),
    "a number": (b"1e999", "application/json"),
    "NaN": (b'{"text": NaN}', "application/json"),
    "deep": (b'{"a":' * 500 + b"1" + b"}" * 500, "application/json"),
    "empty": (b"{}", "application/json"),
    "strange names": (json.dumps({HOSTILE: HOSTILE, "__proto__": {}, "": None}).encode(), "application/json"),
    "text": (b"hello", "text/plain"),
    "a form": (b"file=x&text=y", "application/x-www-form-urlencoded"),
    "a broken multipart": (b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx", "multipart/form-data; boundary=b"),
    "a whole multipart": (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="\x00.jpg"\r\n\r\n\xff\xd8\xff\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
}
VALUES: tuple[Any, ...] = (None, 10**400, HOSTILE, "a" * 10_000, [[HOSTILE]], "\ud800", "a\0b")
STRAY: tuple[Any, ...] = ("", True, -1, 1.5, [], {}, {"a": None}, "咳嗽\x07", "\u202e", " \t ", [None], ["a\0b"], {"\0": "\0"})
AT_ONCE = 8
RECORD = {"complaint": "气短", "history": "慢阻肺", "advice": "复查"}


@pytest.fixture(scope="module")
async def visit(hospital: Hospital) -> Visit:
    return await (await hospital.visit("booked")).billed()


@pytest.mark.parametrize("role", ["nobody", "patient", "doctor", "management"])
async def test_garbage_at_every_door_is_refused(hospital: Hospital, visit: Visit, role: str) -> None:
    """Each route that takes a body: every body there is, and each known field gone wrong, on a visit of one's own and on none."""
    person = {"nobody": hospital.stranger(), "patient": visit.patient, "doctor": hospital.doctor, "management": hospital.manager}[role]
    before = await visit.timeline()
    own = {"revisit_id": visit.id, "patient_id": visit.patient.id, "charge_id": await visit.charge_id()}
    gate, doors = asyncio.Semaphore(AT_ONCE), _doors(await hospital.stranger().ask("/openapi.json"))
    assert len(doors) > 20

    nobodys: dict[str, str] = {}
    knocks = [(door, nobodys, body) for door in doors for body in (list(BODIES.values()) if door.takes_body else [BODIES["empty"]])]
    if role in {"patient", "doctor"}:  # the others come no further than the door
        knocks += [(door, own, body) for door in doors if door.takes_body for body in (*BODIES.values(), *_wrong(door.fields))]
    await asyncio.gather(*(_knock(gate, person, door.method, door.path.format_map(_Ids(ids)), *body) for door, ids, body in knocks))

    assert await visit.timeline() == before


@pytest.mark.parametrize("role", ["patient", "doctor", "management"])
async def test_garbage_asked_of_every_view_is_refused(hospital: Hospital, visit: Visit, role: str) -> None:
    """Each parameter of each view gone wrong, in its path and in its query."""
    person = {"patient": visit.patient, "doctor": hospital.doctor, "management": hospital.manager}[role]
    own = {"revisit_id": visit.id, "patient_id": visit.patient.id, "charge_id": await visit.charge_id()}
    document, gate = await hospital.stranger().ask("/openapi.json"), asyncio.Semaphore(AT_ONCE)
    asked: list[str] = []
    for path, methods in document["paths"].items():
        parameters = methods.get("get", {}).get("parameters", ())
        for parameter, value in itertools.product(parameters, ("", HOSTILE, "a" * 3000, "-1", "9" * 400, "../..", "%00", "\ud7ff")):
            name, given = parameter["name"], quote(value, safe="")
            if parameter["in"] == "path":
                asked.append(path.format_map(_Ids(own | {name: given or "%20"})))
            elif parameter["in"] == "query":
                asked.append(f"{path.format_map(_Ids(own))}?{name}={given}")
    assert len(asked) > 100

    await asyncio.gather(*(_knock(gate, person, "GET", path, b"", "text/plain") for path in asked))


IN_TURN: dict[str, dict[str, Json]] = {
    "consenting": {
        "relate": {"past_encounter_id": "enc-1"},
        "self-check": {"symptoms": ["chest_pain"]},
        "consent": {"text_version": "1", "text_hash": "0" * 64},
    },
    "choosing": {"choose-slot": {"slot_id": "slot-1"}},
    "describing": {"describe": {"text": CONDITION, "file_ids": [key()]}},
    "entered": {"chat": {"text": "您好"}},
}
"""What the patient may ask in a state, each with a body of the right form."""


@pytest.mark.parametrize("state", IN_TURN)
async def test_garbage_in_turn_neither_counts_nor_stands_in_the_way(hospital: Hospital, state: str) -> None:
    """One field gone wrong, where the step itself would be taken: refused, and the visit goes on."""
    visit = await hospital.visit(state)
    before = await visit.timeline()

    for step, body in IN_TURN[state].items():
        for field, value in itertools.product(body, (*VALUES, *STRAY)):
            if value == [] and isinstance(body[field], list):
                continue  # no symptom and no file are answers
            content = json.dumps(body | {field: value}).encode()
            headers = {"Content-Type": "application/json", "Idempotency-Key": key()}
            answer = await visit.patient.send("POST", f"{visit.path}/{step}", content=content, headers=headers)
            assert 400 <= answer.status_code < 500, f"{step} {content[:80]!r}: {answer.status_code} {answer.text[:300]}"

    assert await visit.timeline() == before
    await visit.to("closed" if state == "entered" else "paying")


async def test_a_record_gone_wrong_is_not_kept(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    for field, value in itertools.product(("content", "diagnosis_code", "diagnosis_text"), (*VALUES, *STRAY)):
        if value is not None:
            content = json.dumps({"content": RECORD, "diagnosis_code": "J44.900", "diagnosis_text": "慢阻肺"} | {field: value}).encode()
            answer = await hospital.doctor.send(
                "PUT", f"{visit.path}/record", content=content, headers={"Content-Type": "application/json"}
            )
            assert 400 <= answer.status_code < 500, f"{content[:80]!r}: {answer.status_code} {answer.text[:300]}"
    refused(await hospital.doctor.get(f"{visit.path}/record"), 404, "record.not_written")
    await visit.to("closed")


async def _knock(gate: asyncio.Semaphore, person: Person, method: str, path: str, content: bytes, kind: str) -> None:
    async with gate:
        answer = await person.send(method, path, content=content, headers={"Content-Type": kind, "Idempotency-Key": key()})
    told = f"{method} {path} {kind} {content[:80]!r}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, told
    if answer.is_error and not path.startswith("/webhooks/"):
        assert answer.headers["content-type"] == "application/problem+json", told
        assert answer.json()["code"], told


class _Ids(dict[str, str]):
    """What is not known is nobody's."""

    def __missing__(self, name: str) -> str:
        return "0190f0f0-0000-4000-8000-000000000000" if name.endswith("_id") else "nobody"


@dataclass(frozen=True, slots=True)
class Door:
    """A route that changes something, with the fields that its body is documented to have."""

    method: str
    path: str
    takes_body: bool
    fields: tuple[str, ...]


def _doors(document: Json) -> list[Door]:
    found: list[Door] = []
    for path, methods in document["paths"].items():
        for method in methods.keys() & {"post", "put", "patch"}:
            body = methods[method].get("requestBody", {})
            name = body.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            fields = document["components"]["schemas"].get(name, {}).get("properties", {})
            found.append(Door(method.upper(), path, bool(body), tuple(fields)))
    return found


def _wrong(fields: tuple[str, ...]) -> list[tuple[bytes, str]]:
    """One field wrong at a time, and all of them."""
    bodies = [{field: value} for field, value in itertools.product(fields, VALUES)]
    bodies += [dict.fromkeys(fields, value) for value in VALUES]
    return [(json.dumps(body).encode(), "application/json") for body in bodies]
