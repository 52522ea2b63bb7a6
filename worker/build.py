"""Which build of the workflows a worker runs, and which is the current one: a run is PINNED to its build until it is renewed onto that.

A worker says that it lives by an advisory lock of PostgreSQL, which its death lets go of, however it dies. So the sweep knows at once
whether a run's own build has workers left, and a build without any never stays the current one.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from models.stores import build as builds
from models.stores.database import Database
from workflows.runs import SHORT, reaching

DEPLOYMENT: Final = "fuzhen"
PAUSE_S: Final = 1.0
_TOLD: Final = 10
"""So many of the newest builds are told of."""
_HOUSE: Final = Path(__file__).resolve().parent.parent
_ROOMS: Final = ("workflows", "activities", "models")
_NOT_IMPORTED: Final = frozenset({"stores", "tables"})
log = structlog.get_logger()


def build_of(house: Path = _HOUSE) -> str:
    """The hash of what workflows import: their own room, the activities that they name, and the types of both."""
    whole = hashlib.sha256()
    files = (file.relative_to(house) for room in _ROOMS for file in (house / room).rglob("*.py"))
    for file in sorted(one for one in files if not _NOT_IMPORTED & set(one.parts)):
        whole.update(f"{file}\0".encode() + (house / file).read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def pinned_to(build: str) -> WorkerDeploymentConfig:
    """For a worker of this build: its runs stay with it until they are renewed."""
    version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build)
    return WorkerDeploymentConfig(version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED)


@dataclass(frozen=True, slots=True)
class Standing:
    """The build that new runs begin on, and those that have workers."""

    current: str | None
    alive: frozenset[str]

    def outdated(self, build: str) -> bool:
        """Whether a run of this build has to go on elsewhere; a run that has none yet goes to the current by itself."""
        return bool(build) and self.current is not None and build != self.current


class Builds:
    """The builds of this installation, as Temporal and PostgreSQL know them."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database, self._client = database, client

    async def standing(self) -> Standing:
        """Raises `RPCError` when Temporal is away."""
        async with self._database.reading() as db:
            alive = await builds.alive(db)
        return Standing(await self._current(), alive)

    async def runs(self) -> dict[tuple[str, str], float]:
        """Open runs by build and how it stands: `current`, `alive` (has workers) or `gone`. One that has neither is left out.

        Raises `RPCError` when Temporal is away.
        """
        standing = await self.standing()
        async with self._database.reading() as db:
            known = await builds.latest(db, _TOLD)
        told: dict[tuple[str, str], float] = {}
        for build in known:
            how = "current" if build == standing.current else "alive" if build in standing.alive else "gone"
            with reaching():
                query = f"ExecutionStatus = 'Running' AND TemporalWorkerDeploymentVersion = '{DEPLOYMENT}:{build}'"
                number = (await self._client.count_workflows(query, rpc_timeout=SHORT)).count
            if number or how != "gone":
                told[build, how] = number
        return told

    async def live(self, build: str, stop: asyncio.Event) -> None:
        """Until the stop: this worker is seen to live, and its build becomes the current one where that is due."""
        while not stop.is_set():
            try:
                async with self._database.engine.connect() as wire:
                    await wire.execution_options(isolation_level="AUTOCOMMIT")
                    await wire.execute(text("select pg_advisory_lock_shared(:room, :build)"), builds.lock_of(build))
                    await self._while_seen(build, wire.execute, stop)
                    await wire.invalidate()
            except (DBAPIError, OSError) as lost:
                log.warning("build.unseen", build=build, error=type(lost).__name__)
            await _pause(stop, PAUSE_S)

    async def _while_seen(self, build: str, ask: Callable[..., Awaitable[object]], stop: asyncio.Event) -> None:
        async with self._database.transaction() as db:
            await builds.seen(db, build)
        while not stop.is_set():
            await ask(text("select 1"))
            await self._take_over(build)
            await _pause(stop, PAUSE_S)

    async def _take_over(self, build: str) -> None:
        """The newest build is the current one; an older one takes over when no worker of the current is left (put back, or lost)."""
        try:
            standing = await self.standing()
            if standing.current == build:
                return
            async with self._database.reading() as db:
                newest = await builds.newest(db)
            if standing.current is None or newest == build or standing.current not in standing.alive:
                await self._make_current(build)
        except RPCError as away:
            log.info("build.not_current_yet", build=build, status=away.status.name)

    async def _current(self) -> str | None:
        asked = DescribeWorkerDeploymentRequest(namespace=self._client.namespace, deployment_name=DEPLOYMENT)
        try:
            with reaching():
                told = await self._client.workflow_service.describe_worker_deployment(asked, timeout=SHORT)
        except RPCError as gone:
            if gone.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return told.worker_deployment_info.routing_config.current_deployment_version.build_id or None

    async def _make_current(self, build: str) -> None:
        """Refused as long as Temporal has not seen a worker of it: asked again."""
        wish = SetWorkerDeploymentCurrentVersionRequest(namespace=self._client.namespace, deployment_name=DEPLOYMENT, build_id=build)
        with reaching():
            await self._client.workflow_service.set_worker_deployment_current_version(wish, timeout=SHORT)
        log.info("build.current", build=build)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
