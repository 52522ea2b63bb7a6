"""A file of the archive that is gone or broken costs one run's history: the timeline tells it, and one line says which file."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select
from temporalio.client import Client

from models.stores import history as histories
from models.stores.history import HistoryFiles
from models.tables.history import HistoryRow
from tests.history.conftest import archive_of, closed
from tests.history.visits import a_desk, renewed
from tests.process.running import Running

BROKEN: dict[str, Callable[[Path], object]] = {
    "gone": lambda file: file.unlink(),
    "no gzip": lambda file: file.write_bytes(b"{}"),
    "half written": lambda file: file.write_bytes(file.read_bytes()[:200]),
    "bytes turned": lambda file: file.write_bytes(file.read_bytes()[:60] + b"\0" * 60 + file.read_bytes()[120:]),
    "empty": lambda file: file.write_bytes(b""),
    "no text": lambda file: file.write_bytes(gzip.compress(b"\xff")),
    "no history": lambda file: file.write_bytes(gzip.compress(b'{"events": [{"eventId": "?"}]}')),
    "nothing in it": lambda file: file.write_bytes(gzip.compress(b'{"events": []}')),
}


async def test_one_unreadable_file_is_told_as_lost_and_the_rest_is_told(running: Running, elsewhere: Client, folder: Path) -> None:
    visit = await renewed(running)
    await closed(running.client, visit.id, 1)
    await archive_of(running, folder).archive_due()
    async with running.database.reading() as db:
        row = (await db.scalars(select(HistoryRow).where(HistoryRow.visit_id == visit.id))).one()
    file = folder / str(row.file)
    whole = file.read_bytes()

    async with a_desk(running.database, elsewhere, folder) as desk:
        assert (await desk.reads(visit.id, "/events"))["untold"] == []
        for how, breaks in BROKEN.items():
            file.write_bytes(whole)
            breaks(file)
            with structlog.testing.capture_logs() as lines:
                told = await desk.reads(visit.id)
                errors = [(one["event"], one["run"], one["file"]) for one in lines if one["log_level"] == "error"]
                events = await desk.reads(visit.id, "/events")
            assert errors == [("history.unreadable", str(row.run_id), row.file)], how
            assert [(run["archived"], run["archived_at"], run["url"]) for run in told["runs"]] == [(False, None, None)]
            assert (told["complete"], [(one["source"], one["name"]) for one in told["story"]][-1]) == (
                False,
                ("timeline", "consent.consent"),
            )
            assert (events["complete"], events["untold"], events["events"]) == (False, [str(row.run_id)], [])
    file.write_bytes(whole)


async def test_what_is_not_there_is_said_by_one_name(tmp_path: Path) -> None:
    with pytest.raises(histories.UnreadableError, match="nothing"):
        await HistoryFiles(tmp_path).get("history/nothing.json.gz")
