"""Locks at the HIS that no claim of ours stands behind: released at the start and each night, and never one that somebody wants."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import structlog
from structlog.typing import EventDict

from activities.booking import BookingActivities
from activities.booking_locks import QUIET, StrayLocks
from models.kernel import ids
from models.kernel.clock import SHANGHAI
from models.kernel.errors import Unknown
from models.revisit import Cancel, ChooseSlot, State
from models.stores.database import Database
from tests.client import Hands
from tests.process.hospital import MORNING, Hospital, Unheard, wish
from tests.process.visit import Visit, opened, refused

SOON = QUIET / 3
"""The loop comes by as often."""


@pytest.fixture
def clock() -> Hands:
    return Hands(MORNING)


@pytest.fixture
def hospital(database: Database, clock: Hands) -> Hospital:
    return Hospital(database, clock, Unheard())


@pytest.fixture
def locks(hospital: Hospital) -> StrayLocks:
    """Those of a worker that starts now."""
    return StrayLocks(hospital.database, hospital.his, hospital.clock)


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


class Late:
    """A wish whose lock landed after it was refused and its claim was withdrawn."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.hospital = visit, visit.hospital
        self.choice = wish(ChooseSlot, visit.person.account_id, slot_id=visit.unit.slot_ids[0])
        self.claim_id = ids.derived("booking", self.choice.id)

    async def chosen(self) -> None:
        """Asked, or asked again, by a hand of the visit."""
        await self.hospital.work(BookingActivities.hold)(self.visit.now, self.choice)

    async def lands(self) -> "Late":
        """The first request is held up on the way; asked again the HIS refuses; then the first one arrives all the same."""
        self.hospital.his.silent("lock")
        with pytest.raises(Unknown):
            await self.chosen()
        await self.hospital.hand_time_is_up()
        self.hospital.his.refuses("lock", "his.slot-full")
        assert await refused(self.chosen()) == "slot.sold_out"
        await self.arrives()
        return self

    async def arrives(self) -> None:
        await self.hospital.his.lock(self.claim_id, self.choice.slot_id, "pat-1")

    @property
    def status(self) -> str:
        return self.hospital.his.of_claim(self.claim_id).status


async def a_late_lock(hospital: Hospital) -> Late:
    return await Late(await (await opened(hospital)).to(State.CHOOSING)).lands()


async def round_of(locks: StrayLocks, clock: Hands) -> int:
    """The loop comes by until the locks have been looked through; answers how many were released."""
    released = 0
    for _ in range(6):
        released += await locks.release_due()
        clock.forward(seconds=SOON.total_seconds())
    return released


async def test_a_lock_that_landed_late_is_released_and_the_patient_may_choose_again(
    hospital: Hospital, locks: StrayLocks, clock: Hands, lines: list[EventDict]
) -> None:
    late = await a_late_lock(hospital)
    slot_id = late.choice.slot_id
    assert (hospital.his.held(slot_id), await hospital.taken(slot_id)) == (1, 0), "the HIS holds what we do not"
    lines.clear()

    assert await round_of(locks, clock) == 1

    assert hospital.his.held(slot_id) == 0
    stray = {"claim_id": str(late.claim_id), "appointment_id": hospital.his.of_claim(late.claim_id).id}
    assert lines == [
        {"event": "booking.stray_lock_released", "log_level": "warning"} | stray,
        {"event": "booking.locks_looked_through", "log_level": "info", "held": 1, "released": 1, "refused": 0},
    ]
    await late.visit.to(State.DESCRIBING)


async def test_what_a_visit_holds_or_has_booked_stays(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    held = await (await opened(hospital)).to(State.DESCRIBING)
    booked = await (await opened(hospital)).to(State.BOOKED)

    assert await round_of(locks, clock) == 0

    assert [hospital.his.of_claim(one.now.claim_id).status for one in (held, booked)] == ["pending", "booked"]
    assert hospital.his.times("release") == 0


async def test_a_place_that_the_his_kept_when_a_visit_was_left_is_released(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """A refusal to let go does not keep the visit; the lock is still there in the night."""
    visit = await (await opened(hospital)).to(State.DESCRIBING)
    hospital.his.refuses("release", "his.not-now")
    await visit.does(Cancel)
    assert hospital.his.of_claim(visit.now.claim_id).status == "pending"

    assert await round_of(locks, clock) == 1

    assert hospital.his.of_claim(visit.now.claim_id).status == "cancelled"


async def test_a_lock_asked_for_while_the_his_lists_is_wanted(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """Claimed and locked after the list was made, or before: the claims are read when the list is there."""
    before, after = [await (await opened(hospital)).to(State.CHOOSING) for _ in range(2)]
    await before.chooses()
    listing = hospital.his.gate("locks")
    looking = asyncio.ensure_future(locks.release_due())
    await listing.reached.wait()
    await after.chooses()
    listing.opened.set()
    await looking

    assert await round_of(locks, clock) == 0

    assert [hospital.his.of_claim(one.now.claim_id).status for one in (before, after)] == ["pending", "pending"]


async def test_a_hand_that_has_asked_and_heard_nothing_keeps_its_lock(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """However long it takes: its claim is live from before it asked until it has let the lock go."""
    late = Late(await (await opened(hospital)).to(State.CHOOSING))
    answering = hospital.his.gate("lock")
    asking = asyncio.ensure_future(late.chosen())
    await answering.reached.wait()

    assert await round_of(locks, clock) == 0
    answering.opened.set()
    await asking

    assert late.status == "pending"
    assert (await hospital.row(late.visit.id)).state == State.DESCRIBING


async def test_a_hand_that_is_still_handling_its_refusal_lets_go_itself(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """The HIS refuses what landed at the first attempt; between its release and the withdrawal of the claim a round goes by."""
    late = Late(await (await opened(hospital)).to(State.CHOOSING))
    hospital.his.silent("lock", landed=True)
    with pytest.raises(Unknown):
        await late.chosen()
    await hospital.hand_time_is_up()
    hospital.his.refuses("lock", "his.slot-stopped")
    finding, releasing = hospital.his.gate("find_lock"), hospital.his.gate("release")
    handling = asyncio.ensure_future(refused(late.chosen()))

    await finding.reached.wait()
    assert await round_of(locks, clock) == 0
    assert late.status == "pending"
    finding.opened.set()
    await releasing.reached.wait()
    assert await round_of(StrayLocks(hospital.database, hospital.his, clock), clock) == 0
    releasing.opened.set()

    assert await handling == "slot.stopped"
    assert (late.status, hospital.his.times("release")) == ("cancelled", 1)
    assert await hospital.taken(late.choice.slot_id) == 0


async def test_a_number_given_back_and_asked_again_keeps_the_lock_that_the_his_answers_with(
    hospital: Hospital, locks: StrayLocks, clock: Hands
) -> None:
    """A worker died before it could say that it was refused: the next attempt asks under the same number, while a round is under way."""
    late = await a_late_lock(hospital)
    await locks.release_due()
    clock.forward(seconds=SOON.total_seconds())

    await late.chosen()

    assert await round_of(locks, clock) == 0
    assert late.status == "pending"
    await late.visit.desk.begin()
    assert late.visit.state is State.DESCRIBING
    await late.visit.to(State.BOOKED)


async def test_a_lock_is_watched_from_when_its_claim_was_given_back(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """Not from when it was listed first: another attempt under its number may be under way."""
    late, visit = await a_late_lock(hospital), await (await opened(hospital)).to(State.DESCRIBING)
    assert await locks.release_due() == 0
    hospital.his.refuses("release", "his.not-now")
    await visit.does(Cancel)
    clock.forward(seconds=QUIET.total_seconds())

    assert await locks.release_due() == 1

    assert (late.status, hospital.his.of_claim(visit.now.claim_id).status) == ("cancelled", "pending")
    assert await round_of(locks, clock) == 1
    assert hospital.his.of_claim(visit.now.claim_id).status == "cancelled"


async def test_asked_again_while_other_locks_are_being_released_it_is_kept(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    """Between the look at all claims and its own turn."""
    first, second = [await a_late_lock(hospital) for _ in range(2)]
    await locks.release_due()
    clock.forward(seconds=QUIET.total_seconds())
    releasing = hospital.his.gate("release")
    looking = asyncio.ensure_future(locks.release_due())
    await releasing.reached.wait()
    being_released, still_there = sorted((first, second), key=lambda one: one.status)
    await still_there.chosen()
    releasing.opened.set()

    assert await looking == 1

    assert (being_released.status, still_there.status) == ("cancelled", "pending")


async def test_asked_again_after_its_lock_was_released_the_wish_is_refused_and_nothing_is_held(
    hospital: Hospital, locks: StrayLocks, clock: Hands
) -> None:
    """The HIS answers a number with its first lock, which has ended: the patient chooses anew."""
    late = await a_late_lock(hospital)
    await round_of(locks, clock)

    assert await refused(late.chosen()) == "slot.lock_lapsed"

    assert await hospital.taken(late.choice.slot_id) == 0
    await late.visit.to(State.DESCRIBING)


async def test_a_lock_paid_in_the_meantime_is_the_hiss_to_refuse(
    hospital: Hospital, locks: StrayLocks, clock: Hands, lines: list[EventDict]
) -> None:
    """At a window of the hospital, say. It is told, and not asked for again in this round."""
    late = await a_late_lock(hospital)
    await locks.release_due()
    clock.forward(seconds=QUIET.total_seconds())
    hospital.his.refuses("release", "his.settled")
    lines.clear()

    assert await round_of(locks, clock) == 0

    assert [(line["event"], line.get("code"), line.get("refused")) for line in lines] == [
        ("booking.stray_lock_not_released", "his.settled", None),
        ("booking.locks_looked_through", None, 1),
    ]
    assert late.status == "pending"


async def test_a_silent_his_is_asked_again_until_it_has_answered(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    late = await a_late_lock(hospital)
    hospital.his.silent("locks", times=3)
    hospital.his.silent("release", times=2)

    assert [await round_of(locks, clock) for _ in range(3)] == [0, 1, 0]

    assert late.status == "cancelled"


async def test_a_release_that_landed_unheard_is_done(hospital: Hospital, locks: StrayLocks, clock: Hands) -> None:
    late = await a_late_lock(hospital)
    hospital.his.silent("release", landed=True)

    await round_of(locks, clock)

    assert (late.status, hospital.his.times("release")) == ("cancelled", 1)


@pytest.mark.parametrize(
    ("starts_at", "nights"),
    [
        pytest.param(datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI), ["03-02 09:00", "03-03 03:30", "03-04 03:30"], id="by day"),
        pytest.param(datetime(2026, 3, 2, 1, 0, tzinfo=SHANGHAI), ["03-02 01:00", "03-02 03:30", "03-03 03:30"], id="in the night"),
        pytest.param(datetime(2026, 3, 2, 3, 30, tzinfo=SHANGHAI), ["03-02 03:30", "03-03 03:30", "03-04 03:30"], id="at that hour"),
    ],
)
async def test_it_is_done_at_the_start_and_each_night(hospital: Hospital, clock: Hands, starts_at: datetime, nights: list[str]) -> None:
    clock.at = starts_at
    locks, asked = StrayLocks(hospital.database, hospital.his, clock), list[str]()

    while clock.at <= starts_at + timedelta(days=2):
        before = hospital.his.times("locks")
        await locks.release_due()
        if hospital.his.times("locks") > before:
            asked.append(f"{clock.at:%m-%d %H:%M}")
        clock.forward(minutes=5)

    assert asked == nights
