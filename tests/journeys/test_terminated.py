"""Runs ended by hand in the engine, in the middle of a call: each is begun again from its row, and finishes what was under way."""

import asyncio

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused, until
from tests.journeys.visit import Visit

LOCK = ("his", "POST /fhir/R4/Appointment")
SETTLE = ("his", "POST /fhir/R4/Invoice/{id}/$settle")
REVERSE = ("his", "POST /fhir/R4/Invoice/{id}/$reverse")
BEGUN_AGAIN_S = 40.0
"""The sweep looks at a row every ten seconds; then the hand that was lost has its time, and the call its own."""


async def test_a_wish_a_payment_and_a_refund_go_on_when_their_runs_are_terminated(hospital: Hospital) -> None:
    wishes, leaves, pays = await asyncio.gather(*(hospital.visit(to) for to in ("choosing", "booked", "paying")))
    order = await pays.order()
    for call in (LOCK, SETTLE, REVERSE):
        await hospital.go_wrong(*call, "slow", 2.0)
    mine, body = key(), {"slot_id": hospital.hall}
    asking = asyncio.create_task(wishes.attempt("choose-slot", body, under=mine))
    await asyncio.gather(hospital.pay(order), leaves.act("cancel"))
    await until("each call to be under way", hospital.faults, lambda left: not left)

    for run in (f"revisit/{wishes.id}", f"charge/{await pays.charge_id()}", f"refund/{(await leaves.refunds())[0]['id']}"):
        await (await hospital.temporal()).get_workflow_handle(run).terminate("by hand")

    taken = await asking
    assert (taken.status_code, taken.json()["done"]) == (202, False)
    await asyncio.gather(
        *(wishes.until("describing", within_s=BEGUN_AGAIN_S), pays.until("booked", within_s=BEGUN_AGAIN_S)),
        leaves.given_back("patient", within_s=BEGUN_AGAIN_S),
    )
    await _answered_by_the_new_run_as_by_the_old(hospital, wishes, mine, body)
    await pays.to("closed")
    await pays.took_place_once()
    await hospital.audited(leaves, pays)


async def _answered_by_the_new_run_as_by_the_old(hospital: Hospital, visit: Visit, mine: str, body: dict[str, str]) -> None:
    """One lock, and the first answer under its key for ever."""
    again = await visit.attempt("choose-slot", body, under=mine)
    assert (read(again)["done"], again.json()["state"], again.headers["Idempotency-Replayed"]) == (True, "describing", "true")
    refused(await visit.attempt("choose-slot", {"slot_id": "slot-1"}, under=mine), 422, "request.key_reused")
    assert [one["status"] for one in await visit.appointments()] == ["pending"]
    await visit.act("cancel")
    assert read(await visit.attempt("choose-slot", body, under=mine)) == again.json()
