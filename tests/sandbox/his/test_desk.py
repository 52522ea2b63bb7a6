"""The hospital's own side: patients and slots for tests, and what auditors read."""

from typing import Any

import pytest

from sandbox import his
from sandbox.his import id_number, wire
from tests.sandbox.his.client import FHIR, UNIT, Client, Clock, a_payment, a_visit, invoice_of, refusal, value_of
from tests.sandbox.his.conftest import LOCK_S

HALL = {"schedule": UNIT, "start": "2026-11-25T07:00:00+08:00", "end": "2026-11-25T09:00:00+08:00", "capacity": 150, "fee_fen": 12345}


async def test_a_patient_is_registered_with_a_history(client: Client) -> None:
    wish = {
        "name": "钱多多",
        "phone": "13912345678",
        "address": "北京市海淀区",
        "encounters": [{"days_ago": 10}, {"days_ago": 20, "icd10": "J45.9"}],
    }

    answer = await client.http.post("/his/desk/patients", json=wish)
    person = answer.json()

    assert answer.status_code == 201
    assert id_number.is_valid(person["id_number"])
    found = await client.http.post(f"{FHIR}/Patient/_search", data={"identifier": f"{wire.ID_NUMBER}|{person['id_number']}"})
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [person["id"]]
    visits = await client.found("/Encounter", patient=person["id"], _include="Encounter:diagnosis")
    assert [visit["resourceType"] for visit in visits] == ["Encounter", "Encounter", "Condition", "Condition"]
    again = await client.http.post("/his/desk/patients", json=wish | {"id_number": person["id_number"]})
    assert (again.status_code, again.json()["id"]) == (200, person["id"])


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"name": "钱"},
        {"name": "钱多多", "id_number": "110105194912310021"},
        {"name": "钱多多", "encounters": [{"department": "org-x"}]},
    ],
)
async def test_a_wrong_registration_is_refused(client: Client, wish: dict[str, object]) -> None:
    assert refusal(await client.http.post("/his/desk/patients", json=wish)) == (422, "invalid")


async def test_numbers_that_are_made_differ(client: Client) -> None:
    answers = [await client.http.post("/his/desk/patients", json={"name": "钱多多", "gender": "male"}) for _ in range(5)]

    numbers = {answer.json()["id_number"] for answer in answers}
    assert len(numbers) == 5
    assert {id_number.gender(number) for number in numbers} == {"male"}


async def test_a_slot_of_many_places_is_opened(client: Client) -> None:
    answer = await client.http.post("/his/desk/slots", json=HALL)

    assert answer.status_code == 201
    slot = answer.json()
    assert value_of(slot, wire.REMAINING) == 150
    locked = (await client.lock("c1", slot=slot["id"])).json()
    assert invoice_of(locked)["totalGross"] == {"value": 123.45, "currency": "CNY"}
    assert (await client.settle(invoice_of(locked)["id"], a_payment("p1", amount=123.45))).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"schedule": "nowhere"}, 404),
        ({"end": "2026-11-25T10:00:00+08:00"}, 422),
        ({"end": "2026-11-25T06:00:00+08:00"}, 422),
        ({"capacity": 0}, 422),
    ],
)
async def test_a_wrong_slot_is_refused(client: Client, change: dict[str, object], status: int) -> None:
    assert (await client.http.post("/his/desk/slots", json=HALL | change)).status_code == status


async def test_a_slot_that_is_not_there_is_not_stopped(client: Client) -> None:
    assert refusal(await client.http.post("/his/desk/slots/nowhere/stop")) == (404, "not-found")


async def test_the_books_say_what_happened(client: Client, clock: Clock, hospital: his.His) -> None:
    seen = await client.checked_in("c1")
    visit = (await client.create(a_visit("v1", seen))).json()
    gone = (await client.lock("c2", patient="pat-eligible-2")).json()
    clock.forward(seconds=LOCK_S)

    books: dict[str, Any] = hospital.books()

    assert {row["claim_no"]: (row["status"], row["cancel_reason"]) for row in books["appointments"]} == {
        "c1": ("checked-in", None),
        "c2": ("cancelled", "lock-expired"),
    }
    assert {row["id"]: (row["status"], row["total_fen"]) for row in books["invoices"]} == {
        invoice_of(seen)["id"]: ("balanced", 5000),
        invoice_of(gone)["id"]: ("cancelled", 5000),
    }
    [settlement] = books["settlements"]
    assert (settlement["payment_no"], settlement["amount_fen"], settlement["cash_fen"]) == ("pay-c1", 5000, 5000)
    begun = {"visit_no": "v1", "appointment_id": seen["id"], "patient_id": "pat-eligible", "status": "in-progress"}
    begun |= {"practitioner_id": "doc-wangjianguo"}
    assert books["encounters"] == [begun | {"id": visit["id"]}]
    assert [row["remaining"] for row in books["slots"]] == [5]
    newest, oldest = hospital.console()
    assert (newest["患者"], newest["预约"], newest["账单"]) == ("李国强", "已取消", "已作废")
    assert (oldest["患者"], oldest["预约"], oldest["账单"], oldest["金额（元）"]) == ("张秀英", "已报到", "已缴费", "50.00")
