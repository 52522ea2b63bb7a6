"""With Temporal away a visit's history is told from the archive and the timeline, and says that it is not all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from api import history_runs
from models.revisit import Cancel, State
from models.stores.history import HistoryFiles
from tests.history.conftest import archive_of, closed
from tests.history.visits import a_desk, lines
from tests.process.running import Running
from tests.settings import settings


async def nowhere() -> Client:
    return await Client.connect(settings().temporal_address, lazy=True)


@asynccontextmanager
async def stalled() -> AsyncGenerator[Client]:
    """It takes connections and never says a word."""
    connections: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield await Client.connect(f"{host}:{port}", lazy=True)
        assert connections, "it was asked"
        for one in connections:
            one.close()


async def test_what_is_archived_is_told_whole_and_the_answer_says_that_it_may_not_be_all(running: Running, folder: Path) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    await visit.does(Cancel)
    await closed(running.client, visit.id, 1)
    await archive_of(running, folder).archive_due()
    async with a_desk(running.database, running.client, folder) as desk:
        before = await desk.reads(visit.id)

    async with a_desk(running.database, await nowhere(), folder) as desk:
        told, events = await desk.reads(visit.id), await desk.reads(visit.id, "/events")

    assert (before["temporal_away"], before["complete"]) == (False, True)
    assert lines(told, "revisit") == lines(before, "revisit")
    assert (told["temporal_away"], told["complete"], [one["complete"] for one in told["processes"]]) == (True, False, [True])
    assert [(run["archived"], run["url"]) for run in told["runs"]] == [(True, None)]
    assert (events["temporal_away"], events["complete"], events["untold"], len(events["events"]) > 20) == (True, False, [], True)


async def test_of_what_only_temporal_has_the_timeline_tells(running: Running, folder: Path) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)

    async with a_desk(running.database, await nowhere(), folder) as desk:
        told = await desk.reads(visit.id)

    assert (told["temporal_away"], told["complete"], told["runs"]) == (True, False, [])
    assert [(one["complete"], one["begins_at"], one["state_text"]) for one in told["processes"]] == [(False, None, "待选号源")]
    assert [(one["source"], one["title"]) for one in told["story"]] == [
        ("timeline", title) for title in ("发起线上复诊", "核验复诊资格", "完成急症自查", "签署知情同意")
    ]


async def test_a_server_that_only_hangs_is_not_waited_for_long(running: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_runs, "PAGE", timedelta(seconds=0.2))
    visit = await (await running.opened()).to(State.CHOOSING)

    async with stalled() as silent, a_desk(running.database, silent, folder) as desk, asyncio.timeout(5):
        told = await desk.reads(visit.id)

    assert (told["temporal_away"], len(told["story"])) == (True, 4)


async def test_it_goes_away_after_it_has_listed_the_runs(running: Running, folder: Path) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    files = HistoryFiles(folder)
    found = await history_runs.Runs(running.client, running.database, files).of_visit(visit.id, 10)

    read = await history_runs.Runs(await nowhere(), running.database, files).read(found, 1000)

    assert (found.away, read.away, [(run.there, recorded.events) for run, recorded in read.runs]) == (False, True, [(False, [])])
