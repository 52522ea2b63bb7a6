"""A bug in a route is told by one line, which is among the alarms; the server beneath adds none of its own."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from api.logs import Journal
from stack.ports import free_ports


@asynccontextmanager
async def served() -> AsyncGenerator[str]:
    """The address of a server, as ours, whose routes fail: before an answer, and in its midst."""
    app = FastAPI()

    @app.get("/before")
    async def before() -> None:  # pyright: ignore[reportUnusedFunction]
        raise KeyError

    @app.get("/midst")
    async def midst() -> StreamingResponse:  # pyright: ignore[reportUnusedFunction]
        async def begun() -> AsyncGenerator[bytes]:
            yield b"half"
            raise KeyError

        return StreamingResponse(begun())

    app.add_middleware(Journal)
    [port] = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def test_a_bug_in_a_route_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as url, httpx.AsyncClient(base_url=url) as client:
        with structlog.testing.capture_logs() as lines:
            assert (await client.get("/before")).status_code == 500
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/midst")

    assert [one["event"] for one in lines if one["log_level"] == "error"] == ["request.failed"] * 2
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_what_the_server_alone_knows_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    async def app(*_: object) -> None: ...

    Journal(app)
    logging.getLogger("uvicorn.error").error("no file is left to open", exc_info=OSError())

    assert [one.message for one in caplog.records] == ["no file is left to open"]
