"""The outside on its real wires: the sandbox served in this process and loop, on the test's own time, and the gateways to it.

Its time and its sleep are the test's, so that what comes late comes when the test says so, and hours cost nothing.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.rest import PULL_LIMIT_S
from gateways.invoice.account import InvoiceAccount
from gateways.invoice.bosssoft import BosssoftIssuer
from gateways.logistics.account import SfAccount
from gateways.logistics.sf import SfLogistics
from gateways.review.account import ReviewAccount
from gateways.review.rest import RestReview
from gateways.signature.account import SignatureAccount
from gateways.signature.rest import RestSignature
from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.v3 import WeChatPayV3
from gateways.wire import LIMIT_S
from models.signature import Trusted
from sandbox import alarm, fault_kinds, his, notify
from sandbox import clock as sandbox_clock
from sandbox.app import create_app
from sandbox.settings import Settings
from tests.client import Hands
from tests.process.hospital import MORNING
from worker.wiring import Parties

REFUND_S: Final = 5.0
RETRY_S: Final = (15.0, 15.0, 30.0, 180.0)
"""How long the bank takes for a refund, and waits before it repeats a notify; by the clock of the test."""
_TURNS = 200
"""Of the loop, in which whatever was asleep at the sandbox has done what it does: it waits for nothing there."""


class World(Hands):
    """The one clock of both sides. Who sleeps by it wakes when the test has moved it so far; made in the loop that it is for."""

    def __init__(self) -> None:
        self._at, self._loop = MORNING, asyncio.get_running_loop()
        self._due: list[tuple[datetime, Callable[[], None]]] = []
        self._woke = False
        self.asleep = 0
        """Calls and notifies that are kept waiting by a fault."""
        super().__init__(MORNING)

    @property
    def at(self) -> datetime:
        return self._at

    @at.setter
    def at(self, at: datetime) -> None:
        self._at = at
        due = [wake for when, wake in self._due if when <= at]
        self._due = [one for one in self._due if one[0] > at]
        for wake in due:
            self._woke = True
            wake()

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`, by this clock."""
        if seconds <= 0 or self._elsewhere:
            await asyncio.sleep(seconds)
            return
        woken = asyncio.Event()
        self._due.append((self._at + timedelta(seconds=seconds), woken.set))
        self.asleep += 1
        try:
            await woken.wait()
        finally:
            self.asleep -= 1

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncGenerator[None]:
        """As `asyncio.timeout`, by this clock."""
        over = False
        async with asyncio.timeout(seconds if self._elsewhere else None) as limit:

            def ends() -> None:
                if not over:
                    limit.reschedule(self._loop.time())

            if seconds is not None and not self._elsewhere:
                self._due.append((self._at + timedelta(seconds=seconds), ends))
            try:
                yield
            finally:
                over = True

    @property
    def _elsewhere(self) -> bool:
        """A sandbox on another thread, of other tests in this process, has its own time."""
        return asyncio.get_running_loop() is not self._loop

    async def passes(self, seconds: float) -> None:
        """Time goes on, and what was on its way outside has arrived."""
        self.at += timedelta(seconds=seconds)
        turns, self._woke = _TURNS if self._woke else 0, False
        for _ in range(turns):
            await asyncio.sleep(0)

    async def begins_again(self) -> None:
        """Everything on its way arrives; then it is Monday morning."""
        await self.passes(timedelta(days=1).total_seconds())
        self._at, self._due = MORNING, []


class _Server(uvicorn.Server):
    """Serves in a loop that it does not own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def listening(app: FastAPI, *, lifespan: bool = True) -> AsyncGenerator[str]:
    """An application on a loopback port of this loop; its address."""
    how: Any = {"port": 0, "log_config": None, "access_log": False, "timeout_graceful_shutdown": 1}
    server = _Server(uvicorn.Config(app, lifespan="on" if lifespan else "off", **how))
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class Outside:
    """All parties by their real wires, the people on their side, and their books."""

    def __init__(
        self, address: str, data: Path, clock: World, credentials: dict[str, Any], http: httpx.AsyncClient, notify_url: str
    ) -> None:
        self.address, self.clock, self.http = address, clock, http
        self.merchant = WeChatPayAccount(notify_url=notify_url, **credentials["wechat_pay"])
        self._his, self._sms = HisAccount(**credentials["his"]), AliyunAccount(**credentials["sms"])
        self._sf, self._review = SfAccount(**credentials["logistics"]), ReviewAccount(**credentials["review"])
        self._invoice = InvoiceAccount(**credentials["invoice"])
        ca = dict(credentials["signature"])
        self._trusted = Trusted(ca.pop("trusted"))
        self._ca = SignatureAccount(notify_url=notify_url, **ca)
        self._file = data / "sandbox.sqlite"
        self._books = sqlite3.connect(self._file, isolation_level=None)
        self._books.row_factory = sqlite3.Row
        self._beginning = sqlite3.connect(":memory:")

    def close(self) -> None:
        self._books.close()
        self._beginning.close()

    @asynccontextmanager
    async def parties(self, *, limit_s: float = LIMIT_S, pull_limit_s: float = PULL_LIMIT_S) -> AsyncGenerator[Parties]:
        """The gateways of one process. Each call waits at most so long, in real seconds."""
        reached = Parties(
            FhirHIS(self._his, limit_s=limit_s, pull_limit_s=pull_limit_s),
            WeChatPayV3(self.merchant, clock=self.clock, limit_s=limit_s),
            AliyunSMS(self._sms, clock=self.clock, limit_s=limit_s),
            SfLogistics(self._sf, clock=self.clock, limit_s=limit_s),
            RestReview(self._review, clock=self.clock, limit_s=limit_s),
            RestSignature(self._ca, clock=self.clock, limit_s=limit_s),
            self._trusted,
            BosssoftIssuer(self._invoice, limit_s=limit_s),
        )
        try:
            yield reached
        finally:
            await reached.aclose()

    def is_the_beginning(self) -> None:
        """What is in their books now is there whenever it begins again."""
        self._books.backup(self._beginning)

    async def begins_again(self) -> None:
        """What was on its way has arrived; books and clock are those of the beginning."""
        await self.clock.begins_again()
        self._beginning.backup(self._books)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Oldest first."""
        return [dict(row) for row in self._books.execute(f"SELECT * FROM {table} ORDER BY rowid")]

    async def fault(self, system: str, call: str, kind: str, *, seconds: float = 0, code: str | None = None) -> None:
        """The next such call, or notify, goes wrong."""
        wish = {"system": system, "call": call, "kind": kind, "seconds": seconds, "code": code}
        (await self.http.post("/faults", json=wish)).raise_for_status()

    async def faults_left(self) -> list[dict[str, Any]]:
        """Those that have not happened yet."""
        return (await self.http.get("/faults")).raise_for_status().json()

    async def pays(self, order_no: str) -> None:
        """A person at the cashier."""
        (await self.http.post(f"/wechat/cashier/{order_no}/pay")).raise_for_status()

    async def delivered(self) -> None:
        """Every notify that is due now has been tried, unless a fault keeps it waiting."""
        async with asyncio.timeout(30):
            while self._on_their_way() > self.clock.asleep:  # noqa: ASYNC110  its books are all that the bank shows of it
                await asyncio.sleep(0.005)

    def _on_their_way(self) -> int:
        due = "SELECT count(*) FROM wechat_notify WHERE due_at <= ?"
        return self._books.execute(due, (self.clock().timestamp(),)).fetchone()[0]


Touch = TypeVar("Touch", bound=Outside)


@asynccontextmanager
async def served(
    data: Path,
    clock: World,
    monkeypatch: pytest.MonkeyPatch,
    notify_url: str,
    of: type[Touch] = Outside,
    *,
    retry_s: tuple[float, ...] = RETRY_S,
    refund_s: float = REFUND_S,
) -> AsyncGenerator[Touch]:
    """The sandbox, as it was when the clock's day began; it reports to `notify_url`, and is touched through `of`."""
    monkeypatch.setattr(sandbox_clock, "now", clock)
    monkeypatch.setattr(his.build, "__defaults__", (clock,))
    monkeypatch.setattr(fault_kinds, "asyncio", SimpleNamespace(sleep=clock.sleep))
    monkeypatch.setattr(notify, "asyncio", SimpleNamespace(sleep=clock.sleep, TaskGroup=asyncio.TaskGroup))
    monkeypatch.setattr(alarm, "asyncio", SimpleNamespace(Event=asyncio.Event, timeout=clock.timeout))
    app = create_app(Settings(data=data, notify_retry_s=retry_s, refund_s=refund_s))
    async with listening(app) as address, httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as http:
        credentials = (await http.get("/credentials")).raise_for_status().json()
        outside = of(address, data, clock, credentials, http, notify_url)
        yield outside
        await clock.begins_again()
        outside.close()
