"""线上复诊 → 已结束 over HTTP alone, and what is left of it everywhere: timeline, phone, books, histories, logs."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, key, read, refused, until
from tests.journeys.visit import CONDITION, Visit

FROM_DOCTOR = "您好，最近活动后气短有没有加重？夜间能平卧吗？"
FROM_PATIENT = "医生您好，比上个月好一些，夜里能平卧，晨起痰少。"
REQUEST_ID = "journey-" + key()[:16]
STEPS = [
    *("revisit.open", "eligibility.check", "consent.self_check", "consent.consent", "booking.hold", "intake.describe"),
    *("charge.order", "charge.query", "charge.settle", "booking.book", "queue.check_in", "queue.accept", "queue.enter"),
    *("record.open", "record.request", "record.query", "record.file", "revisit.end", "survey.answer"),
]


@pytest_asyncio.fixture(scope="module")
async def whole(hospital: Hospital) -> AsyncIterator[Visit]:
    """The visit that the tests of this file look at from every side."""
    patient = await hospital.patient()
    visit = await Visit(hospital, patient, await patient.open()).to("choosing")
    offered = await patient.ask("/v1/slots", doctor_id="doc-wangjianguo", limit="100")
    assert hospital.hall in {slot["id"] for slot in offered["items"] if slot["left"] > 0}
    await visit.to("describing")
    photo = read(await patient.upload(f"{visit.path}/files", b"\xff\xd8\xff\xe0" + b"chest" * 100, key=key()))
    await visit.act("describe", {"text": CONDITION, "file_ids": [photo["id"]]})
    await visit.to("booked")
    await visit.act("check-in", **{"X-Request-Id": REQUEST_ID})
    await visit.to("entered")
    await hospital.doctor.act(f"{visit.path}/chat", {"text": FROM_DOCTOR})
    await patient.act(f"{visit.path}/chat", {"text": FROM_PATIENT})
    await visit.to("closed")
    yield visit


async def test_the_timeline_tells_every_step_who_did_it_and_the_money(whole: Visit) -> None:
    story = await whole.timeline()

    assert [step["step"] for step in story["steps"] if step["process"] != "invoice"] == STEPS
    billed = [(step["step"], step["state_text"]) for step in story["steps"] if step["process"] == "invoice"]
    assert billed == [("invoice.issue", "已开具")], "beside the visit, whenever the issuer answers"
    assert [step["by"] for step in story["steps"] if step["step"] in {"queue.check_in", "queue.accept", "survey.answer"}] == [
        *("patient", "doctor", "patient")
    ]
    assert (story["revisit"]["state_text"], story["revisit"]["allowed"], story["revisit"]["due_at"]) == ("已结束", [], None)
    assert [(one["state_text"], one["amount_fen"]) for one in story["money"]] == [("已缴费", 5000)]
    assert story["refunds"] == []


async def test_both_sides_read_the_conversation_and_the_doctor_the_condition(whole: Visit) -> None:
    doctor = whole.hospital.doctor
    for reader in (whole.patient, doctor):
        said = (await reader.ask(f"{whole.path}/chat"))["items"]
        assert [(line["number"], line["side"], line["text"]) for line in said] == [(1, "doctor", FROM_DOCTOR), (2, "patient", FROM_PATIENT)]

    intake = await doctor.ask(f"{whole.path}/intake")
    assert intake["text"] == CONDITION
    [photo] = intake["files"]
    answer = await doctor.get(f"{whole.path}/files/{photo['id']}")
    assert (answer.headers["content-type"], len(answer.content)) == ("image/jpeg", 504)
    mine, theirs = await whole.patient.ask(f"{whole.path}/record"), await whole.record()
    assert mine["record"]["diagnosis_code"] == "J44.900"
    assert (mine["signed"], mine["signing"]) == (theirs["signed"], None)
    assert (mine["signed"]["name"], theirs["signing"]["state_text"]) == ("王建国", "已签名归档")


async def test_the_phone_shows_each_message_once(whole: Visit) -> None:
    phone = whole.patient.card.phone

    async def shown() -> list[str]:
        return [text["template_code"] for text in await whole.hospital.texts(phone)]

    await until("all texts", shown, lambda codes: len(codes) >= 4)
    assert await shown() == ["SMS_SIGN_IN_CODE", "SMS_REVISIT_BOOKED", "SMS_REVISIT_CALLED", "SMS_REVISIT_ENDED"]


async def test_all_books_agree_to_the_fen(whole: Visit) -> None:
    charge = await whole.charge()
    [order] = charge["orders"]
    bank = await whole.hospital.bank(order["order_id"])
    his = await whole.hospital.his()
    [appointment] = await whole.appointments()
    ledger = (await whole.hospital.manager.ask(f"/v1/charges/{charge['id']}/ledger"))["lines"]

    assert [(row["state"], row["total_fen"]) for row in bank["orders"]] == [("SUCCESS", charge["amount_fen"])]
    assert [row["total_fen"] for row in bank["payments"]] == [charge["amount_fen"]]
    bills = {row["id"]: row for row in his["invoices"] if row["appointment_id"] == appointment["id"]}
    assert [(row["status"], row["total_fen"]) for row in bills.values()] == [("balanced", charge["amount_fen"])]
    settled = [row for row in his["settlements"] if row["invoice_id"] in bills]
    assert [(row["channel_no"], row["amount_fen"], row["cash_fen"]) for row in settled] == [
        (bank["payments"][0]["transaction_id"], charge["amount_fen"], charge["amount_fen"])
    ]
    assert appointment["status"] == "fulfilled"
    assert [row["status"] for row in his["encounters"] if row["appointment_id"] == appointment["id"]] == ["finished"]
    assert sum(line["amount_fen"] for line in ledger) == 0
    assert -sum(line["amount_fen"] for line in ledger if line["account"] == "hospital_income") == charge["amount_fen"]
    assert sum(line["amount_fen"] for line in ledger if line["account"] == "wechat_pay") == charge["amount_fen"]


async def test_management_reads_the_story_of_both_runs_with_links(whole: Visit) -> None:
    async def read_history() -> Json:
        return await whole.hospital.manager.ask(f"{whole.path}/history")

    told = await until("both runs", read_history, lambda told: [run["status"] for run in told["runs"]] == ["COMPLETED"] * 4)
    events = (await whole.hospital.manager.ask(f"{whole.path}/history/events"))["events"]

    assert {run["workflow_id"] for run in told["runs"] if run["process"] != "invoice"} == {
        f"revisit/{whole.id}",
        f"charge/{await whole.charge_id()}",
        f"record/{(await whole.record())['signing']['id']}",
    }
    done = [one["name"] for one in told["story"] if one["what"] == "step" and one["process"] != "invoice"]
    assert done == [step for step in STEPS if not step.endswith(".open")]
    who = {one["name"]: one["who"] for one in told["story"] if one["what"] == "wish"}
    assert (who["check_in"], who["accept"]) == ({"kind": "patient", "name": None}, {"kind": "staff", "name": "王建国"})
    [turn] = [one for one in told["story"] if (one["what"], one["name"]) == ("wait", "waiting")]
    assert (turn["title"], turn["waited_for"], turn["outcome"], turn["took_s"] > 0) == ("待接诊", "doctor", "accept", True)
    assert ("charge", "ACTIVITY_TASK_COMPLETED", "charge.settle") in {(one["process"], one["type"], one["name"]) for one in events}
    for link in {one["url"] for one in (*told["runs"], *told["story"], *events)}:
        assert (await whole.hospital.outside.get(link)).status_code == 200
    refused(await whole.patient.get(f"{whole.path}/history"), 403, "account.forbidden")


async def test_no_history_holds_a_personal_value(whole: Visit) -> None:
    stored = await _histories(whole)

    assert whole.id.encode() in stored  # they were read at all
    assert _found(stored, _personal(whole)) == []


async def test_no_log_holds_a_personal_value(whole: Visit) -> None:
    logs = b"".join(path.read_bytes() for path in sorted((whole.hospital.data / "logs").iterdir()))

    assert whole.id.encode() in logs
    assert _found(logs, _personal(whole)) == []


async def test_a_request_is_found_in_the_logs_of_every_part_that_it_reached(whole: Visit) -> None:
    for part, event in (("api", "request.answered"), ("worker", "his.check_in"), ("sandbox", "sandbox.request")):
        lines = [json.loads(line) for line in whole.hospital.log(part).splitlines() if REQUEST_ID in line]
        assert event in {line["event"] for line in lines}, part
        assert {line["visit_id"] for line in lines if line["event"] == event} == {whole.id}, part


async def test_an_open_screen_is_told_of_each_move(hospital: Hospital) -> None:
    visit = await hospital.visit()
    async with visit.patient.following(f"revisit:{visit.id}", f"chat:{visit.id}") as events:
        assert (await anext(events))["event"] == "ready"
        for state in ("choosing", "describing", "paying", "booked", "waiting", "entered"):
            await visit.to(state)
            version = (await visit.now())["version"]
            while (told := await anext(events)).get("version", 0) < version:
                assert told["event"] == "changed"
            assert told["topic"] == f"revisit:{visit.id}"
        await hospital.doctor.act(f"{visit.path}/chat", {"text": FROM_DOCTOR})
        assert (await anext(events))["topic"] == f"chat:{visit.id}"
    assert (await hospital.stranger().get("/v1/events", topics=f"revisit:{visit.id}")).status_code == 401
    refused(await (await hospital.patient()).get("/v1/events", topics=f"revisit:{visit.id}"), 404, "live.missing")


async def _histories(visit: Visit) -> bytes:
    """Every event of every run of the visit, its charge and its record, as Temporal keeps them."""
    client = await Client.connect(visit.hospital.stack.addresses.temporal)
    events: list[HistoryEvent] = []
    record = (await visit.record())["signing"]["id"]
    for id in (f"revisit/{visit.id}", f"charge/{await visit.charge_id()}", f"record/{record}"):
        events += [event async for event in client.get_workflow_handle(id).fetch_history_events()]
    return b"\n".join(event.SerializeToString() for event in events)


def _personal(visit: Visit) -> dict[str, str]:
    card = visit.patient.card
    texts: dict[str, Any] = {"name": card.name, "ID number": card.id_number, "phone": card.phone, "condition": CONDITION}
    return texts | {"doctor's words": FROM_DOCTOR, "patient's words": FROM_PATIENT, "diagnosis": "慢性阻塞性肺疾病"}


def _found(stored: bytes, values: Json) -> list[str]:
    """Which of the values stand there, as they are or escaped as JSON may."""
    return [
        name
        for name, value in values.items()
        if any(form.encode() in stored for form in (value, value[:10], json.dumps(value)[1:-1], json.dumps(value[:10])[1:-1]))
    ]
