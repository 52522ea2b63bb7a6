"""What people and programs send that cannot be granted: each gets a clear problem with a stable code, and nothing has changed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from models.kernel.clock import business_day, now
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Person, key, refused
from tests.journeys.visit import CONDITION, Visit

NOBODY = "0190f0f0-0000-4000-8000-000000000000"
STEPS: dict[str, Json] = {
    "complete": {"supplement_id": NOBODY},
    "relate": {"past_encounter_id": "enc-1"},
    "self-check": {"symptoms": []},
    "consent": {"text_version": "1", "text_hash": "0" * 64},
    "choose-slot": {"slot_id": "slot-1"},
    "describe": {"text": CONDITION},
    "cancel": {},
    "check-in": {},
    "enter": {},
}
"""Of the patient, each with a body that its route can read."""
OF_DOCTOR: dict[str, Json] = {"accept": {}, "decline": {"reason": "in_person"}, "end": {}}
OF_FINANCE: dict[str, Json] = {"retry": {}, "hand-over": {"office": "finance"}, "pay-out": {"voucher": "2026-0001"}, "withdraw": {}}
READ = ("", "/timeline", "/past-visits", "/queue", "/intake", "/chat", "/record", f"/files/{NOBODY}")


@pytest_asyncio.fixture(scope="module")
async def booked(hospital: Hospital) -> AsyncIterator[Visit]:
    """A visit that nobody here may touch, or not like this."""
    yield await hospital.visit("booked")


async def unchanged(visit: Visit, before: Json) -> None:
    assert await visit.timeline() == before


# Whose it is


async def test_unknown_ids_are_not_there(hospital: Hospital, booked: Visit) -> None:
    patient = booked.patient
    for path in READ[:-1]:
        reader = patient if path != "/intake" else hospital.doctor
        refused(await reader.get(f"/v1/revisits/{NOBODY}{path}"), 404, "revisit.missing")
    for step, body in STEPS.items():
        refused(await patient.post(f"/v1/revisits/{NOBODY}/{step}", body, key=key()), 404, "revisit.missing")
    for step, body in OF_DOCTOR.items():
        refused(await hospital.doctor.post(f"/v1/revisits/{NOBODY}/{step}", body, key=key()), 404, "revisit.missing")
    for action, body in OF_FINANCE.items():
        refused(await hospital.finance.post(f"/v1/refunds/{NOBODY}/{action}", body, key=key()), 404, "refund.missing")
    refused(await patient.post(f"/v1/patients/{NOBODY}/revisits", {}, key=key()), 404, "patient.missing")
    refused(await patient.get(f"/v1/charges/{NOBODY}"), 404, "charge.missing")
    refused(await patient.post(f"/v1/charges/{NOBODY}/orders", {"scene": "native"}, key=key()), 404, "charge.missing")
    refused(await hospital.manager.get(f"/v1/charges/{NOBODY}/ledger"), 404, "charge.missing")
    refused(await hospital.manager.get(f"/v1/revisits/{NOBODY}/history"), 404, "revisit.missing")
    refused(await hospital.doctor.get("/v1/queue/sch-of-nobody"), 404, "queue.missing")


@pytest.mark.parametrize("id", ["1", "not-an-id", "0190f0f0-0000-4000-8000-00000000000g", "%00", "..%2f..%2fetc", "🫁", "a" * 3000])
async def test_what_is_no_id_is_not_there_either(booked: Visit, id: str) -> None:
    answer = await booked.patient.get(f"/v1/revisits/{id}")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) in {(404, "request.missing"), (404, "request.no_route"), (400, "request.malformed")}


async def test_another_patients_visit_is_not_there(hospital: Hospital, booked: Visit) -> None:
    before, charge, other = await booked.timeline(), await booked.charge_id(), await hospital.patient()
    for path in READ:
        refused(await other.get(booked.path + path), 404, "revisit.missing")
    for step, body in STEPS.items():
        refused(await other.post(f"{booked.path}/{step}", body, key=key()), 404, "revisit.missing")
    refused(await other.post(f"{booked.path}/chat", {"text": "您好"}, key=key()), 404, "revisit.missing")
    refused(await other.upload(f"{booked.path}/files", b"%PDF-1.7", key=key()), 404, "revisit.missing")
    refused(await other.get(f"/v1/charges/{charge}"), 404, "charge.missing")
    refused(await other.post(f"/v1/charges/{charge}/orders", {"scene": "native"}, key=key()), 404, "charge.missing")
    for path in ("", "/revisits"):
        refused(await other.get(f"/v1/patients/{booked.patient.id}{path}"), 404, "patient.missing")
    refused(await other.post(f"/v1/patients/{booked.patient.id}/revisits", {}, key=key()), 404, "patient.missing")
    await unchanged(booked, before)


async def test_another_doctors_visit_is_not_there(hospital: Hospital, booked: Visit) -> None:
    before, other = await booked.timeline(), hospital.other_doctor
    assert (await hospital.doctor.ask(booked.path))["allowed"] == []  # it is there for its own
    assert booked.id not in str(await other.ask("/v1/queue"))
    for path in ("", "/timeline", "/intake", "/chat", "/record", f"/files/{NOBODY}"):
        refused(await other.get(booked.path + path), 404, "revisit.missing")
    for step, body in OF_DOCTOR.items():
        refused(await other.post(f"{booked.path}/{step}", body, key=key()), 404, "revisit.missing")
    refused(await other.post(f"{booked.path}/chat", {"text": "您好"}, key=key()), 404, "revisit.missing")
    refused(await other.record(booked.id), 404, "revisit.missing")
    refused(await other.get(f"/v1/queue/{hospital.unit['schedule_id']}"), 404, "queue.missing")
    await unchanged(booked, before)


async def test_each_role_has_its_own_actions(hospital: Hospital, booked: Visit) -> None:
    before = await booked.timeline()
    for person in (hospital.doctor, hospital.manager):
        for step, body in STEPS.items():
            refused(await person.post(f"{booked.path}/{step}", body, key=key()), 403, "account.forbidden")
        refused(await person.post(f"/v1/patients/{booked.patient.id}/revisits", {}, key=key()), 403, "account.forbidden")
    for step, body in OF_DOCTOR.items():
        refused(await booked.patient.post(f"{booked.path}/{step}", body, key=key()), 403, "account.forbidden")
        if step != "decline":
            refused(await hospital.manager.post(f"{booked.path}/{step}", body, key=key()), 403, "account.forbidden")
    for person, reason in ((hospital.manager, "in_person"), (hospital.doctor, "hospital")):  # each gives back for reasons of their own
        refused(await person.post(f"{booked.path}/decline", {"reason": reason}, key=key()), 422, "decline.reason")
    for person in (booked.patient, hospital.doctor):  # money goes back by the hand of finance or management, whosever it is
        refused(await person.get("/v1/refunds"), 403, "account.forbidden")
        refused(await person.post(f"/v1/charges/{await booked.charge_id()}/refunds", {}, key=key()), 403, "account.forbidden")
        for action, body in OF_FINANCE.items():
            refused(await person.post(f"/v1/refunds/{NOBODY}/{action}", body, key=key()), 403, "account.forbidden")
    for step, body in STEPS.items():
        refused(await hospital.stranger().post(f"{booked.path}/{step}", body, key=key()), 401, "account.anonymous")
    for path in ("/intake", "/chat", "/record"):  # management sees the process, not the record
        refused(await hospital.manager.get(booked.path + path), 403, "account.forbidden")
    await unchanged(booked, before)


# When it is not their turn


async def test_out_of_turn_is_told_with_what_may_be_done(hospital: Hospital, booked: Visit) -> None:
    before = await booked.timeline()
    for step, body in STEPS.items():
        if step not in {"check-in", "cancel"}:
            problem = refused(await booked.attempt(step, body), 409, "revisit.not_now")
            assert problem["params"] == {"state": "booked", "allowed": ["cancel", "check_in"]}, step
    for step, body in OF_DOCTOR.items():
        refused(await hospital.doctor.post(f"{booked.path}/{step}", body, key=key()), 409, "revisit.not_now")
    refused(await hospital.finance.post(f"/v1/charges/{await booked.charge_id()}/refunds", {}, key=key()), 409, "refund.visit_open")
    ordered = await booked.patient.post(f"/v1/charges/{await booked.charge_id()}/orders", {"scene": "native"}, key=key())
    assert refused(ordered, 409, "charge.not_now")["params"]["allowed"] == []
    refused(await booked.attempt("chat", {"text": "您好"}), 409, "chat.not_now")
    refused(await hospital.doctor.post(f"{booked.path}/chat", {"text": "您好"}, key=key()), 409, "chat.not_now")
    refused(await hospital.doctor.record(booked.id), 409, "record.not_now")
    refused(await booked.patient.upload(f"{booked.path}/files", b"%PDF-1.7", key=key()), 409, "intake.not_now")
    await unchanged(booked, before)


# One wish, one key


async def test_a_second_click_is_the_first_answer_and_another_wish_comes_too_late(hospital: Hospital) -> None:
    visit = await hospital.visit("choosing")
    mine, body = key(), {"slot_id": hospital.hall}
    first = await visit.attempt("choose-slot", body, under=mine)
    assert first.status_code == 200
    assert "Idempotency-Replayed" not in first.headers

    clicks = await asyncio.gather(*(visit.attempt("choose-slot", body, under=mine) for _ in range(5)))

    assert [click.json() for click in clicks] == [first.json()] * 5
    assert {click.headers["Idempotency-Replayed"] for click in clicks} == {"true"}
    refused(await visit.attempt("choose-slot", body), 409, "revisit.not_now")
    refused(await visit.attempt("choose-slot", {"slot_id": "slot-of-nobody"}, under=mine), 422, "request.key_reused")
    assert len(await visit.appointments()) == 1
    await visit.act("cancel")
    assert (await visit.attempt("choose-slot", body, under=mine)).json() == first.json()  # the first answer, long after


async def test_many_clicks_at_once_are_one_wish(hospital: Hospital) -> None:
    patient, mine = await hospital.patient(), key()
    opened = await asyncio.gather(*(patient.post(f"/v1/patients/{patient.id}/revisits", {}, key=mine) for _ in range(6)))
    assert len({answer.json()["id"] for answer in opened}) == 1
    assert sorted("Idempotency-Replayed" in answer.headers for answer in opened) == [False] + [True] * 5
    refused(await patient.post(f"/v1/patients/{patient.id}/revisits", {"past_encounter_id": "enc-1"}, key=mine), 422, "request.key_reused")
    visit = await Visit(hospital, patient, opened[0].json()["id"]).to("paying")

    mine = key()
    path = f"/v1/charges/{await visit.charge_id()}/orders"
    orders = await asyncio.gather(*(patient.post(path, {"scene": "native"}, key=mine) for _ in range(4)))
    assert {answer.status_code for answer in orders} <= {200, 202}
    assert len((await visit.charge())["orders"]) == 1
    await patient.act(path, {"scene": "native"})  # another wish to pay is answered with the open order
    assert len((await visit.charge())["orders"]) == 1
    await visit.act("cancel")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({}, 400, "request.key_missing"),
        ({"Idempotency-Key": ""}, 400, "request.key_missing"),
        ({"Idempotency-Key": "k" * 256}, 400, "request.key_malformed"),
        ({"Idempotency-Key": "a\tb"}, 400, "request.key_malformed"),
        ({"Idempotency-Key": "é".encode("latin-1").decode("latin-1")}, 400, "request.key_malformed"),
    ],
)
async def test_a_wish_needs_its_key(booked: Visit, given: dict[str, str], status: int, code: str) -> None:
    headers: Any = {name: value.encode("latin-1") for name, value in given.items()}
    for path in (f"{booked.path}/check-in", f"/v1/patients/{booked.patient.id}/revisits", "/v1/patients"):
        refused(await booked.patient.send("POST", path, json={}, headers=headers), status, code)


# Form


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "request.malformed"),
        (b"", "application/json", 422, "request.invalid"),
        (b"[]", "application/json", 422, "request.invalid"),
        (b"null", "application/json", 422, "request.invalid"),
        (b"\xff\xfe{}", "application/json", 400, "request.malformed"),
        (b"[" * 100_000, "application/json", 400, "request.malformed"),
        (b'{"text": ' + b'"' + b"a" * (1 << 20) + b'"}', "application/json", 413, "request.too_large"),
        (b'{"text": "x"}', "text/plain", 415, "request.media_type"),
        (b"text=x", "application/x-www-form-urlencoded", 415, "request.media_type"),
        (b"<text/>", "application/xml", 415, "request.media_type"),
    ],
)
async def test_what_cannot_be_read_is_refused_as_such(booked: Visit, content: bytes, kind: str, status: int, code: str) -> None:
    headers = {"Content-Type": kind, "Idempotency-Key": key()}

    answer = await booked.patient.send("POST", f"{booked.path}/describe", content=content, headers=headers)

    refused(answer, status, code)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "一" * 2001, "咳嗽\x00三天", "咳嗽\x07三天", "咳嗽\x1b[31m三天", "\u202e反写的文字", "\ud800咳嗽三天", 7, None, ["咳嗽"]],
    ids=["empty", "blank", "2001", "NUL", "BEL", "ESC", "RTL override", "lone surrogate", "number", "null", "list"],
)
async def test_text_that_cannot_be_kept_is_refused_with_its_field(booked: Visit, text: object) -> None:
    import json

    content = json.dumps({"text": text}).encode()  # escapes a surrogate, as a program would send it
    headers = {"Content-Type": "application/json", "Idempotency-Key": key()}
    for step in ("describe", "chat"):
        problem = refused(
            await booked.patient.send("POST", f"{booked.path}/{step}", content=content, headers=headers), 422, "request.invalid"
        )
        assert [one["field"] for one in problem["fields"]] == ["text"]


async def test_money_is_never_taken_from_a_client(booked: Visit) -> None:
    before, charge = await booked.timeline(), await booked.charge_id()
    for path, body in (
        (f"/v1/charges/{charge}/orders", {"scene": "native", "amount_fen": 1}),
        (f"/v1/charges/{charge}/orders", {"scene": "native", "total": 1, "currency": "CNY"}),
        (f"{booked.path}/describe", {"text": CONDITION, "fee_fen": 0}),
        (f"{booked.path}/choose-slot", {"slot_id": "slot-1", "price": "0.01"}),
        (f"/v1/patients/{booked.patient.id}/revisits", {"charge_id": charge, "paid": True}),
    ):
        problem = refused(await booked.patient.post(path, body, key=key()), 422, "request.invalid")
        assert {one["fault"] for one in problem["fields"]} == {"extra_forbidden"}
    for body in ({"scene": "jsapi"}, {"scene": "alipay"}, {}):
        refused(await booked.patient.post(f"/v1/charges/{charge}/orders", body, key=key()), 422, "request.invalid")
    await unchanged(booked, before)


async def test_days_that_are_over_or_too_far_are_told(booked: Visit) -> None:
    today = business_day(now())
    for path in ("/v1/slots", "/v1/departments"):
        problem = refused(await booked.patient.get(path, on=(today - timedelta(days=1)).isoformat()), 422, "schedule.past")
        assert problem["params"]["today"] == today.isoformat()
        refused(await booked.patient.get(path, on=(today + timedelta(days=400)).isoformat()), 422, "schedule.too_far")
        for nonsense in ("2026-02-30", "yesterday", "0000-00-00", ""):
            refused(await booked.patient.get(path, on=nonsense), 422, "request.invalid")
    for parameters in ({"limit": "0"}, {"limit": "101"}, {"limit": "many"}, {"doctor_id": "doc'; drop table slot; --"}):
        refused(await booked.patient.get("/v1/slots", **parameters), 422, "request.invalid")
    for cursor in ("nonsense", "eyJhIjoxfQ", "%00", "A" * 300):
        assert (await booked.patient.get("/v1/slots", after=cursor)).json()["code"] in {"request.cursor", "request.malformed"}


async def test_signing_in_with_nonsense(hospital: Hospital) -> None:
    nobody: Person = hospital.stranger()
    for phone in ("12345", "010-12345678", "+1 415 555 2671", "1380013800\x00", "", 13800138000):
        refused(await nobody.send("POST", "/v1/account/codes", json={"phone": phone}), 422, "request.invalid")
    refused(await nobody.send("POST", "/v1/account/sessions", json={"phone": "13800138000", "code": "000000"}), 401, "account.code_refused")
    for token in ("", "Bearer", "Bearer " + "x" * 5000, "Basic YTpi", "Bearer nonsense"):
        refused(await nobody.send("GET", "/v1/account", headers={"Authorization": token}), 401, "account.anonymous")
    for login in ("nobody", "wangjianguo"):
        body = {"login": login, "password": "wrong"}
        refused(await nobody.send("POST", "/v1/account/staff/codes", json=body), 401, "account.credentials")
