"""The worker's own pages: alive; ready when database and Temporal answer and the workflows are polled for; and numbers for Prometheus."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from prometheus_client import Metric
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from models.kernel.clock import Clock
from models.stores import metric
from models.stores.database import Database
from models.stores.outage import SUSPECTS, is_outage
from worker.build import Builds
from worker.metrics import Told, connections, gauge, page
from worker.relay import Loop
from worker.temporal_metrics import DRAIN_S, TemporalMetrics

ANSWER_S = 2.0


class _Server(uvicorn.Server):
    """The signals are the worker's."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Pages:
    """What they ask."""

    database: Database
    client: Client
    polling: Worker
    temporal: TemporalMetrics
    clock: Clock

    async def serve(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        server = _Server(uvicorn.Config(self.app(), host=host, port=port, log_config=None, access_log=False, lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not stop.is_set():
            self.temporal.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), DRAIN_S)
        server.should_exit = True
        await serving

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/health/live", self._live), Route("/health/ready", self._ready), Route("/metrics", self._metrics)],
        )

    async def _live(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> JSONResponse:
        away = await self._away()
        return JSONResponse({"status": "waiting" if away else "ok", "away": away}, 503 if away else 200)

    async def _metrics(self, _: Request) -> Response:
        """Those of the whole house too: every worker tells them, and a sum over workers would be wrong."""
        body, headers = page(Told([*await self._of_the_house(), *await self._of_the_builds()]), self.temporal)
        return Response(body, headers=headers)

    async def _of_the_house(self) -> list[Metric]:
        try:
            async with asyncio.timeout(ANSWER_S), self.database.reading() as db:
                standing = await metric.standing(db, self.clock(), {str(loop): loop for loop in Loop})
        except SUSPECTS as error:
            if not is_outage(error):
                raise
            return [connections(self.database), _up(0)]
        return [connections(self.database), _up(1), *_standing(standing)]

    async def _of_the_builds(self) -> list[Metric]:
        """None when nobody can say."""
        try:
            async with asyncio.timeout(ANSWER_S):
                runs = await Builds(self.database, self.client).runs()
        except (RPCError, TimeoutError, *SUSPECTS):
            return []
        return [gauge("fuzhen_runs_open", "Open runs by the build that they are on.", ("build", "standing"), runs)]

    async def _away(self) -> list[str]:
        """What does not answer."""
        away = [] if self.polling.is_running else ["worker"]
        try:
            async with asyncio.timeout(ANSWER_S), self.database.reading() as db:
                await db.execute(text("select 1"))
        except SUSPECTS:
            away.append("database")
        try:
            async with asyncio.timeout(ANSWER_S):
                if not await self.client.service_client.check_health():
                    away.append("temporal")
        except (RPCError, RuntimeError, TimeoutError):
            away.append("temporal")
        return away


def _standing(one: metric.Standing) -> list[Metric]:
    inbox, rows = one.inbox, one.rows
    return [
        gauge("fuzhen_inbox_open", "Inbox rows not handled.", ("process",), {(name,): each.number for name, each in inbox.items()}),
        gauge("fuzhen_inbox_oldest_seconds", "Age of the oldest.", ("process",), {(name,): each.oldest_s for name, each in inbox.items()}),
        gauge("fuzhen_open_rows", "Processes not at their end.", ("process", "state"), {key: each.number for key, each in rows.items()}),
        gauge(
            "fuzhen_open_rows_oldest_seconds",
            "Since the last move of the one that stands longest.",
            ("process", "state"),
            {key: each.oldest_s for key, each in rows.items()},
        ),
        gauge("fuzhen_open_rows_late", "Rows whose alarm passed a minute ago, and which have not moved.", ("process",), _keyed(one.late)),
        gauge("fuzhen_refunds_stuck", "Refunds that wait for a person.", ("trouble", "office"), one.stuck),
        gauge("fuzhen_messages_due", "Messages due and not sent.", (), {(): one.messages.number}),
        gauge("fuzhen_messages_oldest_seconds", "Age of the oldest.", (), {(): one.messages.oldest_s}),
        gauge("fuzhen_messages_undelivered", "Messages about a visit that no phone got.", (), {(): one.undelivered}),
        gauge("fuzhen_histories_open", "Closed runs whose history is not yet archived.", (), {(): one.histories.number}),
        gauge("fuzhen_histories_oldest_seconds", "Since the oldest of them ended.", (), {(): one.histories.oldest_s}),
        gauge("fuzhen_loop_held", "Whether a worker holds the lock of this loop.", ("loop",), _keyed(one.loops)),
        gauge(
            "fuzhen_mirror_age_seconds",
            "Since a part of the HIS's mirror was pulled in full.",
            ("part",),
            {(part,): age for part, age in one.mirror_s.items() if age is not None},
        ),
    ]


def _up(number: int) -> Metric:
    return gauge("fuzhen_database_up", "Whether PostgreSQL answered.", (), {(): number})


def _keyed(numbers: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): number for name, number in numbers.items()}
