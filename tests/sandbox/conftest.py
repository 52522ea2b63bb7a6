"""The sandbox itself, served on a loopback port: its tests speak to it over the wire only."""

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from sandbox.app import create_app
from sandbox.settings import Settings


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def running(data: Path, notify_retry_s: tuple[float, ...] = (0.05, 0.05), refund_s: float = 0.1, sms_report_s: float = 0) -> Generator[str]:
    """A sandbox on its own thread and port for as long as the block lasts; yields its address."""
    settings = Settings(data=data, notify_retry_s=notify_retry_s, refund_s=refund_s, sms_report_s=sms_report_s)
    server = _Server(
        uvicorn.Config(lambda: create_app(settings), factory=True, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.up.wait(timeout=30), "the sandbox did not come up"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def caller(address: str) -> httpx.Client:
    """An ordinary HTTP client of a sandbox, with more patience than a busy machine needs."""
    return httpx.Client(base_url=address, trust_env=False, verify=False, timeout=30)


def until(holds: Callable[[], object]) -> None:
    """Comes back once it holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sandbox for the tests that leave nothing behind that another would stumble on."""
    with running(tmp_path_factory.mktemp("sandbox")) as address:
        yield address


@pytest.fixture
def outside(sandbox: str) -> Iterator[httpx.Client]:
    with caller(sandbox) as client:
        yield client
