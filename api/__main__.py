"""`python -m api`: the composition root of the API process."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.live import Live
from api.wiring import Wiring
from models.kernel import clock
from models.stores.database import Database
from worker import logs
from worker.settings import Settings, read_settings

_STOP_WITHIN_S, _CUT_AFTER_S = 2.0, 0.5
"""A stop waits so long for answers under way; who is then told to repeat the wish, and does not read it, is cut off."""
log = structlog.get_logger()

KEEP_ALIVE_S = 75
"""An idle connection lives longer here than at whoever stands in front, so that nobody sends into one that is just being closed."""


class Server(uvicorn.Server):
    """Ends the live streams before it waits for what is under way: they would never end by themselves."""

    def __init__(self, app: FastAPI, live: Live, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=round(2 * (_STOP_WITHIN_S + _CUT_AFTER_S)),
        )
        super().__init__(config)
        self._live = live

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """A signal asks for a stop and is then dealt with: uvicorn's own raises it once more at the end, and nothing would be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.end()
        leaving = asyncio.create_task(self._leave(), name="leave")
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    async def _leave(self) -> None:
        """Ends what the library would only end with an alarm: a restart is none."""
        await asyncio.sleep(_STOP_WITHIN_S)
        log.warning("api.stopped_while_answering", answering=len(self.server_state.tasks))
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(_CUT_AFTER_S)
        for connection in self.server_state.connections:
            connection.transport.abort()


async def serve(settings: Settings) -> None:
    """Until a signal ends it. Temporal is connected when it is first needed: without it reads go on."""
    database = Database(settings.database_url.get_secret_value(), settings.vault())
    try:
        temporal = await Client.connect(
            settings.temporal_address, namespace=settings.temporal_namespace, data_converter=pydantic_data_converter, lazy=True
        )
        live = Live(database)
        app = create_app(Wiring(settings=settings, database=database, temporal=temporal, clock=clock.now, live=live))
        gc.freeze()  # what is there now lives as long as the process: no collection walks through it
        await Server(app, live, settings.api_host, settings.api_port).serve()
    finally:
        await database.close()


def main() -> None:
    logs.configure("api")
    settings = read_settings()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
