"""A visit's runs and what was recorded of them: from Temporal while it has them, and then from the archive."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from google.protobuf.json_format import ParseError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from api.history_events import Pending, Recorded, failure_code, noted_by, noted_in
from api.runs import asking
from models.history import Closing, process_of, workflow_of
from models.stores import history as histories
from models.stores.database import Database
from models.stores.history import HistoryFiles, UnreadableError

log = structlog.get_logger()

PAGE: Final = timedelta(seconds=5)
"""How long Temporal may take for one page of events or of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of one of a visit's processes. `there`: Temporal has it; `file`: so has the archive."""

    process: str
    process_id: UUID
    workflow_id: str
    run_id: str
    status: str
    began_at: datetime
    ended_at: datetime | None
    there: bool
    file: str | None = None
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """Whom they are asked for."""

    client: Client
    database: Database
    files: HistoryFiles

    async def of_visit(self, visit_id: UUID, most: int, rows: Collection[tuple[str, UUID]] = ()) -> tuple[list[Run], bool]:
        """The runs of the visit, its charges and its refunds, oldest first, and whether there were more than so many.

        `rows`: the processes that it has. Temporal lists a run some moments after it knows it, so the last one of each is asked for.
        """
        with asking():
            listed = [one async for one in self.client.list_workflows(f"Visit = '{visit_id}'", limit=most + 1, rpc_timeout=PAGE)]
        async with self.database.reading() as db:
            kept = {str(one.run.run_id): one for one in await histories.of_visit(db, visit_id)}
        found = {one.run_id: run for one in listed if (run := _listed(one))}
        ended = {run.process_id for run in found.values() if run.status == Closing.COMPLETED}
        last = await asyncio.gather(*(self._last(process, id) for process, id in rows if id not in ended))
        found |= {one.run_id: run for one in last if one and (run := _listed(one))}
        for id, one in kept.items():
            known = found.get(id) or _kept(one)
            found[id] = replace(known, file=one.file, archived_at=one.archived_at)
        runs = sorted(found.values(), key=lambda run: (run.began_at, run.run_id))
        return runs[:most], len(runs) > most

    async def _last(self, process: str, id: UUID) -> WorkflowExecution | None:
        try:
            with asking():
                return await self.client.get_workflow_handle(workflow_of(process, id)).describe(rpc_timeout=PAGE)
        except RPCError as none:
            if none.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def recorded(self, runs: list[Run], most: int) -> AsyncGenerator[tuple[Run, Recorded, bool]]:
        """Each run, as it stands now, with its events: at most so many of all together, and whether there were more."""
        left = most
        for run in runs:
            told, recorded, more = await self._recorded(run, left)
            left -= len(recorded.events)
            yield told, recorded, more
            if more:
                return

    async def _recorded(self, run: Run, most: int) -> tuple[Run, Recorded, bool]:
        recorded = Recorded(process=run.process, process_id=run.process_id, run_id=run.run_id, events=[])
        if run.there:
            handle = self.client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
            try:
                with asking():
                    events, more = await _events(handle, most)
                    stands = await _standing(handle, recorded) if run.ended_at is None and not more else recorded
                return run, replace(stands, events=events), more
            except RPCError as gone:
                if gone.status is not RPCStatusCode.NOT_FOUND:
                    raise
        if run.file is None:  # lost before it was archived
            return replace(run, there=False), recorded, False
        try:
            events = await self._archived(run.workflow_id, run.file)
        except UnreadableError as fault:
            log.error("history.unreadable", process=run.process, id=str(run.process_id), run=run.run_id, file=run.file, exc_info=fault)
            return replace(run, there=False, file=None, archived_at=None), recorded, False
        return replace(run, there=False), replace(recorded, events=events[:most]), len(events) > most

    async def _archived(self, workflow_id: str, file: str) -> list[HistoryEvent]:
        """Raises `UnreadableError`, also of a file that is whole and holds no history."""
        try:
            text = (await self.files.get(file)).decode()
            events = list((await asyncio.to_thread(WorkflowHistory.from_json, workflow_id, text)).events)
        except (ValueError, ParseError) as fault:
            raise UnreadableError(file) from fault
        if not events:
            raise UnreadableError(file)
        return events


def _listed(one: WorkflowExecution) -> Run | None:
    named = process_of(one.id)
    if named is None:
        return None
    return Run(
        process=named[0],
        process_id=named[1],
        workflow_id=one.id,
        run_id=one.run_id,
        status=one.status.name if one.status else "UNKNOWN",
        began_at=one.start_time,
        ended_at=one.close_time,
        there=True,
    )


def _kept(one: histories.Kept) -> Run:
    run = one.run
    return Run(
        process=run.process,
        process_id=run.process_id,
        workflow_id=run.workflow_id,
        run_id=str(run.run_id),
        status=run.status,
        began_at=run.began_at,
        ended_at=run.ended_at,
        there=False,
    )


async def _events(handle: WorkflowHandle[object, object], most: int) -> tuple[list[HistoryEvent], bool]:
    events: list[HistoryEvent] = []
    async for event in handle.fetch_history_events(rpc_timeout=PAGE):
        if len(events) == most:
            return events, True
        events.append(event)
    return events, False


async def _standing(handle: WorkflowHandle[object, object], recorded: Recorded) -> Recorded:
    """What an open run tries at this moment stands in no event yet."""
    told = (await handle.describe(rpc_timeout=PAGE)).raw_description
    pending = {
        one.activity_id: Pending(one.attempt, failure_code(one.last_failure), noted_by(one.heartbeat_details) or noted_in(one.last_failure))
        for one in told.pending_activities
    }
    return replace(recorded, open=True, pending=pending, failing=told.pending_workflow_task.attempt)
