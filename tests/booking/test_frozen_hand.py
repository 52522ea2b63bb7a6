"""A worker that stood still in the middle of locking and comes back when another hand has gone on."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities.booking import BookingActivities
from models.booking import ClaimState
from models.revisit import ChooseSlot, State
from models.stores.database import Database
from tests.client import Hands
from tests.process.hospital import MORNING, Hospital, Unheard, wish
from tests.process.visit import opened, refused


@pytest.fixture
def hospital(own_database: Database) -> Hospital:
    return Hospital(own_database, Hands(MORNING), Unheard())


async def test_its_late_refusal_takes_nothing_from_the_visit(hospital: Hospital) -> None:
    """The HIS refused the first hand; before that was written down, the second was given the place."""
    visit = await (await opened(hospital)).to(State.CHOOSING)
    choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
    hold = hospital.work(BookingActivities.hold)
    hospital.his.refuses("lock", "his.slot-full")
    stands_still = hospital.his.gate("find_lock")
    first = asyncio.ensure_future(hold(visit.now, choice))
    await stands_still.reached.wait()

    await hospital.hand_time_is_up()
    held = await hold(visit.now, choice)
    stands_still.opened.set()

    assert await first == held
    assert held.state is State.DESCRIBING
    assert (await hospital.claim(visit.id)).state is ClaimState.HELD
    assert await hospital.taken(visit.unit.slot_ids[0]) == 1


async def test_its_late_lock_is_no_place_when_another_hand_has_given_it_back(hospital: Hospital) -> None:
    """The HIS locked for the first hand; before that was written down, the second was refused and released what had landed."""
    visit = await (await opened(hospital)).to(State.CHOOSING)
    choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
    hold = hospital.work(BookingActivities.hold)
    stands_still = hospital.his.gate("lock")
    first = asyncio.ensure_future(hold(visit.now, choice))
    await stands_still.reached.wait()

    await hospital.hand_time_is_up()
    hospital.his.refuses("lock", "his.slot-full")
    assert await refused(hold(visit.now, choice)) == "slot.sold_out"
    stands_still.opened.set()

    with pytest.raises(ApplicationError, match=r"row\.moved"):
        await first
    row = await hospital.row(visit.id)
    assert (row.state, row.claim_id, row.step) == (State.CHOOSING, None, None)
    assert await hospital.taken(visit.unit.slot_ids[0]) == 0
