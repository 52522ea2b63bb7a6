"""The outside of the stateful test: the real sandbox in this process and loop, on the test's own time, reached over its real wires."""

import asyncio
import json
import sqlite3
from base64 import b64decode
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.signing import authorization
from gateways.wechat_pay.v3 import WeChatPayV3
from sandbox import clock as sandbox_clock
from sandbox import fault_kinds, his
from sandbox.app import create_app
from sandbox.settings import Settings
from sandbox.wechat_pay.keys import load
from sandbox.wechat_pay.wire import dump, seal, signed_headers
from tests.client import Hands
from tests.process.hospital import MORNING
from tests.settings import NOWHERE

REFUND_S = 60.0
"""How long the bank takes for a refund that goes well, by the clock of the test."""
_TURNS = 200
"""Of the loop, in which whatever was asleep at the sandbox has done what it does: it waits for nothing there."""


class World(Hands):
    """The one clock of both sides, and the sleep of what comes late outside: it wakes when the test has moved the time so far."""

    def __init__(self) -> None:
        self._at = MORNING
        self._asleep: list[tuple[datetime, asyncio.Future[None]]] = []
        super().__init__(MORNING)

    @property
    def at(self) -> datetime:
        return self._at

    @at.setter
    def at(self, at: datetime) -> None:
        self._at = at
        due = [one for one in self._asleep if one[0] <= at]
        self._asleep = [one for one in self._asleep if one[0] > at]
        for _, waiting in due:
            waiting.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`, by this clock."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting = asyncio.get_running_loop().create_future()
        self._asleep.append((self._at + timedelta(seconds=seconds), waiting))
        await waiting

    async def passes(self, seconds: float) -> None:
        """Time goes on, and what was on its way outside has arrived."""
        self.at += timedelta(seconds=seconds)
        await settled()

    async def begins_again(self) -> None:
        """Everything on its way arrives; then it is Monday morning."""
        self.at += timedelta(days=1)
        await settled()
        self._at = MORNING


async def settled() -> None:
    """What can go on in this loop without waiting for anybody has gone on."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


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


@dataclass(frozen=True)
class Letter:
    """A notify as the bank has written it; signed when it leaves."""

    id: str
    event_type: str
    order_no: str
    body: bytes


class Outside:
    """Both parties by their real wires, the people on their side, and their books."""

    def __init__(self, address: str, data: Path, clock: World, credentials: dict[str, Any], http: httpx.AsyncClient) -> None:
        self.clock, self.http = clock, http
        self.merchant = WeChatPayAccount(notify_url=f"{NOWHERE}/webhooks/wechat-pay", **credentials["wechat_pay"])
        self.his = FhirHIS(HisAccount(**credentials["his"]))
        self.wechat_pay = WeChatPayV3(self.merchant, clock=clock)
        self.keys = load(data / "wechat_pay")
        self.address = address
        self._books = sqlite3.connect(data / "sandbox.sqlite", isolation_level=None)
        self._books.row_factory = sqlite3.Row
        self._beginning = sqlite3.connect(":memory:")

    async def aclose(self) -> None:
        self._books.close()
        self._beginning.close()
        await self.his.aclose()
        await self.wechat_pay.aclose()

    def is_the_beginning(self) -> None:
        """The sandbox's books as they stand are those that every example begins with."""
        self._books.backup(self._beginning)

    async def begins_again(self) -> None:
        """Nothing is on its way or planned any more, and all books are those of the beginning."""
        await self.clock.begins_again()
        self._beginning.backup(self._books)

    @property
    def written(self) -> int:
        """Another number as soon as somebody has written in the books."""
        return self._books.execute("PRAGMA data_version").fetchone()[0]

    async def mends(self) -> None:
        (await self.http.delete("/faults")).raise_for_status()
        (await self.http.delete("/wechat/cashier/refunds/next")).raise_for_status()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """One of its tables, oldest first."""
        return [dict(row) for row in self._books.execute(f"SELECT * FROM {table} ORDER BY rowid")]

    async def fault(self, system: str, call: str, kind: str, *, seconds: float = 0, code: str | None = None) -> None:
        """The next such call goes wrong."""
        wish = {"system": system, "call": call, "kind": kind, "seconds": seconds, "code": code}
        (await self.http.post("/faults", json=wish)).raise_for_status()

    async def pays(self, order_no: str) -> int:
        """A person at the cashier; the status of the answer."""
        return (await self.http.post(f"/wechat/cashier/{order_no}/pay")).status_code

    async def next_refund(self, fate: str) -> None:
        """What the next new refund comes to."""
        (await self.http.post("/wechat/cashier/refunds/next", json={"fate": fate})).raise_for_status()

    async def ends_refund(self, refund_no: str, status: str) -> int:
        return (await self.http.post(f"/wechat/cashier/refunds/{refund_no}/end", json={"status": status})).status_code

    async def sends_another_way(self, refund_no: str, refund_id: str) -> None:
        """财务处 at the merchant's platform: a refund that could not arrive goes to the hospital's own account, to be handed on."""
        target = f"/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund"
        body = json.dumps({"out_refund_no": refund_no, "type": "MERCHANT_BANK_CARD"}).encode()
        signature = authorization(self.merchant, "POST", target, body, self.clock())
        headers = {"Authorization": signature, "Content-Type": "application/json"}
        (await self.http.post(f"{self.merchant.base_url}{target}", content=body, headers=headers)).raise_for_status()

    async def stops(self, slot_id: str) -> None:
        (await self.http.post(f"/his/desk/slots/{slot_id}/stop")).raise_for_status()

    def letters(self) -> list[Letter]:
        """What the bank has to tell."""
        return [Letter(row["id"], row["event_type"], row["out_trade_no"], row["body"]) for row in self.rows("wechat_notify")]

    def sign(self, body: bytes) -> dict[str, str]:
        """As the bank signs now."""
        return signed_headers(self.keys, body) | {"Content-Type": "application/json"}

    def rewritten(self, letter: Letter, id: str, **changes: Any) -> bytes:
        """What the bank's own keys sealed, saying something else."""
        envelope: dict[str, Any] = json.loads(letter.body)
        sealed = envelope["resource"]
        cipher, aad = AESGCM(self.keys.apiv3_key.encode()), sealed["associated_data"].encode()
        resource = json.loads(cipher.decrypt(sealed["nonce"].encode(), b64decode(sealed["ciphertext"]), aad))
        return dump(envelope | {"id": id, "resource": seal(self.keys, sealed["original_type"], resource | changes)})


@asynccontextmanager
async def served(data: Path, clock: World, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Outside]:
    """The sandbox on a loopback port of this loop. Its time, and how long it sleeps before something late, are the test's."""
    monkeypatch.setattr(sandbox_clock, "now", clock)
    monkeypatch.setattr(his.build, "__defaults__", (clock,))
    monkeypatch.setattr(fault_kinds, "asyncio", SimpleNamespace(sleep=clock.sleep))
    app = create_app(Settings(data=data, notify_retry_s=(), refund_s=REFUND_S))
    server = _Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as http:
        credentials = (await http.get("/credentials")).raise_for_status().json()
        outside = Outside(address, data, clock, credentials, http)
        yield outside
        await clock.begins_again()
        await outside.aclose()
    server.should_exit = True
    await serving
