"""退号 at every step before money has come, and in the very moment in which it comes. What was paid goes back: `test_refund.py`."""

import asyncio

import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import refused
from tests.journeys.visit import Visit

QUERY = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}"


async def test_while_data_is_wanting(hospital: Hospital) -> None:
    patient = await hospital.patient(phone=None, address=None)
    visit = Visit(hospital, patient, await patient.open())
    await visit.until("completing")

    assert (await visit.act("cancel"))["state"] == "cancelled"

    await _nothing_left(visit)


@pytest.mark.parametrize("state", ["consenting", "choosing", "describing"])
async def test_before_a_charge_is_open(hospital: Hospital, state: str) -> None:
    visit = await hospital.visit(state)
    assert "cancel" in (await visit.now())["allowed"]

    assert (await visit.act("cancel"))["state"] == "cancelled"

    assert ((await visit.now())["reason"], (await visit.now())["allowed"]) == ("patient", [])
    refused(await visit.attempt("cancel"), 409, "revisit.not_now")
    await _nothing_left(visit)


@pytest.mark.parametrize("ordered", [False, True])
async def test_while_paying_by_the_word_of_the_charge(hospital: Hospital, *, ordered: bool) -> None:
    visit = await hospital.visit("paying")
    orders = [await visit.order()] if ordered else []

    assert (await visit.act("cancel"))["state"] == "closing"

    assert (await visit.until("cancelled"))["reason"] == "patient"
    assert (await visit.steps())[-2:] == ["booking.close", "booking.leave"] or (await visit.steps())[-3:] == [
        *("booking.close", "charge.close", "booking.leave")
    ]
    assert ([one["state"] for one in await visit.money()], await visit.refunds()) == (["closed"], [])
    assert [one["state"] for one in (await hospital.bank(*orders))["orders"]] == ["CLOSED"] * len(orders)
    await _nothing_left(visit)


async def test_paid_in_the_same_moment_goes_back(hospital: Hospital) -> None:
    visit = await hospital.visit("paying")
    order = await visit.order()
    async with hospital.fault("wechat_pay", QUERY, "slow", seconds=1.5) as met:
        await hospital.pay(order)
        await met()  # the money is on its way into our books
        cancelled = await visit.act("cancel")

    assert cancelled["state"] == "closing"
    assert (await visit.until("cancelled"))["reason"] == "patient"
    assert [one["state"] for one in await visit.money()] == ["settled"]
    await visit.given_back("patient")


async def test_a_cancel_and_a_choice_at_once_leave_no_half_booking(hospital: Hospital) -> None:
    visit = await hospital.visit("choosing")

    chosen, cancelled = await asyncio.gather(visit.attempt("choose-slot", {"slot_id": hospital.hall}), visit.attempt("cancel"))

    assert cancelled.status_code == 200 or chosen.status_code == 200
    if cancelled.status_code != 200:
        await visit.act("cancel")
    await visit.until("cancelled")
    await _nothing_left(visit)


async def _nothing_left(visit: Visit) -> None:
    """No place and no bill at the HIS."""
    appointments = await visit.appointments()
    assert {one["status"] for one in appointments} <= {"cancelled"}
    ids = {one["id"] for one in appointments}
    assert {one["status"] for one in (await visit.hospital.his())["invoices"] if one["appointment_id"] in ids} <= {"cancelled"}
