"""A parcel at a stand-in desk: every way that it can take, and what the prescription is told of its end."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from activities.delivery import UNREACHABLE
from models.delivery import Decision, DeliveryState, Mark, Reach
from models.kernel import ids
from models.stores import delivery as deliveries
from tests.client import Hands
from tests.delivery.builders import (
    FORWARD,
    an_address,
    asked,
    at_its_desk,
    created,
    decides,
    overdue,
    returned,
    row,
    seen,
    tasks,
    told,
    wanted,
)
from tests.process.desk import DeliveryDesk
from tests.process.hospital import Hospital, Unheard
from tests.process.visit import refused

HOUR = timedelta(hours=1)


async def tracks(desk: DeliveryDesk) -> list[Mark]:
    async with desk.hospital.database.reading() as db:
        return [event.mark for event in await deliveries.tracks(db, desk.id)]


async def test_a_parcel_is_ordered_followed_and_signed_for(hospital: Hospital, clock: Hands) -> None:
    desk = await created(hospital)
    assert desk.state is DeliveryState.CREATED
    assert (await row(desk)).waybill == hospital.logistics.parcels[desk.id.hex].waybill
    for mark, state in zip(FORWARD, (DeliveryState.PICKED_UP, DeliveryState.IN_TRANSIT, DeliveryState.OUT_FOR_DELIVERY), strict=True):
        clock.forward(hours=1)
        await seen(desk, mark)
        assert desk.state is state
        assert await told(hospital, desk.now.prescription_id) == []
    await seen(desk, Mark.DELIVERED)

    assert (desk.state, desk.now.wake_at, desk.now.due_at) == (DeliveryState.SIGNED, None, None)
    assert await tracks(desk) == [*FORWARD, Mark.DELIVERED]
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "signed")]


async def test_without_a_push_the_carrier_is_asked_after_growing_pauses(hospital: Hospital, clock: Hands) -> None:
    desk, pauses = await created(hospital), list[timedelta]()
    for _ in range(4):
        before = clock()
        await desk.alarm()
        pauses.append(clock() - before)
    assert pauses == [HOUR / 6, HOUR / 2, HOUR, HOUR]

    hospital.logistics.moves(desk.id.hex, Mark.PICKED_UP)
    await desk.alarm()
    assert desk.state is DeliveryState.PICKED_UP
    assert desk.now.wake_at == clock() + HOUR / 6, "something new: asked again soon"


async def test_several_scans_are_heard_of_at_once(hospital: Hospital) -> None:
    desk = await created(hospital)
    await seen(desk, *FORWARD, Mark.FAILED, Mark.OUT, Mark.DELIVERED)

    assert desk.state is DeliveryState.SIGNED
    assert len(await tracks(desk)) == 6


async def test_what_is_told_late_takes_its_place_and_moves_nothing_back(hospital: Hospital, clock: Hands) -> None:
    desk = await created(hospital)
    clock.forward(hours=2)
    await seen(desk, Mark.OUT)
    hospital.logistics.moves(desk.id.hex, Mark.PICKED_UP, earlier=HOUR)
    await asked(desk)

    assert desk.state is DeliveryState.OUT_FOR_DELIVERY
    assert await tracks(desk) == [Mark.PICKED_UP, Mark.OUT]


async def test_a_push_that_the_carrier_does_not_bear_out_moves_nothing(hospital: Hospital) -> None:
    desk = await created(hospital)
    for _ in range(3):
        await asked(desk)

    assert (desk.state, await tracks(desk), await hospital.unhandled()) == (DeliveryState.CREATED, [], 0)


async def test_refused_at_the_door_it_comes_back_and_a_person_decides(hospital: Hospital) -> None:
    desk = await created(hospital)
    for mark, state in (
        (Mark.OUT, DeliveryState.OUT_FOR_DELIVERY),
        (Mark.REFUSED, DeliveryState.REFUSED),
        (Mark.RETURNING, DeliveryState.RETURNING),
        (Mark.DELIVERED, DeliveryState.RETURNED),
    ):
        await seen(desk, mark)
        assert desk.state is state
    assert desk.now.due_at is None, "no deadline decides about money"
    assert await told(hospital, desk.now.prescription_id) == []

    await decides(desk, Decision.REFUND)
    assert (desk.state, (await row(desk)).decision) == (DeliveryState.DECIDED, "refund")
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "refund")]


async def test_the_money_may_stay(hospital: Hospital) -> None:
    desk = await returned(hospital)
    await decides(desk, Decision.KEEP)

    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "kept")]


async def test_sent_again_it_is_a_parcel_of_its_own_and_the_prescription_hears_of_its_end(hospital: Hospital, runs: Unheard) -> None:
    desk = await returned(hospital)
    async with hospital.database.transaction() as db:
        address_id = await an_address(db, detail="演示路9号")
    await decides(desk, Decision.RESEND, address_id=address_id)
    prescription_id = desk.now.prescription_id
    assert (desk.state, await told(hospital, prescription_id)) == (DeliveryState.DECIDED, [])

    again = await at_its_desk(hospital, deliveries.id_of(prescription_id, 1))
    assert ("delivery", again.id) in runs.begun
    await again.happens()
    await seen(again, *FORWARD, Mark.DELIVERED)

    details = [hospital.logistics.parcels[one.id.hex].receiver.detail for one in (desk, again)]
    assert details == ["演示路2号", "演示路9号"]
    assert (again.state, (await row(again)).attempt) == (DeliveryState.SIGNED, 1)
    assert await told(hospital, prescription_id) == [(str(again.id), "signed")]


async def test_sent_again_to_an_address_that_nobody_stored_is_refused(hospital: Hospital) -> None:
    desk = await returned(hospital)

    assert await refused(decides(desk, Decision.RESEND, address_id=ids.new())) == "delivery.address_missing"
    await desk.begin()
    assert (desk.state, desk.now.under_way) == (DeliveryState.RETURNED, None)


async def test_a_place_that_the_carrier_does_not_reach_is_a_task(hospital: Hospital) -> None:
    with capture_logs() as lines:
        desk = await created(hospital, city=hospital.logistics.far)
    assert (desk.state, desk.now.trouble) == (DeliveryState.UNDELIVERABLE, UNREACHABLE)
    assert tasks(lines) == ["delivery.undeliverable"]
    async with hospital.database.transaction() as db:
        address_id = await an_address(db)
    await decides(desk, Decision.RESEND, address_id=address_id)

    again = await at_its_desk(hospital, deliveries.id_of(desk.now.prescription_id, 1))
    await again.happens()
    assert again.state is DeliveryState.CREATED
    assert hospital.logistics.parcels[desk.id.hex].cancelled, "the first can never be carried beside it"


async def test_a_place_that_is_looked_at_first_is_asked_for_again(hospital: Hospital) -> None:
    desk = await created(hospital, city=hospital.logistics.unclear)
    assert desk.state is DeliveryState.CREATING
    await desk.alarm()
    assert desk.state is DeliveryState.CREATING
    hospital.logistics.parcels[desk.id.hex].reach = Reach.YES
    await desk.alarm()

    assert desk.state is DeliveryState.CREATED
    assert len(hospital.logistics.parcels) == 1


async def test_what_the_carrier_refuses_is_a_task(hospital: Hospital) -> None:
    desk = await wanted(hospital)
    hospital.logistics.refuses("create", "logistics.1016")
    await desk.happens()

    assert (desk.state, desk.now.trouble, hospital.logistics.parcels) == (DeliveryState.UNDELIVERABLE, "logistics.1016", {})
    await decides(desk, Decision.REFUND)
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "refund")]


@pytest.mark.parametrize("marks", [(), FORWARD])
async def test_a_parcel_of_which_nothing_is_heard_is_looked_for(hospital: Hospital, marks: tuple[Mark, ...], clock: Hands) -> None:
    began = clock()
    with capture_logs() as lines:
        desk = await overdue(hospital, *marks)
    assert clock() - began == timedelta(hours=48)
    assert tasks(lines) == ["delivery.overdue"]
    with capture_logs() as lines:
        await desk.alarm()
    assert (desk.state, tasks(lines)) == (DeliveryState.OVERDUE, []), "said once, and asked for further on"

    await decides(desk, Decision.REFUND)
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "refund")]
    assert hospital.logistics.parcels[desk.id.hex].cancelled == (not marks)


async def test_a_parcel_that_is_found_again_goes_on(hospital: Hospital, clock: Hands) -> None:
    desk = await overdue(hospital, Mark.PICKED_UP, Mark.TRANSIT)
    await seen(desk, Mark.OTHER)
    assert (desk.state, desk.now.due_at) == (DeliveryState.IN_TRANSIT, clock() + timedelta(hours=48))
    await seen(desk, Mark.DELIVERED)

    assert desk.state is DeliveryState.SIGNED


async def test_who_decides_about_a_parcel_that_moved_meanwhile_is_told_so(hospital: Hospital) -> None:
    desk = await overdue(hospital, Mark.PICKED_UP)
    hospital.logistics.moves(desk.id.hex, Mark.TRANSIT)

    assert await refused(decides(desk, Decision.REFUND)) == "delivery.moved_on"
    await desk.begin()
    assert (desk.state, desk.now.under_way) == (DeliveryState.OVERDUE, None)
    await asked(desk)
    assert desk.state is DeliveryState.IN_TRANSIT


async def test_before_it_is_picked_up_a_person_may_decide_too(hospital: Hospital) -> None:
    desk = await created(hospital)
    await decides(desk, Decision.KEEP)

    assert desk.state is DeliveryState.DECIDED
    assert hospital.logistics.parcels[desk.id.hex].cancelled


async def test_picked_up_in_the_same_moment_it_is_on_its_way(hospital: Hospital) -> None:
    desk = await created(hospital)
    hospital.logistics.moves(desk.id.hex, Mark.PICKED_UP)

    assert await refused(decides(desk, Decision.REFUND)) == "delivery.moved_on"
    await desk.begin()
    await desk.alarm()
    assert desk.state is DeliveryState.PICKED_UP


@pytest.mark.parametrize("decision", list(Decision))
async def test_nobody_decides_about_a_parcel_on_its_way(hospital: Hospital, decision: Decision) -> None:
    desk = await created(hospital)
    for mark in (*FORWARD, Mark.REFUSED, Mark.RETURNING):
        await seen(desk, mark)
        assert await refused(decides(desk, decision)) == "not_now"


async def test_a_parcel_that_turns_up_where_nobody_thought_it_could_go_is_followed(hospital: Hospital) -> None:
    desk = await created(hospital, city=hospital.logistics.far)
    await asked(desk)
    assert desk.state is DeliveryState.UNDELIVERABLE
    await seen(desk, Mark.OTHER)
    assert desk.state is DeliveryState.UNDELIVERABLE
    await seen(desk, Mark.PICKED_UP)

    assert (desk.state, desk.now.trouble) == (DeliveryState.PICKED_UP, None)
