"""The outside for adapters: the sandbox on a loopback port, and a plain server that misbehaves in ways no sandbox does."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import structlog
from structlog.typing import EventDict

from tests.sandbox.conftest import caller, running

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Misbehaving = Callable[[Serve], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sandbox for all adapters; each test brings its own people, slots and numbers."""
    with running(tmp_path_factory.mktemp("outside")) as address:
        yield address


@pytest.fixture
def outside(sandbox: str) -> Iterator[httpx.Client]:
    """Who plays the outside: desk, cashier, phones, faults. Faults are cleared behind each test."""
    with caller(sandbox) as client:
        yield client
        client.delete("/faults").raise_for_status()


@pytest.fixture
def credentials(outside: httpx.Client) -> dict[str, Any]:
    return outside.get("/credentials").raise_for_status().json()


@pytest.fixture
def fault(outside: httpx.Client) -> Callable[..., None]:
    """Sets a fault for the next calls of that name."""

    def spoil(system: str, call: str, kind: str, seconds: float, times: int = 1) -> None:
        wish = {"system": system, "call": call, "kind": kind, "seconds": seconds, "times": times}
        outside.post("/faults", json=wish).raise_for_status()

    return spoil


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """The log lines of the test."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def misbehaving() -> Misbehaving:
    """A server whose every connection is served by the given function; yields its address, and leaves when the last one is closed.

    It opens its door itself: `asyncio.start_server` loses, unclosed, a connection that it has taken when it is told to close.
    """

    async def served(taken: socket.socket, each: Serve) -> None:
        reader, writer = await asyncio.open_connection(sock=taken)
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # the caller has hung up
            try:
                await each(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    @asynccontextmanager
    async def serve(each: Serve) -> AsyncGenerator[str]:
        loop, connections = asyncio.get_running_loop(), list[asyncio.Task[None]]()
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.setblocking(False)
            loop.add_reader(door, lambda: connections.append(loop.create_task(served(door.accept()[0], each))))
            try:
                yield f"http://127.0.0.1:{door.getsockname()[1]}"
            finally:
                loop.remove_reader(door)
                await asyncio.gather(*connections)

    return serve


def answering(status: int, body: object, headers: dict[str, str] | None = None) -> bytes:
    """A whole HTTP answer that closes its connection."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} .\r\nconnection: close\r\ncontent-length: {len(raw)}\r\n{lines}\r\n".encode() + raw


async def request_head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode().lower()
