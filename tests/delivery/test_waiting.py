"""A parcel that waits for the pharmacy: it is told when that begins, again as long as nobody decides, and time decides nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from activities.delivery import UNDECIDED
from models.account import Role
from models.delivery import Decision, Delivery, DeliveryState, Mark
from models.message import Template
from models.policy import STANDARD
from models.stores import delivery as deliveries
from tests.account.builders import a_staff_member
from tests.client import Hands
from tests.delivery.builders import at_its_desk, created, decides, overdue, returned, seen
from tests.process.desk import DeliveryDesk
from tests.process.hospital import Hospital

SILENT = timedelta(seconds=STANDARD.delivery_silent_s)
Waiting = Callable[[Hospital], Awaitable[DeliveryDesk]]


async def undeliverable(hospital: Hospital) -> DeliveryDesk:
    return await created(hospital, city=hospital.logistics.far)


@pytest.fixture(autouse=True)
async def pharmacist(hospital: Hospital) -> None:
    async with hospital.database.transaction() as db:
        await a_staff_member(db, Role.PHARMACIST)


async def told(desk: DeliveryDesk) -> int:
    return (await desk.hospital.told(desk.now.visit_id)).count(Template.DELIVERY_WAITING)


async def passes(desk: DeliveryDesk, time: timedelta) -> Delivery:
    """Nobody decides for so long."""
    ends = desk.hospital.clock() + time
    while desk.now.wake_at is not None and desk.now.wake_at <= ends:
        await desk.alarm()
    return desk.now


@pytest.mark.parametrize("waiting", [undeliverable, returned, overdue])
async def test_the_pharmacy_is_told_once_and_again_while_nobody_decides(hospital: Hospital, waiting: Waiting) -> None:
    desk = await waiting(hospital)
    state = desk.state
    assert await told(desk) == 1, "there is one pharmacist"

    await passes(desk, SILENT - timedelta(seconds=1))
    assert await told(desk) == 1
    await passes(desk, SILENT * 2)
    assert (desk.state, await told(desk)) == (state, 3)

    await decides(desk, Decision.REFUND)
    assert (desk.now.wake_at, await told(desk)) == (None, 3)


async def test_what_is_back_is_not_asked_for_outside(hospital: Hospital) -> None:
    """Whoever decides about it must not wait for a carrier that does not answer."""
    desk = await returned(hospital)
    asked = hospital.logistics.times("track")

    await desk.alarm()

    assert hospital.logistics.times("track") == asked


async def test_a_parcel_that_is_handed_over_or_tried_again_is_nobodys_task(hospital: Hospital) -> None:
    desk = await created(hospital)
    await seen(desk, Mark.PICKED_UP, Mark.OUT, Mark.FAILED)
    await seen(desk, Mark.DELIVERED)

    assert await told(desk) == 0


async def test_an_address_that_the_carrier_looks_at_for_too_long_is_a_task(hospital: Hospital, clock: Hands) -> None:
    began = clock()
    desk = await created(hospital, city=hospital.logistics.unclear)
    assert desk.now.due_at == began + SILENT
    while desk.state is DeliveryState.CREATING:
        await desk.alarm()

    assert (desk.state, desk.now.trouble, clock() - began) == (DeliveryState.UNDELIVERABLE, UNDECIDED, SILENT)
    assert await told(desk) == 1
    assert len(hospital.logistics.parcels) == 1


async def test_sent_again_its_first_order_is_taken_back_before(hospital: Hospital) -> None:
    desk = await created(hospital, city=hospital.logistics.unclear)
    while desk.state is DeliveryState.CREATING:
        await desk.alarm()

    await decides(desk, Decision.RESEND)
    again = await at_its_desk(hospital, deliveries.id_of(desk.now.prescription_id, 1))
    await again.happens()

    assert hospital.logistics.parcels[desk.id.hex].cancelled, "nothing is carried under two numbers"
    assert again.state is DeliveryState.CREATING


async def test_taken_by_the_carrier_after_all_it_goes_its_way(hospital: Hospital) -> None:
    desk = await created(hospital, city=hospital.logistics.unclear)
    while desk.state is DeliveryState.CREATING:
        await desk.alarm()

    await seen(desk, Mark.PICKED_UP)

    assert (desk.state, desk.now.trouble) == (DeliveryState.PICKED_UP, None)
