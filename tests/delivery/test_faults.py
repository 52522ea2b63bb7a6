"""The carrier slow, refusing, losing what it has done, or asked twice: an order exists there at most once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError

from activities.delivery import DeliveryActivities
from models.delivery import Decide, Decision, Delivery, DeliveryPushed, DeliveryState, Mark
from models.kernel import ids
from models.kernel.errors import Unknown
from models.stores.database import Database
from tests.client import Hands
from tests.delivery.builders import PHARMACY, at_its_desk, brought, created, decides, seen, tasks, told, wanted
from tests.process.desk import DeliveryDesk
from tests.process.hospital import Hospital, Unheard, wish

Prepared = Callable[[Hospital], Awaitable[DeliveryDesk]]


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("times", [1, 3])
async def test_an_order_without_an_answer_is_asked_again_under_its_number(hospital: Hospital, landed: bool, times: int) -> None:
    desk = await wanted(hospital)
    hospital.logistics.silent("create", landed=landed, times=times)
    await desk.happens()

    assert (desk.state, list(hospital.logistics.parcels)) == (DeliveryState.CREATED, [desk.id.hex])
    assert hospital.logistics.times("create") == times + 1


async def test_what_landed_and_is_then_refused_was_taken(hospital: Hospital) -> None:
    desk = await wanted(hospital)
    hospital.logistics.silent("create", landed=True)
    hospital.logistics.refuses("create", "logistics.8057")
    with capture_logs() as lines:
        await desk.happens()

    assert (desk.state, tasks(lines)) == (DeliveryState.CREATED, [])
    assert len(hospital.logistics.parcels) == 1


async def test_a_carrier_that_refuses_and_cannot_be_asked_decides_nothing(hospital: Hospital) -> None:
    desk = await wanted(hospital)
    hospital.logistics.refuses("create", "logistics.A1006")
    hospital.logistics.silent("find")
    await desk.happens()

    assert desk.state is DeliveryState.CREATED, "asked again, it took it"


@pytest.mark.parametrize("call", ["track", "cancel"])
@pytest.mark.parametrize("landed", [False, True])
async def test_a_decision_without_an_answer_is_carried_out_once(hospital: Hospital, call: str, landed: bool) -> None:
    desk = await created(hospital)
    hospital.logistics.silent(call, landed=landed, times=2)
    await decides(desk, Decision.REFUND)

    assert (desk.state, hospital.logistics.parcels[desk.id.hex].cancelled) == (DeliveryState.DECIDED, True)
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "refund")]


async def test_while_the_carrier_is_silent_the_parcel_stays_where_it_is_known(hospital: Hospital) -> None:
    desk = await created(hospital)
    hospital.logistics.silent("track", times=3)
    hospital.logistics.moves(desk.id.hex, Mark.PICKED_UP)
    await desk.alarm()

    assert (desk.state, hospital.logistics.times("track")) == (DeliveryState.PICKED_UP, 4)


async def test_two_hands_at_one_order_make_one(own_database: Database, clock: Hands) -> None:
    hospital = Hospital(own_database, clock, Unheard())
    desk = await wanted(hospital)
    gate, hand = hospital.logistics.gate("create"), hospital.work(DeliveryActivities.create)
    first = asyncio.ensure_future(hand(desk.now))
    await gate.reached.wait()
    with pytest.raises(ApplicationError, match=r"step\.at_work"):
        await hand(desk.now)
    gate.opened.set()

    assert (await first).state is DeliveryState.CREATED
    assert (await hand(desk.now)).state is DeliveryState.CREATED, "done again, it finds that it was done"
    assert hospital.logistics.times("create") == 1


async def test_a_hand_that_outlived_its_time_writes_nothing(own_database: Database, clock: Hands) -> None:
    hospital = Hospital(own_database, clock, Unheard())
    desk = await wanted(hospital)
    gate, hand = hospital.logistics.gate("create"), hospital.work(DeliveryActivities.create)
    first = asyncio.ensure_future(hand(desk.now))
    await gate.reached.wait()
    await hospital.hand_time_is_up()
    await hand(desk.now)
    gate.opened.set()

    assert (await first).version == 1
    assert (len(hospital.logistics.parcels), await hospital.story(desk.id)) == (1, ["delivery.create"])


@pytest.mark.parametrize("times", [2, 3])
async def test_the_same_news_knocked_often_is_acted_on_once(hospital: Hospital, times: int) -> None:
    desk = await created(hospital)
    hospital.logistics.moves(desk.id.hex, Mark.PICKED_UP, Mark.DELIVERED)
    before, why = desk.now, await brought(desk, DeliveryPushed(id=ids.new()))
    for _ in range(times):
        row = await hospital.work(DeliveryActivities.poll)(before, why)
        assert row.state is DeliveryState.SIGNED

    assert (await hospital.story(desk.id)).count("delivery.poll") == 1
    assert len(await told(hospital, desk.now.prescription_id)) == 1


async def test_of_two_people_who_decide_one_does(own_database: Database, clock: Hands) -> None:
    hospital = Hospital(own_database, clock, Unheard())
    desk = await created(hospital)
    await seen(desk, Mark.RETURNING, Mark.DELIVERED)
    wishes = [wish(Decide, PHARMACY, decision=one) for one in (Decision.REFUND, Decision.KEEP, Decision.RESEND)]
    hand: Callable[..., Awaitable[Delivery]] = hospital.work(DeliveryActivities.decide)
    answers = await asyncio.gather(*(hand(desk.now, one) for one in wishes), return_exceptions=True)

    assert sorted(type(one).__name__ for one in answers) == ["ApplicationError", "ApplicationError", "Delivery"]
    assert (await hospital.story(desk.id)).count("delivery.decide") == 1


async def test_begun_again_it_finishes_first_what_was_under_way(hospital: Hospital) -> None:
    desk = await created(hospital)
    asked = wish(Decide, PHARMACY, decision=Decision.REFUND)
    hospital.logistics.silent("cancel", landed=True)
    with pytest.raises(Unknown):
        await hospital.work(DeliveryActivities.decide)(desk.now, asked)
    await hospital.hand_time_is_up()
    again = await at_its_desk(hospital, desk.id)

    assert again.now.under_way == asked
    await again.happens(again.now.under_way)
    assert again.state is DeliveryState.DECIDED
