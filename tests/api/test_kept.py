"""A wish whose process gives no answer in time: kept, carried on, and the same however often it is said."""

from typing import cast
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

from api.pathways import Answer, Pathways
from models.kernel.errors import DomainError
from models.process import Command
from models.revisit import Cancel, State
from models.stores import timeline
from models.stores.database import Database
from models.stores.reader import Reach
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard, wish
from tests.process.visit import Visit, opened
from workflows.runs import Runs


class Silent:
    """A process that takes what it is asked and does not answer."""

    async def ask(self, process: str, id: UUID, wish: Command) -> None:
        raise WorkflowUpdateRPCTimeoutOrCancelledError


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    return await (await opened(Hospital(database, clock, Unheard()))).to(State.CHOOSING)


async def asked(visit: Visit, command: Command, *, temporal: bool = True) -> Answer:
    """By its patient, over the one door of people."""

    async def healthy() -> bool:
        return temporal

    pathways, reach = Pathways(visit.hospital.database, cast(Runs, Silent()), healthy), Reach(visit.person.account_id, as_patient=True)
    return await pathways.ask("revisit", lambda db: timeline.revisit(db, visit.id, reach), lambda _: command)


async def test_it_is_kept_once_and_then_carried_out(visit: Visit) -> None:
    cancel = wish(Cancel, visit.person.account_id, body="one")

    answers = [await asked(visit, cancel) for _ in range(2)]
    assert [(one.done, one.state) for one in answers] == [(False, State.CHOOSING)] * 2
    assert await visit.hospital.waiting(visit.id) == [cancel]

    await visit.desk.news()
    done = await asked(visit, cancel)
    assert (done.done, done.state, done.replayed) == (True, State.CANCELLED, True)
    assert await visit.hospital.unhandled() == 0


async def test_another_body_under_its_key_is_refused(visit: Visit) -> None:
    cancel = wish(Cancel, visit.person.account_id, body="one")
    await asked(visit, cancel)

    with pytest.raises(DomainError) as refused:
        await asked(visit, cancel.model_copy(update={"body": "another"}))

    assert (refused.value.code, refused.value.kind) == ("request.key_reused", "invalid")
    assert await visit.hospital.waiting(visit.id) == [cancel]


async def test_without_temporal_nothing_is_kept(visit: Visit) -> None:
    with pytest.raises(DomainError) as refused:
        await asked(visit, wish(Cancel, visit.person.account_id), temporal=False)

    assert refused.value.kind == "unavailable"
    assert await visit.hospital.unhandled() == 0
