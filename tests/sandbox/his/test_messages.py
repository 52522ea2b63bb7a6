"""What the HIS tells by itself: signed, FHIR, repeated until it is taken; and a pharmacy that goes on without a person."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest
import pytest_asyncio

from sandbox import his
from sandbox.faults import FaultIn, Faults
from sandbox.his import wire
from sandbox.his.pharmacy.dispensing import Dispensing
from tests.sandbox.doorbell import Doorbell, Notify, doorbell
from tests.sandbox.his import oracle
from tests.sandbox.his.client import Client, Clock, a_payment
from tests.sandbox.his.pharmacy import an_open_visit, at_the_counter, bill_of, valid

gmssl: Any = import_module("gmssl.sm3")
"""It has no types."""
OURS = f"{wire.PRESCRIPTION}|rx1"


@dataclass
class Hearing:
    """A HIS that speaks, and the door at which it is heard."""

    hospital: his.His
    bell: Doorbell
    faults: Faults = field(repr=False)

    async def next(self) -> Notify:
        return await asyncio.to_thread(self.bell.next)


@pytest_asyncio.fixture
async def hearing(hospital: his.His, client: Client, clock: Clock) -> AsyncIterator[Hearing]:
    """With a prescription that is valid and not paid."""
    clock.forward(minutes=20)
    await valid(client, await an_open_visit(client))
    with doorbell() as bell:
        await client.http.put("/his/desk/listener", json={"url": bell.url})
        async with running(hospital.run):
            yield Hearing(hospital, bell, Faults(hospital.hospital.store))


@asynccontextmanager
async def running(work: Callable[[], Any]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def event(heard: Notify) -> str:
    """Its event; the message is what FHIR allows, and about what its header says."""
    bundle = json.loads(heard.body)
    oracle.check(bundle)
    header, *focus = [entry["resource"] for entry in bundle["entry"]]
    assert (bundle["type"], bundle["id"]) == ("message", header["id"])
    assert [one["reference"] for one in header["focus"]] == [f"{one['resourceType']}/{one['id']}" for one in focus]
    return header["eventCoding"]["code"]


def hmac_sm3(key: str, data: bytes) -> str:
    """RFC 2104 over SM3 as another library computes it."""
    padded = bytes.fromhex(key).ljust(64, b"\0")
    inner: str = gmssl.sm3_hash(list(bytes(byte ^ 0x36 for byte in padded) + data))
    return gmssl.sm3_hash(list(bytes(byte ^ 0x5C for byte in padded) + bytes.fromhex(inner)))


async def test_each_act_of_a_person_is_told_once(hearing: Hearing, client: Client) -> None:
    for act in ("pay", "prepare", "prepare", "hand-out", "hand-out", "take-back"):
        assert (await at_the_counter(client, act)).status_code == 200

    heard = [await hearing.next() for _ in range(4)]

    assert sorted(event(one) for one in heard) == ["dispensed"] * 3 + ["paid-at-window"]
    statuses = {entry["resource"].get("status") for one in heard for entry in json.loads(one.body)["entry"][1:]}
    assert statuses == {"balanced", "in-progress", "completed", "stopped"}
    assert len(hearing.hospital.books()["messages"]) == 4  # type: ignore[arg-type]


async def test_it_is_proved_by_hmac_sm3(hearing: Hearing, client: Client) -> None:
    await at_the_counter(client, "pay")

    heard = await hearing.next()

    signed = f"{heard.headers['x-timestamp']}\n{heard.headers['x-nonce']}\n".encode() + heard.body
    assert heard.headers["x-signature"] == hmac_sm3(hearing.hospital.webhook_key, signed)


async def test_it_is_told_again_until_it_is_taken_and_then_no_more(hearing: Hearing, client: Client) -> None:
    hearing.bell.answers += [500, 404]
    await at_the_counter(client, "pay")

    heard = [await hearing.next() for _ in range(3)]

    assert len({one.body for one in heard}) == 1
    assert len({one.headers["x-nonce"] for one in heard}) == 3
    await at_the_counter(client, "prepare")
    assert event(await hearing.next()) == "dispensed"
    assert hearing.bell.came.empty()
    told_again = (await client.http.post("/his/desk/prescriptions/rx1/tell-again")).json()
    assert told_again == {"messages": 2}
    assert sorted([event(await hearing.next()) for _ in range(2)]) == ["dispensed", "paid-at-window"]


@pytest.mark.parametrize(("kind", "times", "bodies"), [("lost", 1, 1), ("duplicated", 2, 1), ("late", 1, 1), ("tampered", 1, 1)])
async def test_it_goes_wrong_on_demand(hearing: Hearing, client: Client, kind: Any, times: int, bodies: int) -> None:
    hearing.faults.declare("his", "NOTIFY paid-at-window")
    hearing.faults.set(FaultIn(system="his", call="NOTIFY paid-at-window", kind=kind, seconds=0.01))
    await at_the_counter(client, "pay")

    heard = [await hearing.next() for _ in range(times)]

    assert len({one.body for one in heard}) == bodies
    signed = f"{heard[0].headers['x-timestamp']}\n{heard[0].headers['x-nonce']}\n".encode() + heard[0].body
    assert (heard[0].headers["x-signature"] == hmac_sm3(hearing.hospital.webhook_key, signed)) == (kind != "tampered")


async def test_nobody_is_told_before_somebody_listens(hospital: his.His, client: Client, clock: Clock) -> None:
    clock.forward(minutes=20)
    await valid(client, await an_open_visit(client))
    await at_the_counter(client, "pay")
    with doorbell() as bell:
        async with running(hospital.run):
            assert (await client.http.put("/his/desk/listener", json={"url": bell.url})).status_code == 200
            assert event(await asyncio.to_thread(bell.next)) == "paid-at-window"
    assert (await client.http.put("/his/desk/listener", json={"url": "nowhere"})).status_code == 422


async def test_what_is_paid_is_dispensed_by_itself_where_that_is_wanted(hearing: Hearing, client: Client) -> None:
    async with running(Dispensing(hearing.hospital.hospital, hearing.hospital.messages, 0.01).run):
        await client.settle((await bill_of(client))["id"], a_payment("p1", 153.4))
        heard = [await hearing.next() for _ in range(2)]

    assert [event(one) for one in heard] == ["dispensed"] * 2
    assert {one["status"] for one in await client.found("/MedicationRequest", **{"group-identifier": OURS})} == {"completed"}
