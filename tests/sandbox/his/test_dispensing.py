"""The cash window and the pharmacy's counter: 窗口收费, 调配, 发药, 退药, and what can be seen of them."""

import pytest

from sandbox.his import wire
from tests.sandbox.his.client import Client, Clock, a_payment, a_refund, refusal
from tests.sandbox.his.pharmacy import an_open_visit, at_the_counter, bill_of, valid

TOTAL = 153.4


@pytest.fixture
async def lines(client: Client, clock: Clock) -> list[str]:
    """Ids of the lines of a valid prescription."""
    clock.forward(minutes=20)
    return [line["id"] for line in await valid(client, await an_open_visit(client))]


async def dispenses(client: Client, lines: list[str]) -> list[str]:
    found = await client.found("/MedicationDispense", prescription=",".join(f"MedicationRequest/{id}" for id in lines))
    return [one["status"] for one in found]


async def test_paid_prepared_and_handed_out(client: Client, lines: list[str]) -> None:
    assert refusal(await at_the_counter(client, "prepare")) == (409, "not-settled")
    await client.settle((await bill_of(client))["id"], a_payment("p1", TOTAL))
    assert await dispenses(client, lines) == []

    assert (await at_the_counter(client, "prepare")).status_code == 200
    assert await dispenses(client, lines) == ["in-progress"] * 2
    assert (await at_the_counter(client, "hand-out")).status_code == 200

    assert await dispenses(client, lines) == ["completed"] * 2
    [first, _] = await client.found("/MedicationDispense", patient="pat-eligible", status="completed", prescription=",".join(lines))
    assert first["authorizingPrescription"][0]["identifier"]["system"] == wire.PRESCRIPTION_LINE
    assert (await client.get(f"/MedicationRequest/{lines[0]}"))["status"] == "completed"


async def test_money_goes_back_until_the_drugs_are_handed_out(client: Client, lines: list[str]) -> None:
    bill = (await bill_of(client))["id"]
    await client.settle(bill, a_payment("p1", TOTAL))
    await at_the_counter(client, "prepare")
    assert (await client.reverse(bill, a_refund("r1", 3.4))).status_code == 200
    await at_the_counter(client, "hand-out")

    assert refusal(await client.reverse(bill, a_refund("r2", 150.0))) == (409, "dispensed")
    assert (await at_the_counter(client, "take-back")).status_code == 200
    assert await dispenses(client, lines) == ["stopped"] * 2
    assert (await client.reverse(bill, a_refund("r2", 150.0))).json()["status"] == "cancelled"


async def test_what_was_taken_back_and_is_paid_for_is_handed_out_anew(client: Client, lines: list[str]) -> None:
    bill = (await bill_of(client))["id"]
    await client.settle(bill, a_payment("p1", TOTAL))
    for act in ("prepare", "hand-out", "take-back"):
        await at_the_counter(client, act)
    [before, _] = await client.found("/MedicationDispense", prescription=",".join(lines))

    assert (await at_the_counter(client, "hand-out")).status_code == 200

    assert await dispenses(client, lines) == ["completed"] * 2
    [after, _] = await client.found("/MedicationDispense", prescription=",".join(lines))
    assert int(after["meta"]["versionId"]) == int(before["meta"]["versionId"]) + 1
    assert after["whenHandedOver"] >= before["whenHandedOver"]
    assert refusal(await client.reverse(bill, a_refund("r1", TOTAL))) == (409, "dispensed")
    assert refusal(await at_the_counter(client, "take-back")) == (422, "invalid")


async def test_given_back_before_it_was_handed_out_it_is_not_handed_out(client: Client, lines: list[str]) -> None:
    bill = (await bill_of(client))["id"]
    await client.settle(bill, a_payment("p1", TOTAL))
    await at_the_counter(client, "prepare")
    await client.reverse(bill, a_refund("r1", TOTAL))

    assert refusal(await at_the_counter(client, "hand-out")) == (409, "prescription-cancelled")
    assert await dispenses(client, lines) == ["cancelled"] * 2
    assert refusal(await at_the_counter(client, "take-back")) == (422, "invalid")


async def test_what_a_window_took_is_paid_and_not_taken_again(client: Client, lines: list[str]) -> None:
    assert (await at_the_counter(client, "pay")).status_code == 200

    bill = await bill_of(client)
    assert bill["status"] == "balanced"
    assert refusal(await client.settle(bill["id"], a_payment("p1", TOTAL))) == (409, "paid-elsewhere")
    [taken] = await client.found("/PaymentReconciliation", request=f"Invoice/{bill['id']}")
    assert (taken["identifier"][0]["system"], taken["paymentAmount"]["value"]) == (wire.WINDOW, TOTAL)
    assert refusal(await at_the_counter(client, "pay")) == (409, "paid-elsewhere")
    assert (await at_the_counter(client, "hand-out")).status_code == 200
    assert await dispenses(client, lines) == ["completed"] * 2


async def test_what_is_no_prescription_of_ours_stays_untouched(client: Client, lines: list[str]) -> None:
    for number in ("rx-nobody", (await client.found("/MedicationRequest", patient="pat-eligible-2"))[0]["groupIdentifier"]["value"]):
        assert refusal(await at_the_counter(client, "hand-out", number)) == (404, "not-found")
    bill = (await bill_of(client))["id"]
    assert refusal(await client.http.post(f"/his/desk/invoices/{bill}/dispense")) == (400, "not-supported")
    assert await dispenses(client, lines) == []
