"""The short cut beside the rows: a run begun, a desk knocked at. Lost ones are found by relay and sweep."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.process import AnyRow, Command, News
from models.refill import Look

TASK_QUEUE = "fuzhen"
VISIT = SearchAttributeKey.for_keyword("Visit")
SYNC_NOW = "schedule_sync/now"
"""The pull of schedules that somebody asks for, beside that of the Temporal Schedule."""
SHORT = timedelta(seconds=2)
"""A short cut that takes longer is none: relay and sweep do it."""
LOOK = timedelta(seconds=10)
"""A look that nobody waits for any more has ended."""
PULL = timedelta(minutes=4)
"""A pull of the schedules that takes longer hangs; the next one must find the place free."""
UNKNOWN = frozenset({"AcceptedUpdateCompletedWorkflow", "internal"})
"""Ends of an Update that say nothing of what was asked: the run was ended under it, or a bug was met on the way."""
log = structlog.get_logger()


@contextmanager
def reaching() -> Generator[None]:
    """Around calls of the SDK and nothing else: its bridge raises a bare RuntimeError for a connection that cannot be made."""
    try:
        yield
    except RuntimeError as lost:
        raise RPCError(str(lost), RPCStatusCode.UNAVAILABLE, b"") from lost


def run_id(process: str, id: UUID) -> str:
    """The workflow id of a row's process."""
    return f"{process}/{id}"


class Runs:
    """Begins runs and knocks, by the names that the processes have on the wire."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def begin(self, process: str, id: UUID, visit: UUID, row: AnyRow | None = None) -> None:
        """Once a row: a run that is there, or was, stays the only one that this starts. Given the `row` it need not load it."""
        await self._start(process, id, row, visit, WorkflowIDReusePolicy.REJECT_DUPLICATE, WorkflowIDConflictPolicy.USE_EXISTING)

    async def begin_again(self, process: str, id: UUID, visit: UUID, *, by_force: bool) -> None:
        """For the sweep: safe because a run only walks from its row."""
        conflict = WorkflowIDConflictPolicy.TERMINATE_EXISTING if by_force else WorkflowIDConflictPolicy.USE_EXISTING
        await self._start(process, id, None, visit, WorkflowIDReusePolicy.ALLOW_DUPLICATE, conflict)

    async def _start(
        self,
        process: str,
        id: UUID,
        row: AnyRow | None,
        visit: UUID,
        reuse: WorkflowIDReusePolicy,
        conflict: WorkflowIDConflictPolicy,
    ) -> None:
        began = time.monotonic()
        try:
            with reaching():
                await self._client.start_workflow(  # pyright: ignore[reportUnknownMemberType]
                    process,
                    args=[id, row],
                    id=run_id(process, id),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=reuse,
                    id_conflict_policy=conflict,
                    search_attributes=TypedSearchAttributes([SearchAttributePair(VISIT, str(visit))]),
                    rpc_timeout=SHORT,
                )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as lost:
            log.warning("run.not_begun", process=process, id=str(id), status=lost.status.name)
            return
        log.info("run.begun", process=process, id=str(id), visit_id=str(visit), ms=round((time.monotonic() - began) * 1000))

    async def sync_schedules(self) -> str:
        """A pull of the HIS's schedules, or the one now running; answers the workflow's id. Raises what the SDK raises."""
        with reaching():
            handle = await self._client.start_workflow(  # pyright: ignore[reportUnknownMemberType]
                "schedule_sync",
                id=SYNC_NOW,
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                execution_timeout=PULL,
                rpc_timeout=SHORT,
            )
        return handle.id

    async def look(self, wish: Look) -> bool:
        """A look at a person's past prescriptions, or the one now running; whether the HIS has told. Raises what the SDK raises."""
        with reaching():
            handle = await self._client.start_workflow(  # pyright: ignore[reportUnknownMemberType]
                "refill_look",
                wish,
                id=run_id("refill_look", wish.patient_id),
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                execution_timeout=LOOK,
                result_type=bool,
                rpc_timeout=SHORT,
            )
            return await handle.result(rpc_timeout=LOOK)

    async def ask(self, process: str, id: UUID, wish: Command) -> None:
        """The Update of a command, under the command's own id, and its outcome, told in one line. Raises what the SDK raises."""
        kind = str(wish.model_dump()["kind"])
        handle = self._client.get_workflow_handle(run_id(process, id))
        began, outcome = time.monotonic(), "unknown"  # no answer in the caller's time, or none that can be trusted
        try:
            with reaching():
                await handle.execute_update(kind, wish, id=str(wish.id))  # pyright: ignore[reportUnknownMemberType]
            outcome = "done"
        except WorkflowUpdateFailedError as failed:
            if isinstance(failed.cause, ApplicationError) and (failed.cause.type or "internal") not in UNKNOWN:
                outcome = "refused"
            raise
        finally:
            ms = round((time.monotonic() - began) * 1000)
            log.info("run.asked", process=process, id=str(id), kind=kind, outcome=outcome, ms=ms)

    async def renew(self, process: str, id: UUID) -> None:
        """Go on with the current build, from the row. May be lost: the sweep says it again."""
        try:
            with reaching():
                await self._client.get_workflow_handle(run_id(process, id)).signal("renew", rpc_timeout=SHORT)
        except RPCError as lost:
            log.info("run.not_renewed", process=process, id=str(id), status=lost.status.name)
            return
        log.info("run.renewed", process=process, id=str(id))

    async def knock(self, process: str, id: UUID, event: News) -> None:
        kind: Any = event.model_dump()["kind"]
        try:
            with reaching():
                await self._client.get_workflow_handle(run_id(process, id)).signal(str(kind), event, rpc_timeout=SHORT)
        except RPCError as lost:
            log.info("run.not_there", process=process, id=str(id), kind=kind, status=lost.status.name)
