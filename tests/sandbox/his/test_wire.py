"""The HIS inside the whole sandbox, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from sandbox.his import wire
from tests.sandbox.his.client import FHIR, Client, a_payment, invoice_of, refusal


@pytest_asyncio.fixture
async def client(sandbox: str) -> AsyncIterator[Client]:
    """Signed in with the credentials that the sandbox hands out."""
    async with httpx.AsyncClient(base_url=sandbox, limits=httpx.Limits(max_connections=60), timeout=60) as http:
        client = Client(http)
        given = (await http.get("/credentials")).json()["his"]
        assert given["base_url"] == f"{sandbox}/his"
        await client.sign_in(given["client_id"], given["client_secret"])
        yield client


async def _a_slot(client: Client, capacity: int) -> str:
    """A new slot in a 就诊单元 that nobody else uses: the last one of the demo doctor's week."""
    unit = (await client.found("/Schedule", actor="doc-wangjianguo", _count="500"))[-1]
    horizon = unit["planningHorizon"]
    wish = {"schedule": unit["id"], "start": horizon["start"], "end": horizon["end"], "capacity": capacity}
    return (await client.http.post("/his/desk/slots", json=wish)).json()["id"]


async def test_fifty_ask_for_ten_places_and_ten_are_booked(client: Client) -> None:
    slot = await _a_slot(client, capacity=10)
    patients = await client.patients(50)

    answers = await asyncio.gather(*(client.lock(f"race-{number}", slot, patient) for number, patient in enumerate(patients)))
    locked = [answer.json() for answer in answers if answer.status_code == 201]
    settled = await asyncio.gather(*(client.settle(invoice_of(held)["id"], a_payment(f"race-{held['id']}")) for held in locked))

    assert len(locked) == 10
    assert {refusal(answer) for answer in answers if answer.status_code != 201} == {(409, "slot-full")}
    assert [answer.status_code for answer in settled] == [200] * 10
    assert await client.remaining(slot) == 0
    assert len(await client.found("/Appointment", slot=slot, status="booked")) == 10
    books = (await client.http.get("/books/his")).json()
    assert [row["remaining"] for row in books["slots"] if row["id"] == slot] == [0]
    assert sum(row["amount_fen"] for row in books["settlements"] if row["payment_no"].startswith("race-")) == 50_000


async def test_a_lock_whose_answer_was_lost_is_found_by_our_number(client: Client) -> None:
    slot = await _a_slot(client, capacity=2)
    await client.http.post("/faults", json={"system": "his", "call": "POST /fhir/R4/Appointment", "kind": "lost", "seconds": 0, "times": 1})

    assert (await client.lock("lost-1", slot)).status_code == 504

    [held] = await client.found("/Appointment", identifier=f"{wire.CLAIM}|lost-1")
    assert held["status"] == "pending"
    assert (await client.lock("lost-1", slot)).status_code == 200
    assert await client.remaining(slot) == 1
    await client.put(held | {"status": "cancelled"})


async def test_a_settlement_whose_answer_was_lost_is_found_by_our_number(client: Client) -> None:
    invoice = invoice_of((await client.lock("lost-2", await _a_slot(client, capacity=1))).json())["id"]
    await client.http.post(
        "/faults", json={"system": "his", "call": "POST /fhir/R4/Invoice/{id}/$settle", "kind": "lost", "seconds": 0, "times": 1}
    )

    assert (await client.settle(invoice, a_payment("lost-2"))).status_code == 504

    [taken] = await client.found("/PaymentReconciliation", identifier=f"{wire.PAYMENT}|lost-2")
    assert taken["detail"][0]["request"]["reference"] == f"Invoice/{invoice}"
    assert (await client.settle(invoice, a_payment("lost-2"))).status_code == 200


async def test_a_refusal_can_be_lost_too(client: Client) -> None:
    await client.http.post("/faults", json={"system": "his", "call": "GET /fhir/R4/Invoice/{id}", "kind": "lost", "seconds": 0, "times": 1})

    assert (await client.http.get(f"{FHIR}/Invoice/nowhere")).status_code == 504
    assert refusal(await client.http.get(f"{FHIR}/Invoice/nowhere")) == (404, "not-found")
