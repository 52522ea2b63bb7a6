"""What was settled is given back once, in whole or in part, and what has been done for the money is not."""

import asyncio
from pathlib import Path

import pytest

from sandbox import his
from sandbox.faults import Faults
from sandbox.his import tables, wire
from sandbox.settings import Settings
from sandbox.store import Store
from tests.sandbox.his.client import SLOT, Client, Clock, Json, a_payment, a_refund, a_visit, invoice_of, refusal
from tests.sandbox.his.conftest import LOCK_S


async def bill(client: Client, invoice: str) -> Json:
    return await client.get(f"/Invoice/{invoice}")


async def test_reversing_cancels_the_bill_and_the_booking_and_frees_the_place(client: Client) -> None:
    booked = await client.booked("c1")
    invoice = invoice_of(booked)["id"]
    assert await client.remaining() == 5

    answer = await client.reverse(invoice, a_refund("r1"))

    assert (answer.status_code, answer.json()["resourceType"], answer.json()["status"]) == (200, "Invoice", "cancelled")
    assert answer.json()["totalGross"] == {"value": 50.0, "currency": "CNY"}
    assert answer.headers["etag"] == 'W/"3"'
    ended = await client.get(f"/Appointment/{booked['id']}")
    assert (ended["status"], ended["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "refunded")
    assert await client.remaining() == 6
    assert (await client.lock("c2")).status_code == 201


async def test_the_same_refund_again_is_done_once(client: Client) -> None:
    invoice = invoice_of(await client.booked("c1"))["id"]

    answers = await asyncio.gather(*(client.reverse(invoice, a_refund("r1")) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.text for answer in answers}) == 1
    assert len(await client.found("/PaymentReconciliation", identifier=f"{wire.REFUND}|r1")) == 1
    assert refusal(await client.reverse(invoice, a_refund("r1", 49.0))) == (409, "amount-differs")
    assert refusal(await client.reverse(invoice, a_refund("r1", legs={"fund": 50.0}))) == (409, "amount-differs")
    another = invoice_of(await client.booked("c2"))["id"]
    assert refusal(await client.reverse(another, a_refund("r1"))) == (422, "invalid")


async def test_whether_a_refund_was_taken(client: Client) -> None:
    locked = (await client.lock("c1")).json()
    invoice = invoice_of(locked)["id"]
    await client.settle(invoice, a_payment("p1", legs={"cash": 20.5, "account": 19.49, "fund": 10.01}))
    assert await client.found("/PaymentReconciliation", identifier=f"{wire.REFUND}|r1") == []

    await client.reverse(invoice, a_refund("r1", legs={"cash": 20.5, "account": 19.49, "fund": 10.01}))

    [taken] = await client.found("/PaymentReconciliation", identifier=f"{wire.REFUND}|r1")
    assert taken["paymentAmount"] == {"value": -50.0, "currency": "CNY"}
    assert {line["type"]["coding"][0]["code"]: line["amount"]["value"] for line in taken["detail"]} == {
        "cash": -20.5,
        "account": -19.49,
        "fund": -10.01,
    }
    assert {line["predecessor"]["value"] for line in taken["detail"]} == {"p1"}
    [payment] = await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|p1")
    assert payment["paymentAmount"] == {"value": 50.0, "currency": "CNY"}
    both = await client.found("/PaymentReconciliation", request=f"Invoice/{invoice}")
    assert sorted(one["paymentAmount"]["value"] for one in both) == [-50.0, 50.0]
    assert await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|r1") == []
    assert [one["id"] for one in await client.found("/PaymentReconciliation", identifier=f"{wire.REFUND}|")] == [taken["id"]]


async def test_parts_leave_the_booking_until_nothing_is_left(client: Client) -> None:
    booked = await client.booked("c1")
    invoice = invoice_of(booked)["id"]

    part = (await client.reverse(invoice, a_refund("r1", 20.0))).json()

    assert (part["status"], part["totalGross"]["value"], part["totalNet"]["value"]) == ("balanced", 30.0, 30.0)
    prices = {price["type"]: price["amount"]["value"] for price in part["lineItem"][0]["priceComponent"]}
    assert prices == {"base": 50.0, "deduction": 20.0}
    assert (await client.get(f"/Appointment/{booked['id']}"))["status"] == "booked"
    assert await client.remaining() == 5
    assert (await client.settle(invoice, a_payment("pay-c1"))).status_code == 200, "the payment was taken, and still is"
    assert refusal(await client.reverse(invoice, a_refund("r2", 30.01))) == (409, "amount-differs")
    assert refusal(await client.reverse(invoice, a_refund("r2", 0.0))) == (422, "invalid")

    assert (await client.reverse(invoice, a_refund("r2", 30.0))).json()["status"] == "cancelled"
    assert (await client.get(f"/Appointment/{booked['id']}"))["status"] == "cancelled"
    assert (await client.reverse(invoice, a_refund("r1", 20.0))).json()["status"] == "cancelled"


async def test_what_was_paid_by_one_leg_goes_back_to_that_one(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]
    await client.settle(invoice, a_payment("p1", legs={"cash": 30.0, "fund": 20.0}))

    assert refusal(await client.reverse(invoice, a_refund("r1", 50.0))) == (409, "amount-differs")
    assert (await client.reverse(invoice, a_refund("r1", 20.0, legs={"fund": 20.0}))).status_code == 200
    assert refusal(await client.reverse(invoice, a_refund("r2", 10.0, legs={"fund": 10.0}))) == (409, "amount-differs")


async def test_another_number_after_the_whole_is_refused(client: Client) -> None:
    invoice = invoice_of(await client.booked("c1"))["id"]
    await client.reverse(invoice, a_refund("r1"))

    assert refusal(await client.reverse(invoice, a_refund("r2"))) == (409, "already-reversed")


async def test_a_settlement_that_comes_after_the_reversal_is_refused(client: Client) -> None:
    invoice = invoice_of(await client.booked("c1"))["id"]
    await client.reverse(invoice, a_refund("r1"))

    for number in ("pay-c1", "p2"):
        assert refusal(await client.settle(invoice, a_payment(number))) == (409, "already-reversed")
    assert (await bill(client, invoice))["status"] == "cancelled"


async def test_what_was_never_settled_is_not_reversed(client: Client, clock: Clock) -> None:
    locked = invoice_of((await client.lock("c1")).json())["id"]
    assert refusal(await client.reverse(locked, a_refund("r1"))) == (409, "not-settled")
    clock.forward(seconds=LOCK_S)
    assert refusal(await client.reverse(locked, a_refund("r1"))) == (409, "not-settled")
    assert refusal(await client.reverse("nowhere", a_refund("r1"))) == (404, "not-found")
    assert await client.found("/PaymentReconciliation") == []


async def test_after_check_in_it_is_reversed_all_the_same(client: Client) -> None:
    reported = await client.checked_in("c1")
    assert (await client.reverse(invoice_of(reported)["id"], a_refund("r1"))).status_code == 200
    assert (await client.get(f"/Appointment/{reported['id']}"))["status"] == "cancelled"
    assert refusal(await client.create(a_visit("v1", reported))) == (409, "not-booked")


async def test_a_visit_that_has_begun_is_cancelled_with_its_money(client: Client) -> None:
    reported = await client.checked_in("c1")
    begun = (await client.create(a_visit("v1", reported))).json()

    assert (await client.reverse(invoice_of(reported)["id"], a_refund("r1"))).status_code == 200

    visit = await client.get(f"/Encounter/{begun['id']}")
    assert (visit["status"], visit["meta"]["versionId"]) == ("cancelled", "2")
    assert await client.found("/Encounter", identifier=f"{wire.VISIT}|v1", status="in-progress") == []
    assert refusal(await client.put(visit | {"status": "finished"})) == (409, "not-booked")
    assert await client.remaining() == 6


async def test_what_is_finished_is_executed(client: Client) -> None:
    reported = await client.checked_in("c1")
    visit = (await client.create(a_visit("v1", reported))).json()
    await client.put(visit | {"status": "finished", "period": visit["period"] | {"end": "2026-11-25T07:55:00+08:00"}})
    invoice = invoice_of(reported)["id"]

    for amount in (50.0, 1.0):
        assert refusal(await client.reverse(invoice, a_refund("r1", amount))) == (409, "executed")
    assert (await bill(client, invoice))["status"] == "balanced"


async def test_what_was_dispensed_stays_paid(client: Client) -> None:
    invoice = invoice_of(await client.booked("c1"))["id"]
    assert (await client.http.post(f"/his/desk/invoices/{invoice}/dispense")).status_code == 200
    assert (await client.http.post("/his/desk/invoices/nowhere/dispense")).status_code == 404

    assert refusal(await client.reverse(invoice, a_refund("r1"))) == (409, "dispensed")


async def test_the_money_of_who_did_not_come_or_was_stopped_goes_back(client: Client) -> None:
    away = await client.booked("c1")
    await client.put(away | {"status": "noshow"})
    stopped = await client.booked("c2", patient="pat-eligible-2")
    await client.http.post(f"/his/desk/slots/{SLOT}/stop")

    for appointment, status in ((away, "noshow"), (stopped, "cancelled")):
        answer = await client.reverse(invoice_of(appointment)["id"], a_refund(f"r-{appointment['id']}"))
        assert answer.json()["status"] == "cancelled"
        assert (await client.get(f"/Appointment/{appointment['id']}"))["status"] == status
    ended = await client.get(f"/Appointment/{stopped['id']}")
    assert ended["cancelationReason"]["coding"][0]["code"] == "prov"


async def test_what_a_window_has_undone_goes_back_and_the_visit_has_taken_place(client: Client) -> None:
    reported = await client.checked_in("c1")
    visit, invoice = (await client.create(a_visit("v1", reported))).json(), invoice_of(reported)["id"]
    undo = f"/his/desk/invoices/{invoice}/undo-execution"
    assert refusal(await client.http.post(undo)) == (409, "not-booked")
    period = visit["period"] | {"end": "2026-11-25T07:55:00+08:00"}
    assert (await client.put(visit | {"status": "finished", "period": period})).is_success
    assert refusal(await client.reverse(invoice, a_refund("r1"))) == (409, "executed")

    assert [(await client.http.post(undo)).status_code for _ in range(2)] == [200, 200]

    assert (await client.reverse(invoice, a_refund("r1"))).json()["status"] == "cancelled"
    assert (await client.get(f"/Appointment/{reported['id']}"))["status"] == "fulfilled"
    assert (await client.get(f"/Encounter/{visit['id']}"))["status"] == "finished"
    assert refusal(await client.http.post("/his/desk/invoices/nowhere/undo-execution")) == (404, "not-found")


async def test_books_and_console_show_what_went_back(client: Client, hospital: his.His) -> None:
    whole, part = await client.booked("c1"), await client.booked("c2", patient="pat-eligible-2")
    await client.reverse(invoice_of(whole)["id"], a_refund("r1"))
    await client.reverse(invoice_of(part)["id"], a_refund("r2", 12.5))

    books: dict[str, list[Json]] = hospital.books()  # pyright: ignore[reportAssignmentType]
    assert [(row["refund_no"], row["amount_fen"], row["cash_fen"], row["reason"]) for row in books["reversals"]] == [
        ("r1", 5000, 5000, "patient"),
        ("r2", 1250, 1250, "patient"),
    ]
    assert [(row["status"], row["total_fen"], row["reversed_fen"]) for row in books["invoices"]] == [
        ("cancelled", 5000, 5000),
        ("balanced", 5000, 1250),
    ]
    assert [row["账单"] for row in hospital.console()] == ["已退 12.50 元", "已退费"]


def _without(name: str) -> Json:
    refund = a_refund("r1")
    return refund | {"parameter": [item for item in refund["parameter"] if item["name"] != name]}


def _with(name: str, **value: object) -> Json:
    refund = _without(name)
    return refund | {"parameter": [*refund["parameter"], {"name": name, **value}]}


@pytest.mark.parametrize(
    ("refund", "element"),
    [
        *((_without(name), name) for name in ("ourRefundNo", "amount", "legs", "reason")),
        (_with("ourRefundNo", valueIdentifier={"system": wire.PAYMENT, "value": "r1"}), "ourRefundNo"),
        (_with("amount", valueMoney={"value": -50, "currency": "CNY"}), "amount"),
        (_with("amount", valueMoney={"value": 50.001, "currency": "CNY"}), "amount"),
        (a_refund("r1", legs={"cash": 49.0}), "legs"),
        (_with("reason", valueString="r" * 65), "reason"),
        (_with("reason", valueCode="patient"), "reason"),
    ],
)
async def test_a_wrong_reversal_names_its_parameter(client: Client, refund: Json, element: str) -> None:
    invoice = invoice_of(await client.booked("c1"))["id"]

    answer = await client.reverse(invoice, refund)

    assert refusal(answer) == (422, "invalid")
    assert answer.json()["issue"][0]["expression"] == [f"Parameters.parameter[{element}]"]
    assert (await bill(client, invoice))["status"] == "balanced"


async def test_a_hospital_opened_by_an_earlier_build_can_reverse(tmp_path: Path) -> None:
    store = Store(tmp_path / "sandbox.sqlite")
    store.script(tables.DDL)
    for name in ("his_invoice_now", "his_settlement_left", "his_reconciliation", "his_encounter_now"):
        store.script(f"DROP VIEW {name}")
    for name in ("his_reversal", "his_dispensing"):
        store.script(f"DROP TABLE {name}")

    his.build(store, Faults(store), Settings(data=tmp_path))

    assert store.rows("SELECT * FROM his_reversal JOIN his_invoice_now ON his_invoice_now.id = invoice_id") == []
    store.close()
