"""Each closed run of a process is archived as a file and a row, once, and none is passed over for good."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, update
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from models.history import ClosedRun, Closing
from models.kernel import ids
from models.pathways import PATHWAYS
from models.revisit import Cancel, State
from models.stores import history as histories
from models.stores.history import HistoryFiles
from models.tables.history import HistoryRow
from tests.history.conftest import archive_of, closed, listed
from tests.house.rooms import sources
from tests.process.running import Live, Running
from tests.settings import settings
from worker.archive import MARGIN, MARGIN_AT_FIRST, Archive
from worker.wiring import WORKFLOWS


@pytest_asyncio.fixture(autouse=True)
async def empty(running: Running) -> None:
    """Each test begins with an archive that knows of nothing, and an engine that keeps what ran before."""
    async with running.database.transaction() as db:
        await db.execute(delete(HistoryRow))


@pytest.fixture
def archive(running: Running, folder: Path) -> Archive:
    return archive_of(running, folder)


async def left(running: Running, state: State = State.CONSENTING) -> Live:
    """A visit that was left there; its run is closed."""
    visit = await (await running.opened()).to(state)
    await visit.does(Cancel)
    await closed(running.client, visit.id, 1)
    return visit


async def rows(running: Running, visit_id: UUID) -> list[HistoryRow]:
    async with running.database.reading() as db:
        return list(await db.scalars(select(HistoryRow).where(HistoryRow.visit_id == visit_id).order_by(HistoryRow.ended_at)))


def a_run(at: datetime) -> ClosedRun:
    """Of a charge that the engine knows nothing of."""
    run_id, charge_id = ids.new(), ids.new()
    return ClosedRun(
        run_id=run_id,
        workflow_id=f"charge/{charge_id}",
        process="charge",
        process_id=charge_id,
        visit_id=charge_id,
        status=Closing.COMPLETED,
        began_at=at,
        ended_at=at,
    )


async def seen_before(running: Running, *, ended_in: timedelta) -> None:
    """The newest run that was found so far ended then."""
    run = a_run(running.clock() + ended_in)
    async with running.database.transaction() as db:
        await histories.found(db, [run])
        await histories.archived(db, run, events=1, size=1, at=run.ended_at)


async def waiting(running: Running) -> int:
    async with running.database.reading() as db:
        return (await histories.waiting(db))[0]


async def test_every_run_of_a_visit_and_its_charge_is_archived(running: Running, archive: Archive) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    await visit.renews()
    await visit.to(State.CLOSED)
    await closed(running.client, visit.id, 5)

    await archive.archive_due()

    found = await rows(running, visit.id)
    [e_bill], [record] = [[row.process_id for row in found if row.process == process] for process in ("invoice", "record")]
    assert sorted((row.process, row.process_id, row.status) for row in found) == [
        ("charge", visit.charge_id, "COMPLETED"),
        ("invoice", e_bill, "COMPLETED"),
        ("record", record, "COMPLETED"),
        ("revisit", visit.id, "COMPLETED"),
        ("revisit", visit.id, "CONTINUED_AS_NEW"),
    ]
    assert all(row.archived_at and row.began_at < row.ended_at and row.workflow_id.endswith(str(row.process_id)) for row in found)
    assert await waiting(running) == 0


async def test_a_file_holds_the_whole_history_and_replays(running: Running, archive: Archive, folder: Path) -> None:
    visit = await (await running.opened()).to(State.CLOSED)
    await closed(running.client, visit.id, 4)

    await archive.archive_due()

    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    for row in await rows(running, visit.id):
        path = folder / str(row.file)
        history = WorkflowHistory.from_json(row.workflow_id, gzip.decompress(path.read_bytes()).decode())
        assert (len(history.events), path.stat().st_size, history.run_id) == (row.events, row.bytes, str(row.run_id))
        kept = await running.client.get_workflow_handle(row.workflow_id, run_id=str(row.run_id)).fetch_history()
        assert list(history.events) == list(kept.events)
        await replayer.replay_workflow(history)


async def test_what_runs_on_and_what_is_no_process_of_ours_is_left_alone(running: Running, archive: Archive) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    pull = running.client.get_workflow_handle(await running.runs.sync_schedules())
    await pull.terminate("by hand")
    await listed(running.client, "WorkflowType = 'schedule_sync' and CloseTime is not null", 1)
    await left(running)

    await archive.archive_due()

    async with running.database.reading() as db:
        assert set(await db.scalars(select(HistoryRow.process))) <= PATHWAYS.keys()
    assert await rows(running, visit.id) == []


async def test_a_second_round_does_nothing_again(running: Running, archive: Archive, folder: Path) -> None:
    visit = await left(running)
    await archive.archive_due()
    [before] = await rows(running, visit.id)
    written = (folder / str(before.file)).stat().st_mtime_ns

    assert await archive.archive_due() == 0

    [after] = await rows(running, visit.id)
    assert (after.archived_at, (folder / str(after.file)).stat().st_mtime_ns) == (before.archived_at, written)


class DiesAfterwards(HistoryFiles):
    """A worker that is killed between file and row."""

    async def put(self, file: str, content: bytes) -> int:
        await super().put(file, content)
        raise SystemError("killed")


async def test_killed_between_file_and_row_the_next_worker_writes_the_same_file(running: Running, folder: Path, archive: Archive) -> None:
    await archive.archive_due()
    visit = await left(running)
    killed = Archive(running.database, running.client, DiesAfterwards(folder), running.clock)
    with pytest.raises(BaseExceptionGroup, match="could not be archived"):
        await killed.archive_due()
    [row] = await rows(running, visit.id)
    file = folder / f"history/{row.ended_at:%Y/%m}/{row.run_id}.json.gz"
    assert (row.archived_at, await waiting(running) > 0) == (None, True)
    before = file.read_bytes()

    await archive.archive_due()

    [row] = await rows(running, visit.id)
    assert (row.archived_at is not None, folder / str(row.file), file.read_bytes()) == (True, file, before)


async def test_one_that_cannot_be_archived_holds_up_no_other_and_is_not_forgotten(running: Running, folder: Path, archive: Archive) -> None:
    first, second = await left(running), await left(running)
    await archive.archive_due()
    [bad] = await rows(running, first.id)
    async with running.database.transaction() as db:
        again = update(HistoryRow).where(HistoryRow.visit_id.in_((first.id, second.id)))
        await db.execute(again.values(archived_at=None, events=None, bytes=None, file=None, tried_at=None))
    in_the_way = folder / f"history/{bad.ended_at:%Y/%m}/{bad.run_id}.json.gz"
    in_the_way.unlink()
    in_the_way.mkdir()
    (in_the_way / "of somebody else").touch()

    for _ in range(3):
        later = await left(running)
        with pytest.raises(BaseExceptionGroup):
            await archive.archive_due()
        assert [row.archived_at is not None for row in await rows(running, later.id)] == [True]

    assert [row.archived_at is not None for row in await rows(running, second.id)] == [True]
    assert await waiting(running) == 1
    (in_the_way / "of somebody else").unlink()
    in_the_way.rmdir()
    await archive.archive_due()
    assert await waiting(running) == 0


@pytest.mark.parametrize("margin", [MARGIN, MARGIN_AT_FIRST])
async def test_a_run_that_the_engine_lists_late_is_found(running: Running, archive: Archive, margin: timedelta) -> None:
    """Others that ended later are archived already: by this worker, or before it took the loop over."""
    if margin == MARGIN:
        await archive.archive_due()
    await seen_before(running, ended_in=margin - timedelta(minutes=1))
    late = await left(running)

    await archive.archive_due()

    assert [row.archived_at is not None for row in await rows(running, late.id)] == [True]


async def test_runs_that_closed_while_the_worker_was_away_are_found(running: Running, archive: Archive) -> None:
    await seen_before(running, ended_in=-timedelta(days=3))
    visits = [await left(running) for _ in range(2)]

    await archive.archive_due()

    assert [len(await rows(running, visit.id)) for visit in visits] == [1, 1]


async def test_with_the_engine_away_nothing_is_lost(running: Running, folder: Path, archive: Archive) -> None:
    visit = await left(running)
    nowhere = await Client.connect(settings().temporal_address, lazy=True)
    away = Archive(running.database, nowhere, HistoryFiles(folder), running.clock)
    assert await away.archive_due() == 0

    await archive.archive_due()

    assert [row.archived_at is not None for row in await rows(running, visit.id)] == [True]


async def test_what_the_engine_forgot_before_it_was_archived_is_said_to_be_lost(running: Running, archive: Archive) -> None:
    gone = a_run(running.clock())
    async with running.database.transaction() as db:
        await histories.found(db, [gone])

    await archive.archive_due()

    [row] = await rows(running, gone.visit_id)
    assert (row.archived_at, row.lost_at is not None, await waiting(running)) == (None, True, 0)


def test_object_storage_has_one_door() -> None:
    """What is said of a folder of objects (another store, another way to write) is said once."""
    asked = {source.name for source in sources("models", "activities", "api", "worker") if "obstore" in source.text}

    assert asked == {"models/stores/files.py"}
