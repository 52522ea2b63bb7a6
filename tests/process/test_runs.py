"""Pathways on a real Temporal: what only a run can show."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from activities.booking import BookingActivities
from activities.consent import ConsentActivities
from activities.revisit import RevisitActivities
from models.charge import ChargeState
from models.kernel import ids
from models.revisit import Accept, Cancel, ChargeEnded, Consent, Relate, Revisit, SelfCheck, State
from models.tables.revisit import RevisitRow
from tests.builders import FEE_FEN, NOTICE
from tests.process.running import SOON_S, Live, Running, code, refused

WHOLE = [
    *("revisit.open", "eligibility.check", "consent.self_check", "consent.consent", "booking.hold", "intake.describe"),
    *("booking.book", "queue.check_in", "queue.accept", "queue.enter", "revisit.end", "survey.answer"),
]


async def by_another_hand(visit: Live) -> Revisit:
    """The self-check is done beside the run, which does not know of it."""
    row = await visit.hospital.work(RevisitActivities.load)(visit.id)
    return await visit.hospital.work(ConsentActivities.self_check)(row, await visit.wish(SelfCheck, symptoms=()))


async def consent(visit: Live, seen: int) -> Consent:
    return await visit.wish(Consent, seen=seen, text_version=NOTICE.version, text_hash=NOTICE.hash)


async def test_a_visit_walks_from_its_opening_to_its_close(running: Running) -> None:
    visit = await (await running.opened()).to(State.CLOSED)

    assert await running.story(visit.id) == WHOLE
    assert await running.story(visit.charge_id) == ["charge.order", "charge.query", "charge.settle"]
    assert (await asyncio.wait_for(visit.run.result(), SOON_S))["state"] == State.CLOSED
    assert running.his.payments[visit.charge_id.hex].amount_fen == FEE_FEN


async def test_what_the_process_answers_is_the_row(running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)

    answer = await visit.chooses()

    assert answer == await running.work(RevisitActivities.load)(visit.id)


async def test_a_refusal_carries_its_code_its_kind_and_what_may_be_told(running: Running) -> None:
    unit = await running.unit(timedelta(minutes=-10))
    await (await running.opened(unit=unit)).to(State.DESCRIBING)
    late = await (await running.opened(unit=unit)).to(State.CHOOSING)

    failure = (await asyncio.gather(late.chooses(), return_exceptions=True))[0]

    assert code(failure) == "slot.sold_out"
    assert getattr(getattr(failure, "cause", None), "details", ()) == ({"kind": "conflict", "params": {"slot_id": unit.slot_ids[0]}},)


async def test_out_of_turn_is_refused_at_the_door(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)

    assert await refused(visit.does(Accept)) == "revisit.not_now"
    assert await visit.state() is State.CONSENTING


async def test_a_deadline_comes_by_itself(running: Running) -> None:
    visit = await running.opened(draft=timedelta(seconds=1))

    row = await visit.until(State.CANCELLED)

    assert (row.reason, row.moved_at >= row.created_at + timedelta(seconds=1)) == ("timed_out", True)
    assert (await asyncio.wait_for(visit.run.result(), SOON_S))["state"] == State.CANCELLED


async def test_who_asked_before_the_deadline_is_heard_before_the_alarm(running: Running) -> None:
    """The first wish lasts beyond the deadline and is refused; the second had come in time."""
    visit = await (await running.opened()).to(State.CHOOSING)
    due = running.clock() + timedelta(seconds=2)
    async with running.database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(due_at=due, wake_at=due))
    await visit.renews()
    gate = running.his.gate("lock")
    running.his.refuses("lock", "his.slot-full", landed=True)
    first = await visit.posts(await visit.choice())
    await gate.reached.wait()
    second = await visit.posts(await visit.choice())
    await asyncio.sleep((due - running.clock()).total_seconds() + 0.1)  # the deadline itself is waited for
    gate.opened.set()

    assert await refused(first.result()) == "slot.sold_out"
    assert (await second.result()).state is State.DESCRIBING


async def test_made_from_a_newer_row_than_ours_a_wish_waits_until_we_have_seen_it(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    ahead = await by_another_hand(visit)

    assert (await visit.asks(await consent(visit, seen=ahead.version))).state is State.CHOOSING


async def test_a_row_that_another_hand_moved_is_looked_at_again_and_the_wish_served_there(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    behind = (await running.row(visit.id)).version
    await by_another_hand(visit)

    assert (await visit.asks(await consent(visit, seen=behind))).state is State.CHOOSING
    assert (await running.story(visit.id)).count("consent.consent") == 1


async def test_a_row_that_another_hand_ended_ends_the_run(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    row = await running.work(RevisitActivities.load)(visit.id)
    await running.work(BookingActivities.leave)(row, await visit.wish(Cancel))

    assert await refused(visit.does(SelfCheck, symptoms=())) == "process.cancelled"
    assert (await asyncio.wait_for(visit.run.result(), SOON_S))["state"] == State.CANCELLED


async def test_the_same_command_again_gets_the_first_answer(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    check = await visit.wish(SelfCheck, symptoms=())

    answers = await asyncio.gather(*(visit.asks(check) for _ in range(3)))

    assert answers[0] == answers[1] == answers[2]
    assert (await running.story(visit.id)).count("consent.self_check") == 1


async def test_the_same_command_again_after_a_renewal_is_not_done_again(running: Running) -> None:
    """Temporal forgets Update ids with the run; the timeline does not."""
    visit = await (await running.opened()).to(State.CONSENTING)
    check = await visit.wish(SelfCheck, symptoms=())
    first = await visit.asks(check)
    await visit.renews()

    assert await visit.asks(check) == first
    assert (await running.story(visit.id)).count("consent.self_check") == 1


async def test_five_may_wait_and_the_sixth_is_told_that_the_desk_is_busy(running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    served = await visit.posts(await visit.choice())
    await gate.reached.wait()
    waiting = [await visit.posts(await visit.choice()) for _ in range(5)]

    assert await refused(visit.asks(await visit.choice())) == "process.busy"
    gate.opened.set()
    assert (await served.result()).state is State.DESCRIBING
    assert [await refused(one.result()) for one in waiting] == ["revisit.not_now"] * 5


async def test_a_silent_his_does_not_freeze_a_visit(running: Running) -> None:
    """A cancel is taken at once, and carried out when the outcome is known."""
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    choice = await visit.posts(await visit.choice())
    await gate.reached.wait()
    cancel = await visit.posts(await visit.wish(Cancel))
    gate.opened.set()

    assert ((await choice.result()).state, (await cancel.result()).state) == (State.DESCRIBING, State.CANCELLED)
    assert (await running.taken(visit.unit.slot_ids[0]), running.his.held(visit.unit.slot_ids[0])) == (0, 0)


async def test_of_nine_doctors_who_accept_at_once_one_does(running: Running) -> None:
    visit = await (await running.opened()).to(State.WAITING)

    answers = Counter(code(one) for one in await asyncio.gather(*(visit.does(Accept) for _ in range(9)), return_exceptions=True))

    assert answers.pop("done") == 1
    assert set(answers) <= {"revisit.not_now", "process.busy"}
    assert (await running.story(visit.id)).count("queue.accept") == 1
    assert running.his.times("begin_encounter") >= 1
    assert len([one for one in running.his.encounters if one == visit.id]) == 1


async def test_a_bug_in_a_step_is_tried_again_and_heals(running: Running) -> None:
    running.his.breaks("past_visits")

    visit = await (await running.opened()).to(State.CONSENTING)

    assert await running.story(visit.id) == ["revisit.open", "eligibility.check"]


async def test_knocked_three_times_news_is_acted_on_once(running: Running) -> None:
    visit = await (await running.opened()).to(State.PAYING)
    running.wechat_pay.pay(await visit.orders())

    await visit.report(knocks=3)
    await visit.until(State.BOOKED)
    for _ in range(3):  # and the visit is told again of what it knows
        await running.runs.knock("revisit", visit.id, settled(visit))

    await visit.to(State.CLOSED)
    assert await running.story(visit.id) == WHOLE
    assert await running.story(visit.charge_id) == ["charge.order", "charge.query", "charge.settle"]


async def test_news_for_another_state_is_put_off_and_harms_nothing(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)

    await running.runs.knock("revisit", visit.id, settled(visit))

    await visit.to(State.CHOOSING)
    assert (await running.story(visit.id))[-1] == "consent.consent"


def settled(visit: Live) -> ChargeEnded:
    return ChargeEnded(id=ids.new(), charge_id=visit.charge_id, outcome="settled")


async def test_a_cancel_while_paying_ends_with_the_charges_word(running: Running) -> None:
    visit = await (await running.opened()).to(State.PAYING)
    await visit.orders()

    assert (await visit.does(Cancel)).state is State.CLOSING
    await visit.until(State.CANCELLED)

    assert (await asyncio.wait_for(visit.charge_run.result(), SOON_S))["state"] == ChargeState.CLOSED
    assert running.his.held(visit.unit.slot_ids[0]) == 0


@pytest.mark.parametrize("hand", [Live.renews, Live.is_begun_again], ids=["renewed", "begun again"])
async def test_in_every_state_it_goes_on_in_another_run(running: Running, hand: Callable[[Live], Awaitable[None]]) -> None:
    """The state in the row is the program counter."""
    visit, met = await (await running.opened()).to(State.CONSENTING), set[State]()

    async def before_each(state: State) -> None:
        if state not in met:
            met.add(state)
            await hand(visit)

    await visit.to(State.CLOSED, before_each=before_each)

    before_paying = {State.CONSENTING, State.CHOOSING, State.DESCRIBING, State.PAYING}
    assert met == before_paying | {State.BOOKED, State.WAITING, State.CONSULTING, State.ENDED}
    assert await running.story(visit.id) == WHOLE
    assert await running.unhandled() == 0


async def test_begun_again_in_the_middle_of_a_lock_the_hand_at_work_finishes_it(running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    await visit.posts(await visit.choice())
    await gate.reached.wait()

    await visit.is_begun_again()
    gate.opened.set()

    await visit.until(State.DESCRIBING)
    await visit.to(State.CLOSED)
    assert await running.story(visit.id) == WHOLE
    assert running.his.of_claim((await running.row(visit.id)).claim_id).status == "fulfilled"


async def test_begun_again_in_the_middle_of_a_lock_whose_hand_was_lost_the_next_finishes_it(running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    locks = running.his.times("lock")
    gate = running.his.gate("lock")
    running.his.silent("lock", landed=True)
    choice = await visit.choice()
    lost = await visit.posts(choice)
    await gate.reached.wait()
    await visit.is_begun_again()
    gate.opened.set()  # its answer never reaches anybody
    await running.hand_time_is_up()

    await visit.until(State.DESCRIBING)
    assert code((await asyncio.gather(lost.result(), return_exceptions=True))[0]) != "done", "the run was ended under it"
    assert running.his.times("lock") == locks + 2
    assert await running.taken(visit.unit.slot_ids[0]) == 1
    await visit.to(State.CLOSED)
    assert await running.story(visit.id) == WHOLE


async def test_a_wish_refused_for_a_lost_run_frees_the_visit(running: Running) -> None:
    """Nobody waits for the answer any more."""
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    running.his.silent("lock", landed=True)
    running.his.refuses("lock", "his.slot-full")
    await visit.posts(await visit.choice())
    await gate.reached.wait()
    await visit.is_begun_again()
    gate.opened.set()
    await running.hand_time_is_up()

    await visit.to(State.CLOSED)
    assert await running.story(visit.id) == WHOLE


async def test_another_wish_waits_for_what_is_under_way(running: Running) -> None:
    """Two runs' worth of wishes: the one that was fenced is finished, then the other is served where that led."""
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    await visit.posts(await visit.choice())
    await gate.reached.wait()
    await visit.is_begun_again()
    cancel = await visit.posts(await visit.wish(Cancel))
    gate.opened.set()

    assert (await cancel.result()).state is State.CANCELLED
    assert await running.taken(visit.unit.slot_ids[0]) == 0
    assert (await running.story(visit.id))[-2:] == ["booking.hold", "booking.leave"]


async def test_the_fields_of_an_update_are_looked_at_before_it_is_taken(running: Running) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    wish = await visit.wish(Relate, past_encounter_id="enc-1")
    broken = wish.model_copy(update={"past_encounter_id": "enc 1\x00"})

    assert await refused(visit.asks(broken)) != "done"
    assert await visit.state() is State.CONSENTING
