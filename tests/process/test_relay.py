"""The guarantee behind every short cut: what nobody knocked for is knocked, what was kept is repeated, what has no run is begun."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from activities.intake import IntakeActivities
from activities.revisit import RevisitActivities
from models.kernel import ids
from models.process import Command
from models.revisit import Cancel, ChargeEnded, Consent, Describe, SelfCheck, State
from models.stores import inbox
from models.tables.process import InboxRow
from tests.builders import NOTICE
from tests.client import Hands
from tests.process.running import Live, Running, refused
from worker.build import Builds
from worker.relay import Relay

AN_HOUR_ON = timedelta(hours=1)


@pytest.fixture
def sweeps(running: Running) -> Hands:
    """The sweep's clock: ahead, so that rows just made are no longer young."""
    return Hands(running.clock() + AN_HOUR_ON)


@pytest.fixture
def relay(running: Running, sweeps: Hands) -> Relay:
    return Relay(running.database, running.client, running.runs, running.strays, Builds(running.database, running.client), sweeps)


async def kept(visit: Live, command: Command) -> None:
    """As the API keeps a wish that got no answer in time."""
    async with visit.hospital.database.transaction() as db:
        await inbox.keep_command(db, "revisit", visit.id, command)


async def told(visit: Live, outcome: str, *, process: str = "revisit", id: UUID | None = None) -> ChargeEnded:
    """News in the inbox, and nobody knocked."""
    news = ChargeEnded.model_validate({"id": ids.new(), "charge_id": visit.charge_id, "outcome": outcome})
    async with visit.hospital.database.transaction() as db:
        await inbox.bring(db, process, id or visit.id, news, party="charge")
    return news


async def outcome(running: Running, id: UUID) -> str | None:
    async with running.database.reading() as db:
        return (await db.scalars(select(InboxRow.outcome).where(InboxRow.id == id))).one()


async def its_pause_is_over(running: Running) -> None:
    """As if the time until the next knock had passed."""
    async with running.database.transaction() as db:
        await db.execute(text("update inbox set knock_at = now() where handled_at is null"))


async def lost(visit: Live) -> None:
    """Its run is gone, as after a lost store."""
    await visit.run.terminate("by hand")


async def test_what_nobody_knocked_for_is_knocked(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.PAYING)
    running.wechat_pay.pay(await visit.orders())
    await visit.report(knocks=0)
    assert await relay.knock_due() == 0, "whoever brings it has a moment to knock"
    await its_pause_is_over(running)

    assert await relay.knock_due() == 1

    await visit.until(State.BOOKED)
    assert await running.unhandled() == 0


async def test_a_row_that_is_knocked_for_is_put_off_and_knocked_again(running: Running, relay: Relay) -> None:
    """A knock may be lost: only the step that acts on it handles the row."""
    visit = await (await running.opened()).to(State.PAYING)
    await lost(visit)
    news = await told(visit, "closed")
    await its_pause_is_over(running)

    assert (await relay.knock_due(), await relay.knock_due()) == (1, 0)
    assert (await outcome(running, news.id), await relay.sweep_due()) == (None, 1)
    await its_pause_is_over(running)
    await relay.knock_due()

    await visit.until(State.CANCELLED)
    assert await outcome(running, news.id) == "done"


async def test_a_kept_wish_is_repeated_and_carried_out(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    check = await visit.wish(SelfCheck, symptoms=())
    await kept(visit, check)

    await relay.knock_due()

    assert await outcome(running, check.id) == "done"
    assert (await running.story(visit.id)).count("consent.self_check") == 1


async def test_a_wish_that_was_done_in_the_moment_it_was_kept_is_not_done_again(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    check = await visit.wish(SelfCheck, symptoms=())
    await visit.asks(check)
    await kept(visit, check)

    await relay.knock_due()

    assert await outcome(running, check.id) == "done"
    assert (await running.story(visit.id)).count("consent.self_check") == 1


async def test_a_kept_wish_that_is_refused_says_so(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    consent = await visit.wish(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)
    await kept(visit, consent)

    await relay.knock_due()

    assert await outcome(running, consent.id) == "refused:consent.self_check_first"


async def test_a_refusal_is_remembered_as_long_as_its_run_and_no_longer(running: Running, relay: Relay) -> None:
    """Under the same key a repeat gets the first answer; we ourselves remember only what was done."""
    visit = await (await running.opened()).to(State.CONSENTING)
    consent = await visit.wish(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)
    assert await refused(visit.asks(consent)) == "consent.self_check_first"
    await visit.does(SelfCheck, symptoms=())
    assert await refused(visit.asks(consent)) == "consent.self_check_first"

    await visit.renews()
    await kept(visit, consent)
    await relay.knock_due()

    assert await outcome(running, consent.id) == "done"
    assert await visit.state() is State.CHOOSING


async def test_a_kept_wish_waits_while_the_desk_is_busy(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    gate = running.his.gate("lock")
    await visit.posts(await visit.choice())
    await gate.reached.wait()
    for _ in range(5):
        await visit.posts(await visit.choice())
    cancel = await visit.wish(Cancel)
    await kept(visit, cancel)
    await relay.knock_due()
    assert await outcome(running, cancel.id) is None

    gate.opened.set()
    await visit.until(State.DESCRIBING)
    for _ in range(20):  # those who came before are refused one by one, and until then the desk is as busy as it was
        await its_pause_is_over(running)
        await relay.knock_due()
        if await outcome(running, cancel.id):
            break

    assert await outcome(running, cancel.id) == "done"
    assert await visit.state() is State.CANCELLED


async def test_what_comes_for_a_visit_at_its_end_is_late(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    await visit.does(Cancel)
    news, wish = await told(visit, "closed"), await visit.wish(SelfCheck, symptoms=())
    await kept(visit, wish)
    await its_pause_is_over(running)

    await relay.knock_due()

    assert [await outcome(running, one.id) for one in (news, wish)] == ["late", "late"]


async def test_what_comes_for_nobody_that_we_know_is_late(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    news = await told(visit, "closed", id=ids.new())
    await its_pause_is_over(running)

    await relay.knock_due()

    assert await outcome(running, news.id) == "late"


async def test_news_for_a_run_behind_its_row_is_not_put_off_for_ever(running: Running, relay: Relay) -> None:
    """The relay says which version it read, so that the run looks again."""
    visit = await (await running.opened()).to(State.DESCRIBING)
    row = await running.work(RevisitActivities.load)(visit.id)
    described = await visit.wish(Describe, intake_id=await running.described(visit.id))
    await running.work(IntakeActivities.describe)(row, described)
    news = await told(visit, "closed")
    await its_pause_is_over(running)

    await relay.knock_due()

    await visit.until(State.CANCELLED)
    assert await outcome(running, news.id) == "done"


async def test_a_visit_without_a_run_is_begun(running: Running, relay: Relay) -> None:
    visit = await running.opened(begun=False)

    assert await relay.sweep_due() == 1

    await visit.until(State.CONSENTING)


async def test_a_run_that_was_ended_by_hand_is_begun_again(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    await lost(visit)

    assert await relay.sweep_due() == 1

    await visit.to(State.CLOSED)
    assert (await running.story(visit.id)).count("consent.consent") == 1


async def test_a_charge_without_a_run_is_begun_too(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.PAYING)
    await visit.charge_run.terminate("by hand")

    assert await relay.sweep_due() == 1

    await visit.pays()
    assert await visit.state() is State.BOOKED


async def test_a_run_that_walks_is_left_alone_and_a_row_is_not_looked_at_all_the_time(
    running: Running, relay: Relay, sweeps: Hands
) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    run = (await visit.run.describe()).run_id
    assert await relay.sweep_due() == 0

    await lost(visit)
    assert await relay.sweep_due() == 0, "it was looked at a moment ago"
    sweeps.forward(seconds=11)
    assert await relay.sweep_due() == 1
    assert (await visit.run.describe()).run_id != run


async def test_a_visit_at_its_end_is_not_begun_again(running: Running, relay: Relay) -> None:
    visit = await (await running.opened()).to(State.CONSENTING)
    await visit.does(Cancel)

    assert await relay.sweep_due() == 0


async def test_a_row_that_was_just_made_is_left_to_who_made_it(running: Running) -> None:
    visit = await running.opened(begun=False)
    relay = Relay(running.database, running.client, running.runs, running.strays, Builds(running.database, running.client), running.clock)

    assert await relay.sweep_due() == 0
    assert await visit.state() is State.CHECKING
