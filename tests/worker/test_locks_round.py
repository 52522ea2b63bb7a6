"""The round of stray locks as the workers run it: one of many, and when that one is lost, the next."""

import asyncio

import pytest

from activities.booking_locks import QUIET, StrayLocks
from models.kernel import ids
from models.stores.database import Database
from tests.client import Hands
from tests.process.hospital import MORNING, Hospital, Unheard
from worker.relay import as_the_only_one

KEY = 0x46555AFE


@pytest.fixture
def hospital(own_database: Database) -> Hospital:
    return Hospital(own_database, Hands(MORNING), Unheard())


def a_worker(hospital: Hospital, clock: Hands, stop: asyncio.Event) -> "asyncio.Task[None]":
    """With a round due, as at every start."""
    locks = StrayLocks(hospital.database, hospital.his, clock)
    return asyncio.create_task(as_the_only_one(hospital.database, KEY, locks.release_due, 0.01, stop))


async def test_one_of_many_workers_lists_the_locks_and_another_goes_on_when_it_is_lost(hospital: Hospital) -> None:
    unit = await hospital.unit()
    claim_id = ids.new()
    await hospital.his.lock(claim_id, unit.slot_ids[0], "pat-1")
    clock, stop = Hands(MORNING), asyncio.Event()
    listing = hospital.his.gate("locks")
    first = a_worker(hospital, clock, stop)
    await listing.reached.wait()
    second = a_worker(hospital, clock, stop)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(second), 0.3)
    assert hospital.his.times("locks") == 1

    went_on, releasing = hospital.his.gate("locks"), hospital.his.gate("release")
    first.cancel()  # in the middle of its round: its connection ends, and with it its lock
    await asyncio.wait_for(went_on.reached.wait(), 5)
    went_on.opened.set()
    while not releasing.reached.is_set():
        clock.forward(seconds=QUIET.total_seconds())
        await asyncio.sleep(0.01)
    releasing.opened.set()
    stop.set()
    await asyncio.wait([second])

    assert hospital.his.of_claim(claim_id).status == "cancelled"


async def test_a_fault_of_ours_ends_one_look_and_not_the_loop(hospital: Hospital) -> None:
    stop = asyncio.Event()
    hospital.his.breaks("locks")
    listing = hospital.his.gate("locks")
    loop = a_worker(hospital, Hands(MORNING), stop)

    await asyncio.wait_for(listing.reached.wait(), 5)
    assert hospital.his.times("locks") == 2

    listing.opened.set()
    stop.set()
    await asyncio.wait([loop])
    assert loop.exception() is None
