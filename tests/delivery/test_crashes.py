"""A worker that dies around every commit of a parcel's steps: nothing is ordered twice, and the prescription is told once."""

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from models.delivery import Decision, DeliveryState, Mark, Reach
from models.kernel.vault import Vault
from models.process import Runs
from models.stores import delivery as deliveries
from tests.client import Hands
from tests.delivery.builders import FORWARD, an_address, at_its_desk, created, decides, overdue, returned, seen, told
from tests.process.desk import DeliveryDesk
from tests.process.test_crashes import Haunted, Mortal


@pytest_asyncio.fixture
async def haunted(wire: AsyncConnection, vault: Vault, clock: Hands, runs: Runs) -> Haunted:
    return Haunted(Mortal(wire, vault), clock, runs)


async def sound(desk: DeliveryDesk, outcome: str, *, ended: DeliveryDesk | None = None, parcels: int = 1) -> None:
    """What must hold however often it died."""
    hospital, last = desk.hospital, ended or desk
    assert isinstance(hospital, Haunted)
    assert hospital.mortal.deaths > 3
    assert len(hospital.logistics.parcels) == parcels
    assert await told(hospital, desk.now.prescription_id) == [(str(last.id), outcome)]
    story = await hospital.story(desk.id)
    assert story.count("delivery.create") <= 2
    assert await hospital.waiting(desk.id) == []


async def test_from_the_order_to_the_signature(haunted: Haunted) -> None:
    desk = await created(haunted)
    for mark in (*FORWARD, Mark.DELIVERED):
        await seen(desk, mark)

    await sound(desk, "signed")
    async with haunted.database.reading() as db:
        assert len(await deliveries.tracks(db, desk.id)) == 4
    assert await haunted.story(desk.id) == ["delivery.create", *["delivery.poll"] * 4]


async def test_returned_and_the_money_goes_back(haunted: Haunted) -> None:
    desk = await returned(haunted)
    await decides(desk, Decision.REFUND)

    await sound(desk, "refund")


async def test_returned_and_sent_again(haunted: Haunted) -> None:
    desk = await returned(haunted)
    async with haunted.database.transaction() as db:
        address_id = await an_address(db, detail="演示路9号")
    await decides(desk, Decision.RESEND, address_id=address_id)
    again = await at_its_desk(haunted, deliveries.id_of(desk.now.prescription_id, 1))
    await again.happens()
    await seen(again, Mark.DELIVERED)

    await sound(desk, "signed", ended=again, parcels=2)


async def test_taken_back(haunted: Haunted) -> None:
    desk = await created(haunted)
    await decides(desk, Decision.REFUND)

    await sound(desk, "refund")
    assert haunted.logistics.parcels[desk.id.hex].cancelled


async def test_looked_for_and_decided(haunted: Haunted) -> None:
    desk = await overdue(haunted)
    await decides(desk, Decision.KEEP)

    await sound(desk, "kept")


async def test_looked_at_by_the_carrier_first(haunted: Haunted) -> None:
    desk = await created(haunted, city=haunted.logistics.unclear)
    haunted.logistics.parcels[desk.id.hex].reach = Reach.YES
    await desk.alarm()
    await seen(desk, Mark.DELIVERED)

    assert desk.state is DeliveryState.SIGNED
    await sound(desk, "signed")


async def test_not_reached_and_decided(haunted: Haunted) -> None:
    desk = await created(haunted, city=haunted.logistics.far)
    await decides(desk, Decision.REFUND)

    await sound(desk, "refund")
