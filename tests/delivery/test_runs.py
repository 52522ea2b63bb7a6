"""Parcels on a real Temporal, asked for over HTTP and by the carrier's push: what only a run can show."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from temporalio.client import Client

from models.account import Role
from models.delivery import DeliveryState, Mark
from models.kernel.vault import Vault
from models.stores import delivery as deliveries
from models.stores.database import Database
from models.tables.delivery import DeliveryRow
from tests.account.builders import staff_signed_in
from tests.builders import rules
from tests.client import Hands, key, speaking, wiring
from tests.database import Server
from tests.delivery.builders import a_delivery
from tests.process.conftest import temporal
from tests.process.running import SOON_S, Running
from tests.record.builders import Headers
from worker.build import Builds
from worker.relay import Relay

__all__ = ["temporal"]

RECEIVER = {"name": "李四", "phone": "13800100002", "province": "北京市", "city": "北京市", "county": "西城区", "detail": "演示路9号"}


@pytest_asyncio.fixture(scope="module", params=[1000, 0], ids=["cached", "replayed"])
async def worked(server: Server, vault: Vault, temporal: Client, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    async with server.clone() as url:
        database = Database(url, vault)
        async with Running(database, temporal).working(workflow_cache=request.param) as running:
            yield running
            failed = await running.failed_tasks()
        await database.close()
    assert not failed


@pytest_asyncio.fixture
async def running(worked: Running) -> AsyncIterator[Running]:
    yield worked
    worked.logistics.mends()
    async with worked.database.transaction() as db:
        await db.execute(text("update delivery set state = 'signed', step = null where state not in ('signed', 'decided')"))
        await db.execute(text("update inbox set handled_at = now(), outcome = 'late' where handled_at is null"))


@pytest_asyncio.fixture
async def door(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(replace(await wiring(running.database), temporal=running.client)) as client:
        yield client


@pytest_asyncio.fixture
async def pharmacy(running: Running) -> Headers:
    return (await staff_signed_in(running.database, Hands(), Role.MANAGEMENT))[1]


async def wanted(running: Running, *, city: str = "北京市", begun: bool = True) -> UUID:
    """A prescription's step has committed its row, and starts the run."""
    async with running.database.transaction() as db:
        parcel = await a_delivery(db, await rules(db), city=city)
    if begun:
        await running.runs.begin("delivery", parcel.id, parcel.visit_id)
    return parcel.id


async def until(running: Running, delivery_id: UUID, *states: DeliveryState) -> DeliveryRow:
    """Waits for moves until the parcel stands there."""
    async with asyncio.timeout(SOON_S), running.moved:
        while (row := await _row(running, delivery_id)).state not in states:
            await running.moved.wait()
    return row


async def _row(running: Running, delivery_id: UUID) -> DeliveryRow:
    async with running.database.reading() as db:
        return await db.get_one(DeliveryRow, delivery_id)


async def pushes(running: Running, door: httpx.AsyncClient, delivery_id: UUID, *marks: Mark) -> None:
    """The carrier scans the parcel and pushes it, as it comes over the wire."""
    running.logistics.moves(delivery_id.hex, *marks)
    parcel = running.logistics.parcels[delivery_id.hex]
    route = {"id": str(len(parcel.events)), "mailno": parcel.waybill, "orderid": delivery_id.hex}
    answer = await door.post("/webhooks/sf", content=json.dumps({"Body": {"WaybillRoute": [route]}}))
    assert answer.json()["return_code"] == "0000"


async def decides(door: httpx.AsyncClient, delivery_id: UUID, who: Headers, **body: object) -> tuple[int, str]:
    answer = await door.post(f"/v1/deliveries/{delivery_id}/decide", json=body, headers=key() | who)
    return answer.status_code, answer.json().get("code") or answer.json()["state"]


async def told(running: Running, delivery_id: UUID) -> list[str]:
    row = await _row(running, delivery_id)
    async with running.database.reading() as db:
        found = await db.execute(text("select event->>'outcome' from inbox where process_id = :id"), {"id": row.prescription_id})
        return [outcome for (outcome,) in found]


async def test_pushed_scan_by_scan_to_the_signature(running: Running, door: httpx.AsyncClient) -> None:
    delivery_id = await wanted(running)
    await until(running, delivery_id, DeliveryState.CREATED)
    for mark, state in (
        (Mark.PICKED_UP, DeliveryState.PICKED_UP),
        (Mark.OUT, DeliveryState.OUT_FOR_DELIVERY),
        (Mark.DELIVERED, DeliveryState.SIGNED),
    ):
        await pushes(running, door, delivery_id, mark)
        await until(running, delivery_id, state)

    ended = await asyncio.wait_for(running.handle("delivery", delivery_id).result(), SOON_S)
    assert (ended["state"], await told(running, delivery_id)) == (DeliveryState.SIGNED, ["signed"])


async def test_decided_over_http_and_the_key_answers_the_same(running: Running, door: httpx.AsyncClient, pharmacy: Headers) -> None:
    delivery_id, once = await wanted(running, city=running.logistics.far), pharmacy | key()
    await until(running, delivery_id, DeliveryState.UNDELIVERABLE)
    wish = {"decision": "resend", "receiver": RECEIVER}
    answers = [await door.post(f"/v1/deliveries/{delivery_id}/decide", json=wish, headers=once) for _ in range(2)]

    assert [(one.status_code, one.json()["state"]) for one in answers] == [(200, "decided")] * 2
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    again = deliveries.id_of((await _row(running, delivery_id)).prescription_id, 1)
    await until(running, again, DeliveryState.CREATED)
    assert running.logistics.parcels[again.hex].receiver.name == "李四"
    assert (await running.story(delivery_id)).count("delivery.decide") == 1


async def test_what_may_not_be_done_says_why(running: Running, door: httpx.AsyncClient, pharmacy: Headers) -> None:
    delivery_id = await wanted(running)
    await until(running, delivery_id, DeliveryState.CREATED)
    running.logistics.moves(delivery_id.hex, Mark.PICKED_UP)
    assert await decides(door, delivery_id, pharmacy, decision="refund") == (409, "delivery.moved_on")

    await pushes(running, door, delivery_id, Mark.OUT)
    await until(running, delivery_id, DeliveryState.OUT_FOR_DELIVERY)
    assert await decides(door, delivery_id, pharmacy, decision="refund") == (409, "delivery.not_now")
    assert await told(running, delivery_id) == []


async def test_of_two_people_at_once_one_decides(running: Running, door: httpx.AsyncClient, pharmacy: Headers) -> None:
    delivery_id = await wanted(running, city=running.logistics.far)
    await until(running, delivery_id, DeliveryState.UNDELIVERABLE)
    answers = await asyncio.gather(*(decides(door, delivery_id, pharmacy, decision=one) for one in ("refund", "keep")))

    assert sorted(answers) == [(200, "decided"), (409, "delivery.not_now")]
    assert len(await told(running, delivery_id)) == 1


async def test_a_push_whose_knock_is_lost_is_knocked_by_the_relay(running: Running) -> None:
    delivery_id = await wanted(running)
    await until(running, delivery_id, DeliveryState.CREATED)
    async with speaking(await wiring(running.database)) as away:  # its Temporal is not there
        await pushes(running, away, delivery_id, Mark.PICKED_UP)
    async with running.database.transaction() as db:
        await db.execute(text("update inbox set knock_at = now() where handled_at is null"))
    relay = Relay(running.database, running.client, running.runs, running.strays, Builds(running.database, running.client), running.clock)
    await relay.knock_due()

    await until(running, delivery_id, DeliveryState.PICKED_UP)


@pytest.mark.parametrize("marks", [None, (), (Mark.PICKED_UP,), (Mark.REFUSED,), (Mark.RETURNING, Mark.DELIVERED)])
async def test_a_parcel_whose_run_is_lost_is_begun_again_from_its_row(
    running: Running, door: httpx.AsyncClient, pharmacy: Headers, marks: tuple[Mark, ...] | None
) -> None:
    """In each of its states; `None`: the run was never begun."""
    delivery_id = await wanted(running, begun=marks is not None)
    if marks is not None:
        state = (await until(running, delivery_id, DeliveryState.CREATED)).state
        if marks:
            await pushes(running, door, delivery_id, *marks)
            row = await until(running, delivery_id, *(one for one in DeliveryState if one != state))
            state = row.state
        await running.handle("delivery", delivery_id).terminate("its store is lost")
    ahead = Hands(running.clock() + timedelta(hours=1))
    relay = Relay(running.database, running.client, running.runs, running.strays, Builds(running.database, running.client), ahead)
    assert await relay.sweep_due() >= 1
    await until(running, delivery_id, *(one for one in DeliveryState if one is not DeliveryState.CREATING))

    if (await _row(running, delivery_id)).state == DeliveryState.RETURNED:
        assert await decides(door, delivery_id, pharmacy, decision="keep") == (200, "decided")
    else:
        await pushes(running, door, delivery_id, Mark.DELIVERED)
        await until(running, delivery_id, DeliveryState.SIGNED, DeliveryState.RETURNED)
    assert len([one for one in running.logistics.parcels if one == delivery_id.hex]) == 1
