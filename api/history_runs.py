"""A visit's runs and what was recorded of them: from Temporal while it has them, and then from the archive."""

import asyncio
from collections.abc import Collection
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
from models.kernel.errors import DomainError
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
class Found:
    """Oldest first. `cut`: there were more; `away`: Temporal did not answer, so these are what the archive has a row of."""

    runs: list[Run]
    cut: bool
    away: bool


@dataclass(frozen=True, slots=True)
class Read:
    """The same with what was recorded of each: nothing of one that was lost, or that only Temporal has while it is `away`."""

    runs: list[tuple[Run, Recorded]]
    cut: bool
    away: bool


@dataclass(frozen=True, slots=True)
class Runs:
    """Whom they are asked for."""

    client: Client
    database: Database
    files: HistoryFiles

    async def of_visit(self, visit_id: UUID, most: int, rows: Collection[tuple[str, UUID]] = ()) -> Found:
        """The runs of the visit, its charges and its refunds, oldest first: at most so many.

        `rows`: the processes that it has. Temporal lists a run some moments after it knows it, so the last one of each is asked for.
        """
        try:
            found, away = await self._there(visit_id, most, rows), False
        except DomainError:
            found, away = dict[str, Run](), True
        async with self.database.reading() as db:
            kept = await histories.of_visit(db, visit_id)
        for one in kept:
            known = found.get(str(one.run.run_id)) or _kept(one)
            found[known.run_id] = replace(known, file=one.file, archived_at=one.archived_at)
        runs = sorted(found.values(), key=lambda run: (run.began_at, run.run_id))
        return Found(runs[:most], len(runs) > most, away)

    async def _there(self, visit_id: UUID, most: int, rows: Collection[tuple[str, UUID]]) -> dict[str, Run]:
        """Those that Temporal has. Raises `service.unavailable`."""
        with asking():
            try:
                async with asyncio.timeout(
                    PAGE.total_seconds()
                ):  # the connection that is made for the first call heeds no timeout of its own
                    listed = [one async for one in self.client.list_workflows(f"Visit = '{visit_id}'", limit=most + 1, rpc_timeout=PAGE)]
            except TimeoutError as silent:
                raise RPCError("no answer", RPCStatusCode.DEADLINE_EXCEEDED, b"") from silent
        found = {one.run_id: run for one in listed if (run := _listed(one))}
        ended = {run.process_id for run in found.values() if run.status == Closing.COMPLETED}
        last = await asyncio.gather(*(self._last(process, id) for process, id in rows if id not in ended))
        return found | {one.run_id: run for one in last if one and (run := _listed(one))}

    async def _last(self, process: str, id: UUID) -> WorkflowExecution | None:
        try:
            with asking():
                return await self.client.get_workflow_handle(workflow_of(process, id)).describe(rpc_timeout=PAGE)
        except RPCError as none:
            if none.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def read(self, found: Found, most: int) -> Read:
        """Each run, as it stands now, with its events: at most so many of all together. Once Temporal is away it is asked no more."""
        runs, cut, away = list[tuple[Run, Recorded]](), found.cut, found.away
        for run in found.runs:
            asked, left = replace(run, there=run.there and not away), most - sum(len(recorded.events) for _, recorded in runs)
            try:
                told, recorded, more = await self._recorded(asked, left)
            except DomainError:
                away = True
                told, recorded, more = await self._recorded(replace(run, there=False), left)
            runs.append((told, recorded))
            if more:
                return Read(runs, cut=True, away=away)
        return Read(runs, cut, away)

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
