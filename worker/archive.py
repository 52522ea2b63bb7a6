"""The archive: the history of each closed run of our processes as a file and a row, before the engine forgets it.

First every closed run that the engine lists gets a row, then the rows are worked off: a run whose history cannot be read stays a row that
waits, and is counted, while the others go on. A kill between file and row writes the same file again.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from models.history import ClosedRun, Closing, process_of
from models.kernel.clock import Clock
from models.pathways import PATHWAYS
from models.stores import history as histories
from models.stores.database import Database
from worker.provision import RETENTION
from workflows.runs import VISIT, reaching

MARGIN, MARGIN_AT_FIRST = timedelta(hours=1), timedelta(days=1)
"""The engine may list a run after others that ended later: looked back by so much, and by more when this worker takes the archive over."""
WINDOW = timedelta(days=1)
"""Listed and kept at once, the oldest first: what ends in between is found by the next look, wherever this one broke off."""
AT_ONCE = 8
ANSWER = timedelta(seconds=5)
"""For a page of runs or of events."""
_OURS: Final = " or ".join(f"WorkflowType = '{process}'" for process in PATHWAYS)
log = structlog.get_logger()


class Archive:
    def __init__(self, database: Database, client: Client, files: histories.HistoryFiles, clock: Clock) -> None:
        self._database, self._client, self._files, self._clock = database, client, files, clock
        self._margin = MARGIN_AT_FIRST

    async def archive_due(self) -> int:
        """One round; answers how many runs it was done with. With the engine away it does what it can, and the next round goes on."""
        try:
            await self._find()
        except RPCError as away:
            log.info("history.not_looked", status=away.status.name)
            return 0
        began, number = self._clock(), 0
        while True:
            async with self._database.transaction() as db:
                due = await histories.due(db, began, AT_ONCE)
            kept = await asyncio.gather(*(self._keep(run) for run in due), return_exceptions=True)
            if faults := [fault for fault in kept if isinstance(fault, BaseException)]:
                raise BaseExceptionGroup("histories that could not be archived", faults)
            number += kept.count(True)
            if not any(kept):  # none is left, or the engine does not answer
                return number

    async def _find(self) -> None:
        """A row for each closed run since the newest that was found, but for the margin; at the very first of all that are kept."""
        async with self._database.reading() as db:
            newest = await histories.newest(db)
        now = self._clock()
        since = now - RETENTION if newest is None else newest - self._margin
        async for runs in self._closed(since, now):
            async with self._database.transaction() as db:
                if new := await histories.found(db, runs):
                    log.info("history.found", runs=new)
        self._margin = MARGIN

    async def _closed(self, since: datetime, now: datetime) -> AsyncGenerator[list[ClosedRun]]:
        """By windows, oldest first, since the engine lists the newest first; the last window has no end."""
        while True:
            until = since + WINDOW
            last = until >= now
            query = f"({_OURS}) and CloseTime >= '{since.isoformat()}'" + ("" if last else f" and CloseTime < '{until.isoformat()}'")
            with reaching():
                listed = [one async for one in self._client.list_workflows(query, rpc_timeout=ANSWER)]
            yield [run for one in listed if (run := _closed_run(one))]
            if last:
                return
            since = until

    async def _keep(self, run: ClosedRun) -> bool:
        """File, then row; False when the engine does not answer. Forgotten there, it is lost."""
        handle = self._client.get_workflow_handle(run.workflow_id, run_id=str(run.run_id))
        try:
            with reaching():
                history = await handle.fetch_history(rpc_timeout=ANSWER)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                log.warning(
                    "history.not_read", process=run.process, id=str(run.process_id), run=str(run.run_id), status=refused.status.name
                )
                return False
            log.warning("history.lost", process=run.process, id=str(run.process_id), run=str(run.run_id))
            async with self._database.transaction() as db:
                await histories.lost(db, run, self._clock())
            return True
        content = (await asyncio.to_thread(history.to_json)).encode()
        size = await self._files.put(run.file, content)
        async with self._database.transaction() as db:
            await histories.archived(db, run, events=len(history.events), size=size, at=self._clock())
        log.info("history.archived", process=run.process, run=str(run.run_id), events=len(history.events), bytes=size)
        return True


def _closed_run(one: WorkflowExecution) -> ClosedRun | None:
    """As we name our runs; None for one that somebody began by hand under another name."""
    named = process_of(one.id)
    if named is None or named[0] != one.workflow_type:
        log.warning("history.foreign", run=one.run_id)
        return None
    if one.status is None or one.close_time is None:
        raise RuntimeError("a run was listed by the time of its end, and has none")
    process, process_id = named
    return ClosedRun(
        run_id=UUID(one.run_id),
        workflow_id=one.id,
        process=process,
        process_id=process_id,
        visit_id=UUID(one.typed_search_attributes.get(VISIT) or str(process_id)),
        status=Closing(one.status.name),
        began_at=one.start_time,
        ended_at=one.close_time,
    )
