"""Bills: priced by the hospital, settled once, refused by name."""

import asyncio

import pytest

from sandbox.his import wire
from tests.sandbox.his.client import FHIR, SLOT, Client, Clock, Json, a_payment, invoice_of, refusal, value_of
from tests.sandbox.his.conftest import LOCK_S


async def test_settling_turns_the_lock_into_a_booking(client: Client, clock: Clock) -> None:
    locked = (await client.lock("c1")).json()

    settled = await client.settle(invoice_of(locked)["id"], a_payment("p1"))

    assert settled.status_code == 200
    assert (settled.json()["resourceType"], settled.json()["status"]) == ("Invoice", "balanced")
    assert settled.headers["etag"] == 'W/"2"'
    clock.forward(seconds=LOCK_S * 2)
    booked = await client.get(f"/Appointment/{locked['id']}")
    assert booked["status"] == "booked"
    assert wire.LOCK_EXPIRES_AT not in [extension["url"] for extension in booked["extension"]]
    assert invoice_of(booked)["status"] == "balanced"
    assert await client.remaining() == 5


async def test_the_same_payment_again_is_taken_once(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]

    answers = await asyncio.gather(*(client.settle(invoice, a_payment("p1")) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.text for answer in answers}) == 1
    assert len(await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|p1")) == 1


async def test_whether_a_payment_was_taken(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]
    assert await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|p1") == []

    await client.settle(invoice, a_payment("p1", legs={"cash": 20.5, "account": 19.49, "fund": 10.01}))

    [taken] = await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|p1")
    assert taken["paymentAmount"] == {"value": 50.0, "currency": "CNY"}
    assert taken["paymentDate"] == "2026-11-25"
    assert taken["paymentIdentifier"]["value"] == "4200001234202611250000000001"
    assert value_of(taken, wire.CHANNEL) == "wechat_pay"
    legs = {line["type"]["coding"][0]["code"]: line["amount"]["value"] for line in taken["detail"]}
    assert legs == {"cash": 20.5, "account": 19.49, "fund": 10.01}
    assert {line["request"]["reference"] for line in taken["detail"]} == {f"Invoice/{invoice}"}


async def test_a_lock_that_is_over_is_not_settled(client: Client, clock: Clock) -> None:
    expired = invoice_of((await client.lock("c1")).json())["id"]
    released = (await client.lock("c2", patient="pat-eligible-2")).json()
    await client.put(released | {"status": "cancelled"})
    clock.forward(seconds=LOCK_S)

    assert refusal(await client.settle(expired, a_payment("p1"))) == (409, "lock-expired")
    assert refusal(await client.settle(invoice_of(released)["id"], a_payment("p2"))) == (409, "lock-expired")
    assert await client.found("/PaymentReconciliation") == []
    assert await client.remaining() == 6


async def test_another_amount_is_refused(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]

    assert refusal(await client.settle(invoice, a_payment("p1", amount=49.99))) == (409, "amount-differs")
    assert (await client.settle(invoice, a_payment("p1"))).status_code == 200
    assert refusal(await client.settle(invoice, a_payment("p1", amount=49.99))) == (409, "amount-differs")


async def test_a_stopped_slot_is_not_settled(client: Client) -> None:
    locked = (await client.lock("c1")).json()
    stopped = (await client.http.post(f"/his/desk/slots/{SLOT}/stop")).json()
    assert stopped["cancelled"] == [locked["id"]]

    assert refusal(await client.settle(invoice_of(locked)["id"], a_payment("p1"))) == (409, "slot-stopped")
    released = await client.put(locked | {"status": "cancelled"})
    assert (released.status_code, released.json()["cancelationReason"]["coding"][0]["code"]) == (200, "prov")


async def test_a_bill_paid_under_another_number_is_refused(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]
    await client.settle(invoice, a_payment("p1"))

    assert refusal(await client.settle(invoice, a_payment("p2"))) == (409, "paid-elsewhere")


async def test_one_number_pays_one_bill(client: Client) -> None:
    first = invoice_of((await client.lock("c1")).json())["id"]
    second = invoice_of((await client.lock("c2", patient="pat-eligible-2")).json())["id"]
    await client.settle(first, a_payment("p1"))

    assert refusal(await client.settle(second, a_payment("p1"))) == (422, "invalid")


def _without(name: str) -> Json:
    payment = a_payment("p1")
    return payment | {"parameter": [item for item in payment["parameter"] if item["name"] != name]}


def _with(name: str, **value: object) -> Json:
    payment = _without(name)
    return payment | {"parameter": [*payment["parameter"], {"name": name, **value}]}


@pytest.mark.parametrize(
    ("payment", "element"),
    [
        *((_without(name), name) for name in ("ourPaymentNo", "channel", "channelNo", "amount", "legs", "paidAt")),
        (_with("amount", valueMoney={"value": 50.0, "currency": "USD"}), "amount"),
        (_with("amount", valueMoney={"value": 50.001, "currency": "CNY"}), "amount"),
        (_with("amount", valueMoney={"value": -50, "currency": "CNY"}), "amount"),
        (_with("amount", valueMoney={"value": True, "currency": "CNY"}), "amount"),
        (_with("amount", valueMoney={"value": "50.00", "currency": "CNY"}), "amount"),
        (_with("amount", valueMoney={"value": 1e300, "currency": "CNY"}), "amount"),
        (_with("amount", valueDecimal=50), "amount"),
        (a_payment("p1", legs={"cash": 49.0}), "legs"),
        (a_payment("p1", legs={"coupon": 50.0}), "legs"),
        (a_payment("p" * 65), "ourPaymentNo"),
        (_with("ourPaymentNo", valueString="p1"), "ourPaymentNo"),
        (_with("channelNo", valueString="a\u0007b"), "channelNo"),
        (_with("paidAt", valueDateTime="2026-11-25T07:31:00"), "paidAt"),
        (_with("paidAt", valueDateTime="yesterday"), "paidAt"),
    ],
)
async def test_a_wrong_settlement_names_its_parameter(client: Client, payment: Json, element: str) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]

    answer = await client.settle(invoice, payment)

    assert refusal(answer) == (422, "invalid")
    assert answer.json()["issue"][0]["expression"] == [f"Parameters.parameter[{element}]"]
    assert (await client.get(f"/Invoice/{invoice}"))["status"] == "issued"


async def test_a_bill_that_is_not_there(client: Client) -> None:
    assert refusal(await client.settle("nowhere", a_payment("p1"))) == (404, "not-found")
    assert refusal(await client.http.get(f"{FHIR}/Invoice/nowhere")) == (404, "not-found")


async def test_whole_yuan_without_a_point_are_an_amount_too(client: Client) -> None:
    invoice = invoice_of((await client.lock("c1")).json())["id"]

    assert (await client.settle(invoice, a_payment("p1", amount=50))).status_code == 200
