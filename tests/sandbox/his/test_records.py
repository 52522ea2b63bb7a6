"""Signed records at the HIS: once under the client's number, of an open visit, by its doctor, with what every record has (4b)."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class

from sandbox.his import His, wire
from sandbox.his.compositions import words_of
from tests.sandbox.his import oracle
from tests.sandbox.his.client import LATER_SLOT, Client, Clock, refusal
from tests.sandbox.his.pharmacy import AT, a_provenance, an_open_visit

Json = dict[str, Any]
FHIR = "/his/fhir/R4"


def a_section(code: str, title: str, words: str, **more: Any) -> Json:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'
    coded = {"coding": [{"system": wire.LOINC, "code": code}]}
    return {"title": title, "code": coded, "text": {"status": "additional", "div": div}} | more


def a_record(visit: Json, number: str = "r1", **changes: Any) -> Json:
    """The body of a signed record of this visit."""
    diagnosis = {"coding": [{"system": wire.ICD_10, "code": "J44.900"}], "text": "慢性阻塞性肺疾病"}
    return {
        "resourceType": "Composition",
        "contained": [{"resourceType": "Condition", "id": "diagnosis", "subject": visit["subject"], "code": diagnosis}],
        "identifier": {"system": wire.RECORD, "value": number},
        "status": "final",
        "type": {"coding": [{"system": wire.LOINC, "code": "34108-1"}], "text": "门诊病历"},
        "subject": {"reference": visit["subject"]["reference"]},
        "encounter": {"reference": f"Encounter/{visit['id']}"},
        "date": AT,
        "author": [visit["participant"][0]["individual"]],
        "title": "互联网医院复诊病历",
        "attester": [{"mode": "legal", "time": AT, "party": visit["participant"][0]["individual"]}],
        "section": [
            a_section("10154-3", "主诉", "活动后气短复诊"),
            a_section("10164-2", "现病史", "慢阻肺病史，&lt;5年。<br/>规律吸入。"),
            a_section("29548-5", "诊断", "慢性阻塞性肺疾病", entry=[{"reference": "#diagnosis"}]),
            a_section("18776-5", "处理意见", "继续原方案。"),
        ],
    } | changes


async def write(client: Client, record: Json, condition: str | None = None) -> httpx.Response:
    own = record["identifier"]
    headers = {"Content-Type": wire.FHIR_JSON, "If-None-Exist": condition or f"identifier={own['system']}|{own['value']}"}
    return await client.http.post(f"{FHIR}/Composition", json=record, headers=headers)


async def sign(client: Client, record: Json, **changes: Any) -> httpx.Response:
    """The doctor's signature alone."""
    both = a_provenance([{"id": "x", "requester": record["author"][0]}])
    target = f"Composition/{record['id']}"
    body = both | {"target": [{"reference": target}], "agent": both["agent"][:1], "signature": both["signature"][:1]} | changes
    headers = {"Content-Type": wire.FHIR_JSON, "If-None-Exist": f"target={target}"}
    return await client.http.post(f"{FHIR}/Provenance", json=body, headers=headers)


@pytest.fixture
async def visit(client: Client, clock: Clock) -> Json:
    clock.forward(minutes=20)
    return await an_open_visit(client)


def books(hospital: His) -> list[Json]:
    kept: list[Json] = hospital.books()["records"]  # pyright: ignore[reportAssignmentType]
    return kept


async def test_it_is_kept_once_as_it_came_and_signed_once(client: Client, hospital: His, visit: Json) -> None:
    first, again = await write(client, a_record(visit)), await write(client, a_record(visit))
    record = first.json()
    signed = [await sign(client, record) for _ in range(2)]

    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, record["id"])
    assert [answer.status_code for answer in signed] == [201, 200]
    assert signed[0].json()["id"] == signed[1].json()["id"]
    [found] = await client.found("/Composition", identifier=f"{wire.RECORD}|r1")
    assert {name: found[name] for name in a_record(visit)} == a_record(visit)
    assert (await client.get(f"/Composition/{record['id']}"))["meta"]["versionId"] == "2"
    [book] = books(hospital)
    assert (book["number"], book["encounter_id"], book["status"], book["icd10"], book["signed"]) == (
        "r1",
        visit["id"],
        "final",
        "J44.900",
        1,
    )
    assert {"Composition", "Provenance"} <= client.seen


async def test_the_message_is_fhir(visit: Json) -> None:
    oracle.check({**a_record(visit), "id": "x", "meta": {"versionId": "1", "lastUpdated": AT}})
    get_fhir_model_class("Composition").model_validate(a_record(visit))


async def test_a_later_one_says_what_it_replaces_and_may_come_first(client: Client, hospital: His, visit: Json) -> None:
    replaces = [{"code": "replaces", "targetIdentifier": {"system": wire.RECORD, "value": "r1"}}]

    later = await write(client, a_record(visit, "r2", status="amended", relatesTo=replaces))
    earlier = await write(client, a_record(visit))

    assert (later.status_code, earlier.status_code) == (201, 201)
    assert [(one["number"], one["status"], one["replaces"]) for one in books(hospital)] == [
        ("r2", "amended", "r1"),
        ("r1", "final", None),
    ]


async def test_it_is_taken_after_the_visit_for_what_was_written_in_it(client: Client, visit: Json, clock: Clock) -> None:
    clock.forward(minutes=10)
    ended = await client.put(visit | {"status": "finished"})
    clock.forward(minutes=25)

    assert ended.status_code == 200, ended.text
    assert (await write(client, a_record(visit))).status_code == 201
    late = a_record(visit, "r2", date="2026-11-25T08:20:00.000+08:00")
    assert refusal(await write(client, late)) == (409, "not-in-progress")


def without(section: str) -> Callable[[Json], Json]:
    return lambda body: body | {"section": [one for one in body["section"] if one["title"] != section]}


def saying(words: str) -> Callable[[Json], Json]:
    return lambda body: body | {"section": [a_section("10154-3", "主诉", words), *body["section"][1:]]}


WRONG: list[tuple[Callable[[Json], Json], str]] = [
    (lambda body: body | {"subject": {"reference": "Patient/pat-child"}}, "Composition.subject"),
    (lambda body: body | {"author": [{"reference": "Practitioner/doc-liumin"}]}, "Composition.author"),
    (lambda body: body | {"encounter": {"reference": "Encounter/nowhere"}}, "Composition.encounter"),
    (lambda body: body | {"date": "2026-11-25T07:45:00"}, "Composition.date"),
    (lambda body: body | {"status": "preliminary"}, "Composition.status"),
    (lambda body: body | {"status": "amended"}, "Composition.status"),
    (lambda body: body | {"contained": [body["contained"][0] | {"id": "other"}]}, "Composition.section"),
    (without("处理意见"), "Composition.section"),
    (without("诊断"), "Composition.section"),
    (saying(" "), "Composition.section"),
    (saying("<script>alert(1)</script>"), "Composition.section"),
]


@pytest.mark.parametrize(("change", "element"), WRONG)
async def test_what_is_no_record_is_refused_by_its_element(
    client: Client, hospital: His, visit: Json, change: Callable[[Json], Json], element: str
) -> None:
    answer = await write(client, change(a_record(visit)))

    assert (*refusal(answer), answer.json()["issue"][0]["expression"]) == (422, "invalid", [element])
    assert books(hospital) == []


async def test_it_wants_its_number_in_header_and_body(client: Client, visit: Json) -> None:
    assert refusal(await write(client, a_record(visit), f"identifier={wire.RECORD}|other")) == (400, "required")
    assert refusal(await write(client, a_record(visit, identifier={"system": wire.VISIT, "value": "r1"}))) == (422, "invalid")


async def test_a_record_of_another_visit_is_not_replaced(client: Client, visit: Json) -> None:
    await write(client, a_record(visit))
    other = await an_open_visit(client, "v2", LATER_SLOT)
    replaces = [{"code": "replaces", "targetIdentifier": {"system": wire.RECORD, "value": "r1"}}]

    answer = await write(client, a_record(other, "r2", status="amended", relatesTo=replaces))

    assert answer.json()["issue"][0]["expression"] == ["Composition.relatesTo"]


async def test_only_its_doctors_signature_signs_it(client: Client, hospital: His, visit: Json) -> None:
    record = (await write(client, a_record(visit))).json()
    both = a_provenance([{"id": "x", "requester": record["author"][0]}])["signature"]
    others = both[0] | {"who": {"reference": "Practitioner/doc-liumin"}}

    for signature in (both, both[1:], [others], [both[0] | {"data": "no base64"}], [both[0] | {"when": "today"}]):
        assert refusal(await sign(client, record, signature=signature)) == (409, "not-signed")
    assert refusal(await sign(client, record | {"id": "nowhere"})) == (422, "invalid")
    assert [one["signed"] for one in books(hospital)] == [0]


def test_words_are_read_as_they_were_written() -> None:
    begins = '<div xmlns="http://www.w3.org/1999/xhtml">'

    assert words_of(f"{begins}a &lt; b<br/>c</div>") == "a < b\nc"
    assert words_of("<div>a</div>") == words_of(f'{begins}<b onclick="x">a</b></div>') == ""
