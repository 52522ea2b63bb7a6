"""电子票据 over HTTP: a patient's own with check code, QR code and PDF, the office's tasks, and nobody else's."""

import base64
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import select

from api.wiring import Wiring
from models.account import Role
from models.invoice import InvoiceState
from models.kernel import ids
from models.patient import Relation
from models.revisit import State
from models.stores import patient as patients
from models.stores.database import Database
from models.tables.invoice import InvoiceRow
from models.tables.process import AuditRow
from tests.account.builders import patient_signed_in, signed_in, staff_signed_in
from tests.builders import FEE_FEN, NAME
from tests.client import Hands, key, speaking, wiring
from tests.invoice.builders import all_walk, bill, booked, cancelled, walks
from tests.process.hospital import FILES, Hospital
from tests.process.visit import Visit, opened
from tests.record.builders import Headers


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands) -> AsyncIterator[httpx.AsyncClient]:
    """The API that has the same object storage as the worker."""
    parts = await wiring(database, clock)
    settings = parts.settings.model_copy(update={"files_dir": FILES})
    async with speaking(Wiring(settings=settings, database=database, temporal=parts.temporal, clock=clock, live=parts.live)) as client:
        yield client


@pytest_asyncio.fixture
async def finance(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.FINANCE)
    return headers


async def payer(hospital: Hospital, clock: Hands, visit: Visit) -> Headers:
    return await signed_in(hospital.database, clock, visit.person.account_id)


async def read(api: httpx.AsyncClient, path: str, headers: Headers) -> Any:
    answer = await api.get(f"/v1{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(api: httpx.AsyncClient, path: str, headers: Headers) -> tuple[int, str]:
    answer = await api.get(f"/v1{path}", headers=headers)
    return answer.status_code, answer.json()["code"]


async def reads_of(database: Database, invoice_id: UUID) -> list[str | None]:
    """Why others than the payer have read a bill."""
    async with database.reading() as db:
        return list(await db.scalars(select(AuditRow.purpose).where(AuditRow.subject_id == invoice_id, AuditRow.action == "invoice:read")))


async def test_a_payer_has_a_bill_with_all_that_verifies_it(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    waiting = (await read(api, f"/patients/{visit.person.patient_id}/invoices", me))["items"]
    assert [(one["state_text"], one["number"]) for one in waiting] == [("开具中", None)]
    await walks(desk)

    [listed] = (await read(api, f"/patients/{visit.person.patient_id}/invoices", me))["items"]
    one = await read(api, f"/invoices/{desk.id}", me)
    [kept] = hospital.issuer.bills.values()
    assert (one["state_text"], one["code"], one["number"], one["check_code"]) == (
        "已开具",
        kept.bill.code,
        kept.bill.number,
        kept.bill.check_code,
    )
    assert (one["title"], one["total_fen"], one["fund_fen"], one["account_fen"], one["cash_fen"]) == ("医事服务费", FEE_FEN, 0, 0, FEE_FEN)
    assert base64.b64decode(one["qr"].removeprefix("data:image/png;base64,")) == kept.bill.qr
    assert listed == {name: value for name, value in one.items() if name != "qr"}
    assert await read(api, f"/charges/{visit.charge.id}/invoices", me) == [listed]
    assert await reads_of(hospital.database, desk.id) == []


async def test_the_pdf_is_the_issuers_and_it_is_asked_once(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    assert await refused(api, f"/invoices/{desk.id}/pdf", me) == (409, "invoice.no_pdf")
    await walks(desk)

    answers = [await api.get(f"/v1/invoices/{desk.id}/pdf", headers=me) for _ in range(2)]

    assert all(one.status_code == 200 and one.headers["content-type"] == "application/pdf" for one in answers)
    assert all(io.BytesIO(one.content).read(5) == b"%PDF-" for one in answers)
    assert (answers[0].headers["x-content-type-options"], hospital.issuer.times("picture")) == ("nosniff", 1)


async def test_a_pdf_that_is_not_there_any_more_is_told(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    """Of the bill, and of what undid it."""
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    await walks(desk)
    await cancelled(visit)
    await all_walk(hospital, visit)
    async with hospital.database.reading() as db:
        row = (await db.scalars(select(InvoiceRow).where(InvoiceRow.id == desk.id))).one()
    for name in (row.file, row.red_file):
        (FILES / str(name)).unlink()

    with structlog.testing.capture_logs() as lines:
        for path in ("pdf?reversed=true", "red/pdf"):
            assert await refused(api, f"/invoices/{desk.id}/{path}", me) == (409, "file.unreadable")
    assert [(one["event"], one["file"]) for one in lines if one["log_level"] == "error"] == [
        ("file.unreadable", row.file),
        ("file.unreadable", row.red_file),
    ]


async def test_what_went_back_is_seen_as_undone_with_its_red_bill(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    me = await payer(hospital, clock, visit)
    await all_walk(hospital, visit)
    await cancelled(visit)
    await all_walk(hospital, visit)

    [one] = (await read(api, f"/patients/{visit.person.patient_id}/invoices", me))["items"]
    [kept] = hospital.issuer.bills.values()
    assert kept.red is not None
    assert (one["state_text"], one["red_number"], one["has_pdf"]) == ("已冲红", kept.red.number, True)
    assert (one["red_check_code"], datetime.fromisoformat(one["reversed_at"])) == (kept.red.check_code, kept.red.at)
    story = await read(api, f"/revisits/{visit.id}/timeline", me)
    assert [(step["title"], step["state_text"]) for step in story["steps"] if step["process"] == "invoice"] == [
        ("开具电子票据", "已开具"),
        ("冲红电子票据", "已冲红（费用已全额退回）"),
    ]


async def test_the_pdf_of_an_undone_bill_is_not_taken_for_a_valid_one(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    await walks(desk)
    valid = await api.get(f"/v1/invoices/{desk.id}/pdf?reversed=true", headers=me)
    await cancelled(visit)
    await all_walk(hospital, visit)
    [kept] = hospital.issuer.bills.values()
    assert kept.red is not None

    answer = await api.get(f"/v1/invoices/{desk.id}/pdf", headers=me)
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice.reversed")
    assert "已冲红" in answer.json()["title"]
    assert answer.json()["params"]["red_number"] == kept.red.number
    asked_for = await api.get(f"/v1/invoices/{desk.id}/pdf?reversed=true", headers=me)
    assert (asked_for.status_code, asked_for.content) == (200, valid.content), "the issuer's file is not ours to alter"
    assert quote("已冲红.pdf") in asked_for.headers["content-disposition"]
    assert quote("已冲红") not in valid.headers["content-disposition"]


async def test_the_red_bill_has_a_pdf_of_its_own(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    await walks(desk)
    assert await refused(api, f"/invoices/{desk.id}/red/pdf", me) == (409, "invoice.no_red_pdf")
    await cancelled(visit)
    await all_walk(hospital, visit)
    [kept] = hospital.issuer.bills.values()
    assert kept.red is not None

    answer = await api.get(f"/v1/invoices/{desk.id}/red/pdf", headers=me)

    assert (answer.status_code, kept.red.number.encode() in answer.content) == (200, True)
    assert quote("红票") in answer.headers["content-disposition"]
    assert (await read(api, f"/invoices/{desk.id}", me))["has_red_pdf"]


async def test_a_red_bill_without_a_pdf_undoes_all_the_same(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    visit = await booked(hospital)
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    await walks(desk)
    await cancelled(visit)
    hospital.issuer.silent("picture")
    assert await all_walk(hospital, visit) == [InvoiceState.ISSUED, InvoiceState.VOID]

    one = await read(api, f"/invoices/{desk.id}", me)
    assert (one["state_text"], one["has_red_pdf"], one["red_number"] is not None) == ("已冲红", False, True)


async def test_an_unsettled_charge_has_no_bill_and_says_so(
    api: httpx.AsyncClient, hospital: Hospital, clock: Hands, finance: Headers
) -> None:
    visit = await (await opened(hospital)).to(State.PAYING)
    path = f"/charges/{visit.charge.id}/invoices"

    assert await refused(api, path, await payer(hospital, clock, visit)) == (409, "invoice.not_settled")
    answer = await api.post(f"/v1{path}", headers=finance | key())
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice.not_settled")
    assert "尚未完成结算" in answer.text


async def test_anothers_bill_is_not_there(api: httpx.AsyncClient, hospital: Hospital, clock: Hands, database: Database) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    await walks(desk)
    _, other = await patient_signed_in(database, clock)
    _, doctor = await staff_signed_in(database, clock, Role.DOCTOR)

    for path in (f"/invoices/{desk.id}", f"/invoices/{desk.id}/pdf", f"/invoices/{desk.id}/red/pdf", f"/invoices/{ids.new()}"):
        assert await refused(api, path, other) == (404, "invoice.missing")
    assert await refused(api, f"/charges/{visit.charge.id}/invoices", other) == (404, "charge.missing")
    assert await refused(api, f"/patients/{visit.person.patient_id}/invoices", other) == (404, "patient.missing")
    assert await refused(api, f"/invoices/{desk.id}", doctor) == (403, "account.forbidden")
    assert await refused(api, "/invoices", other) == (403, "account.forbidden")


async def test_who_knows_name_and_number_reads_no_bill_of_another_account(
    api: httpx.AsyncClient, hospital: Hospital, clock: Hands, database: Database
) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    await walks(desk)
    account_id, other = await patient_signed_in(database, clock)
    async with database.transaction() as db:
        await patients.bind(db, account_id, NAME, visit.person.id_number, Relation.OTHER, clock())

    path = f"/patients/{visit.person.patient_id}/invoices"
    assert len((await read(api, path, await payer(hospital, clock, visit)))["items"]) == 1
    assert await read(api, path, other) == {"items": [], "next": None}
    assert await refused(api, f"/invoices/{desk.id}", other) == (404, "invoice.missing")


async def test_the_office_reads_any_after_an_audit_row(api: httpx.AsyncClient, hospital: Hospital, finance: Headers) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    await walks(desk)

    await read(api, f"/invoices/{desk.id}", finance)
    await api.get(f"/v1/invoices/{desk.id}/pdf", headers=finance)

    assert await reads_of(hospital.database, desk.id) == ["finance", "finance"]


async def test_the_office_finds_a_bill_by_its_numbers_or_those_of_its_red_one(
    api: httpx.AsyncClient, hospital: Hospital, finance: Headers
) -> None:
    visit, other = await booked(hospital), await booked(hospital)
    await walks(await bill(hospital, other))
    desk = await bill(hospital, visit)
    await walks(desk)
    await cancelled(visit)
    await all_walk(hospital, visit)
    kept = hospital.issuer.bills[desk.id.hex]
    assert kept.red is not None

    for one in (kept.bill, kept.red):
        [found] = (await read(api, f"/invoices?bill={one.code}-{one.number}", finance))["items"]
        assert (found["id"], found["state_text"], found["process_state"]) == (str(desk.id), "已冲红", "issued")
    assert (await read(api, f"/invoices?bill={kept.bill.code}-9999999999", finance))["items"] == []
    assert await refused(api, "/invoices?bill=9999", finance) == (422, "request.invalid")


async def test_what_the_issuer_refused_is_a_task_of_the_office(
    api: httpx.AsyncClient, hospital: Hospital, clock: Hands, finance: Headers
) -> None:
    visit = await booked(hospital)
    hospital.issuer.refuses("issue", "invoice.E0104")
    desk = await bill(hospital, visit)
    assert await walks(desk) is InvoiceState.REFUSED

    [task] = (await read(api, "/invoices", finance))["items"]
    assert (task["id"], task["trouble"], task["allowed"]) == (str(desk.id), "invoice.E0104", ["retry"])
    assert "申领票号" in task["trouble_text"]
    [seen] = (await read(api, f"/patients/{visit.person.patient_id}/invoices", await payer(hospital, clock, visit)))["items"]
    assert (seen["state_text"], "trouble" in seen) == ("开具中", False)
    answer = await api.post(f"/v1/charges/{visit.charge.id}/invoices", headers=finance | key())
    assert answer.json()["code"] == "invoice.issued_already"


async def test_what_was_given_back_before_there_was_a_bill_waits_for_none(
    api: httpx.AsyncClient, hospital: Hospital, clock: Hands, finance: Headers
) -> None:
    visit = await booked(hospital)
    hospital.issuer.refuses("issue", "invoice.E0104")
    desk, me = await bill(hospital, visit), await payer(hospital, clock, visit)
    await walks(desk)
    await cancelled(visit)
    await desk.news()

    assert (await read(api, f"/invoices/{desk.id}", me))["state_text"] == "不再开具"
    assert await refused(api, f"/invoices/{desk.id}/pdf", me) == (409, "invoice.void")
    [ended] = (await read(api, "/invoices?standing=ended", finance))["items"]
    assert (ended["state_text"], ended["process_state"]) == ("不再开具", "void")


async def test_pages(api: httpx.AsyncClient, hospital: Hospital, clock: Hands) -> None:
    first = await booked(hospital)
    visits = [first, await (await opened(hospital, person=first.person)).to(State.BOOKED)]
    path = f"/patients/{first.person.patient_id}/invoices"
    me = await payer(hospital, clock, first)

    page = await read(api, f"{path}?limit=1", me)
    rest = await read(api, f"{path}?limit=1&after={page['next']}", me)

    assert {one["revisit_id"] for one in (*page["items"], *rest["items"])} == {str(visit.id) for visit in visits}
    assert rest["next"] is None
    assert await refused(api, f"{path}?after=nonsense", me) == (400, "request.cursor")


@pytest.mark.parametrize("path", ["retry", "pdf"])
async def test_who_is_not_signed_in_is_let_into_nothing(api: httpx.AsyncClient, path: str) -> None:
    answer = await (api.post if path == "retry" else api.get)(f"/v1/invoices/{ids.new()}/{path}")

    assert answer.status_code == 401
