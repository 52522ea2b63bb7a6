"""The worker's own health page: alive, and ready when database and Temporal answer and the workflows are polled for."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from models.stores.database import Database

ANSWER_S = 2.0


class _Server(uvicorn.Server):
    """The signals are the worker's."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(port: int, database: Database, client: Client, polling: Worker, stop: asyncio.Event) -> None:
    """On loopback, until `stop` is set."""

    async def live(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> JSONResponse:
        away = await _away(database, client, polling)
        return JSONResponse({"status": "waiting" if away else "ok", "away": away}, 503 if away else 200)

    app = Starlette(routes=[Route("/health/live", live), Route("/health/ready", ready)])
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    await stop.wait()
    server.should_exit = True
    await serving


async def _away(database: Database, client: Client, polling: Worker) -> list[str]:
    """What does not answer."""
    away = [] if polling.is_running else ["worker"]
    try:
        async with asyncio.timeout(ANSWER_S), database.reading() as db:
            await db.execute(text("select 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        away.append("database")
    try:
        async with asyncio.timeout(ANSWER_S):
            if not await client.service_client.check_health():
                away.append("temporal")
    except (RPCError, RuntimeError, TimeoutError):
        away.append("temporal")
    return away
