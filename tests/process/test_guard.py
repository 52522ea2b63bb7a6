"""The guard of a step: key, fence and version. Done once, whoever asks again, and never by two hands at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError

from activities.steps import Done, Guard
from models.kernel import ids
from models.kernel.errors import DomainError
from models.process import Alarm, Event
from models.revisit import Cancel, ChargeEnded, ChooseSlot, Revisit, SelfCheck, State
from models.stores import inbox
from models.stores import revisit as revisits
from models.stores.database import Database
from models.tables.process import AuditRow, InboxRow, TimelineRow
from tests.builders import a_visit
from tests.client import Hands
from tests.process.hospital import MORNING, wish

ME = UUID(int=1)
DUE = MORNING + timedelta(minutes=30)


@pytest.fixture
def guard(database: Database, clock: Hands) -> Guard[Revisit]:
    return Guard(database, clock, revisits.STORE)


async def standing(guard: Guard[Revisit], state: State = State.CHOOSING) -> Revisit:
    """A row as its process sees it."""
    async with guard.database.transaction() as db:
        id = await a_visit(db, state, due_at=DUE, wake_at=DUE)
    return await seen(guard, id)


async def seen(guard: Guard[Revisit], id: UUID) -> Revisit:
    async with guard.database.reading() as db:
        return await revisits.load(db, id)


async def moved(guard: Guard[Revisit], now: Revisit, why: Event | Alarm | None, to: State = State.CANCELLED, **values: Any) -> Revisit:
    """One step without a call outside, as activities do it: done already is an answer too."""
    step = guard.step(now, "booking.leave", why)
    try:
        async with step.move(to, **values):
            pass
    except Done as done:
        return cast(Revisit, done.row)
    return step.row


async def fenced(guard: Guard[Revisit], now: Revisit, why: Event | Alarm | None) -> None:
    async with guard.step(now, "booking.hold", why).fence():
        pass


async def refused(work: Awaitable[object]) -> str:
    """The type of the failure by which the kernel knows what to do."""
    with pytest.raises(ApplicationError) as failure:
        await work
    return str(failure.value.type)


async def hand_time_is_up(guard: Guard[Revisit]) -> None:
    async with guard.database.transaction() as db:
        await db.execute(text("update revisit set step_until = clock_timestamp() - interval '1 second'"))


async def entries(guard: Guard[Revisit], id: UUID) -> list[TimelineRow]:
    async with guard.database.reading() as db:
        return list(await db.scalars(select(TimelineRow).where(TimelineRow.process_id == id).order_by(TimelineRow.version)))


async def test_a_move_leads_to_the_next_state_and_stands_in_the_timeline(guard: Guard[Revisit], clock: Hands) -> None:
    now = await standing(guard)
    cancel = wish(Cancel, ME, body="hash")

    row = await moved(guard, now, cancel, reason="patient")

    assert (row.state, row.version) == (State.CANCELLED, now.version + 1)
    assert row == await seen(guard, now.id)
    entry = (await entries(guard, now.id))[0]
    assert (entry.step, entry.name, entry.before, entry.after, entry.version) == (
        str(cancel.id),
        "booking.leave",
        "choosing",
        "cancelled",
        1,
    )
    assert (entry.by, entry.body, entry.at, entry.visit_id) == (ME, "hash", clock(), now.id)


async def test_the_same_key_again_is_done_once_and_answered(guard: Guard[Revisit]) -> None:
    now, cancel = await standing(guard), wish(Cancel, ME)

    answers = [await moved(guard, now, cancel) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert [entry.step for entry in await entries(guard, now.id)] == [str(cancel.id)]


async def test_a_key_is_found_done_in_a_state_that_did_not_change(guard: Guard[Revisit]) -> None:
    """Nothing but the timeline tells that it was."""
    now, check = await standing(guard, State.CONSENTING), wish(SelfCheck, ME, symptoms=())
    after = await moved(guard, now, check, State.CONSENTING)

    again = await moved(guard, after, check, State.CONSENTING)

    assert again == after
    assert len(await entries(guard, now.id)) == 1


async def test_a_stale_version_moves_nothing(guard: Guard[Revisit]) -> None:
    now = await standing(guard, State.CONSENTING)
    await moved(guard, now, wish(SelfCheck, ME, symptoms=()), State.CONSENTING)

    assert await refused(moved(guard, now, wish(Cancel, ME))) == "row.moved"
    assert await refused(fenced(guard, now, wish(Cancel, ME))) == "row.moved"
    assert (await seen(guard, now.id)).state is State.CONSENTING


async def test_a_step_that_nobody_asked_for_is_known_by_its_name_and_version(guard: Guard[Revisit]) -> None:
    now = await standing(guard)

    await moved(guard, now, Alarm())
    await moved(guard, now, None)

    assert [entry.step for entry in await entries(guard, now.id)] == ["booking.leave@0"]


async def test_the_key_of_another_row_is_another(guard: Guard[Revisit]) -> None:
    one, another = await standing(guard), await standing(guard)

    assert [(await moved(guard, row, Alarm())).state for row in (one, another)] == [State.CANCELLED, State.CANCELLED]


async def test_a_fence_says_who_is_about_to_call_and_what_for(guard: Guard[Revisit]) -> None:
    now, choice = await standing(guard), wish(ChooseSlot, ME, slot_id="slot-1")

    await fenced(guard, now, choice)

    row = await seen(guard, now.id)
    assert row.under_way == choice
    assert (row.state, row.version, row.due_at) == (now.state, now.version, now.due_at)
    assert not await entries(guard, now.id)


async def test_a_fence_that_was_refused_inside_is_none_and_the_step_may_still_move(guard: Guard[Revisit]) -> None:
    now = await standing(guard)
    step = guard.step(now, "booking.hold", wish(ChooseSlot, ME, slot_id="slot-1"))

    with pytest.raises(DomainError):
        async with step.fence():
            raise DomainError("slot.stopped", "conflict")
    async with step.move(State.CANCELLED):
        pass

    assert (await seen(guard, now.id)).state is State.CANCELLED


async def test_while_one_is_fenced_nobody_else_may_call_or_move(guard: Guard[Revisit]) -> None:
    now = await standing(guard)
    await fenced(guard, now, wish(ChooseSlot, ME, slot_id="slot-1"))
    await hand_time_is_up(guard)

    assert await refused(fenced(guard, now, wish(ChooseSlot, ME, slot_id="slot-2"))) == "row.moved"
    assert await refused(moved(guard, now, wish(Cancel, ME))) == "row.moved"
    assert await refused(moved(guard, now, Alarm())) == "row.moved"


async def test_its_own_key_may_call_again_only_when_the_first_hands_time_is_up(guard: Guard[Revisit]) -> None:
    now, choice = await standing(guard), wish(ChooseSlot, ME, slot_id="slot-1")
    await fenced(guard, now, choice)

    assert await refused(fenced(guard, now, choice)) == "step.at_work"
    await hand_time_is_up(guard)
    await fenced(guard, now, choice)
    assert await refused(fenced(guard, now, choice)) == "step.at_work"


async def test_the_hand_that_fenced_moves_though_its_time_is_up(guard: Guard[Revisit]) -> None:
    now, cancel = await standing(guard), wish(Cancel, ME)
    await fenced(guard, now, cancel)
    await hand_time_is_up(guard)

    assert (await moved(guard, now, cancel)).state is State.CANCELLED


async def test_a_late_hand_finds_that_the_other_did_it(guard: Guard[Revisit]) -> None:
    now, choice = await standing(guard), wish(ChooseSlot, ME, slot_id="slot-1")
    await fenced(guard, now, choice)
    done = await moved(guard, now, choice, State.DESCRIBING)

    with pytest.raises(Done) as found:
        await fenced(guard, now, choice)

    assert found.value.row == done


async def test_giving_up_frees_the_row_for_the_next_wish(guard: Guard[Revisit]) -> None:
    now = await standing(guard)
    step = guard.step(now, "booking.hold", wish(ChooseSlot, ME, slot_id="slot-1"))
    async with step.fence():
        pass

    async with step.give_up():
        pass

    assert await seen(guard, now.id) == now
    await fenced(guard, now, wish(ChooseSlot, ME, slot_id="slot-2"))


async def test_a_hand_that_outlived_its_time_gives_up_nothing_of_the_next(guard: Guard[Revisit]) -> None:
    """Two hands under one key: what the first was refused says nothing of what the second is doing."""
    now, choice = await standing(guard), wish(ChooseSlot, ME, slot_id="slot-1")
    slow = guard.step(now, "booking.hold", choice)
    async with slow.fence():
        pass
    await hand_time_is_up(guard)
    await fenced(guard, now, choice)

    async def gives_up() -> None:
        async with slow.give_up():
            raise AssertionError("the claim of the next hand would be withdrawn here")

    assert await refused(gives_up()) == "step.at_work"
    assert (await seen(guard, now.id)).under_way == choice


async def test_what_is_refused_inside_the_fence_leaves_none(guard: Guard[Revisit]) -> None:
    now = await standing(guard)

    with pytest.raises(LookupError):
        async with guard.step(now, "booking.hold", wish(ChooseSlot, ME, slot_id="slot-1")).fence():
            raise LookupError

    assert await seen(guard, now.id) == now


async def test_what_goes_wrong_inside_a_move_moves_nothing(guard: Guard[Revisit]) -> None:
    now = await standing(guard)

    with pytest.raises(LookupError):
        async with guard.step(now, "booking.leave", wish(Cancel, ME)).move(State.CANCELLED):
            raise LookupError

    assert await seen(guard, now.id) == now
    assert not await entries(guard, now.id)


async def test_a_move_clears_what_was_under_way(guard: Guard[Revisit]) -> None:
    now, choice = await standing(guard), wish(ChooseSlot, ME, slot_id="slot-1")
    await fenced(guard, now, choice)

    assert (await moved(guard, now, choice, State.DESCRIBING)).under_way is None
    assert await refused(fenced(guard, now, wish(ChooseSlot, ME, slot_id="slot-2"))) == "row.moved"


async def test_deadlines_stay_unless_the_move_says_otherwise(guard: Guard[Revisit]) -> None:
    """A deadline must not vanish because something else happened in that state."""
    now = await standing(guard, State.CONSENTING)

    stayed = await moved(guard, now, wish(SelfCheck, ME, symptoms=()), State.CONSENTING)
    changed = await moved(guard, stayed, wish(SelfCheck, ME, symptoms=()), State.CHOOSING, due_at=DUE + timedelta(hours=1), wake_at=None)

    assert (stayed.due_at, stayed.wake_at) == (DUE, DUE)
    assert (changed.due_at, changed.wake_at) == (DUE + timedelta(hours=1), None)


async def test_a_move_that_is_not_in_the_table_is_a_bug(guard: Guard[Revisit]) -> None:
    now = await standing(guard, State.CHOOSING)

    with pytest.raises(RuntimeError, match="not in the table of moves"):
        await moved(guard, now, wish(Cancel, ME), State.BOOKED)

    assert await seen(guard, now.id) == now


async def test_what_a_person_did_is_audited_and_what_the_house_did_is_not(guard: Guard[Revisit]) -> None:
    mine, timed_out = await standing(guard), await standing(guard)
    await moved(guard, mine, wish(Cancel, ME))
    await moved(guard, timed_out, Alarm())

    async with guard.database.reading() as db:
        audited = [
            (row.account_id, row.action, row.subject_id) for row in await db.scalars(select(AuditRow).where(AuditRow.subject == "revisit"))
        ]

    assert audited == [(ME, "booking.leave", mine.id)]


async def test_the_inbox_row_is_handled_with_the_move_or_not_at_all(guard: Guard[Revisit]) -> None:
    now = await standing(guard, State.PAYING)
    ended = ChargeEnded(id=ids.new(), charge_id=ids.new(), outcome="closed")
    async with guard.database.transaction() as db:
        await inbox.bring(db, "revisit", now.id, ended, party="charge")

    with pytest.raises(LookupError):
        async with guard.step(now, "booking.leave", ended).move(State.CANCELLED):
            raise LookupError
    assert await outcome(guard, ended) == (None, None)

    await moved(guard, now, ended)
    assert await outcome(guard, ended) == (guard.clock(), "done")


async def outcome(guard: Guard[Revisit], event: Event) -> tuple[object, str | None]:
    async with guard.database.reading() as db:
        row = await db.get_one(InboxRow, event.id)
        return row.handled_at, row.outcome


@pytest.mark.parametrize("statement", ["update timeline set name = 'another'", "delete from timeline", "delete from audit"])
async def test_what_was_done_is_never_changed(own_database: Database, clock: Hands, statement: str) -> None:
    guard = Guard(own_database, clock, revisits.STORE)
    await moved(guard, await standing(guard), wish(Cancel, ME))

    with pytest.raises(DBAPIError, match="never changed"):
        async with own_database.transaction() as db:
            await db.execute(text(statement))


async def test_of_many_keys_at_once_one_moves_the_row(own_database: Database, clock: Hands) -> None:
    guard = Guard(own_database, clock, revisits.STORE)
    now = await standing(guard)

    answers = await asyncio.gather(*(moved(guard, now, wish(Cancel, ME)) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(one, Revisit) for one in answers) == 1
    assert {one.type for one in answers if isinstance(one, ApplicationError)} == {"row.moved"}


Hand = Callable[[Guard[Revisit], Revisit, Event], Awaitable[object]]


@pytest.mark.parametrize("hand", [moved, fenced])
async def test_of_many_hands_under_one_key_one_does_it(own_database: Database, clock: Hands, hand: Hand) -> None:
    guard = Guard(own_database, clock, revisits.STORE)
    now, cancel = await standing(guard), wish(Cancel, ME)

    answers = await asyncio.gather(*(hand(guard, now, cancel) for _ in range(8)), return_exceptions=True)

    if hand is moved:
        assert {one.version for one in answers if isinstance(one, Revisit)} == {now.version + 1}
        assert len(await entries(guard, now.id)) == 1
    else:
        assert sorted(str(getattr(one, "type", one)) for one in answers) == ["None"] + ["step.at_work"] * 7


async def test_a_step_that_waits_for_why_holds_no_second_connection(own_database: Database, clock: Hands) -> None:
    """With a pool of one, asking why inside the transaction would wait for itself."""
    narrow = Database(own_database.engine.url.render_as_string(hide_password=False), own_database.vault, pool=1)
    guard = Guard(narrow, clock, revisits.STORE)
    now = await standing(guard)
    await moved(guard, now, wish(Cancel, ME))

    async with asyncio.timeout(20):
        assert await refused(moved(guard, now, wish(Cancel, ME))) == "row.moved"
    await narrow.close()


async def test_two_rows_under_one_key_are_each_moved(guard: Guard[Revisit]) -> None:
    """What was done under a key is a fact of one process."""
    one, another, cancel = await standing(guard), await standing(guard), wish(Cancel, ME)
    await moved(guard, one, cancel)
    await moved(guard, another, cancel)

    async with guard.database.reading() as db:
        assert (await db.scalars(select(func.count()).where(TimelineRow.step == str(cancel.id)))).one() == 2
