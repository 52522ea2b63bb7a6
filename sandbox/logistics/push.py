"""Routes pushed to the merchant: a row each, sent until answered OK, then three times more [B]."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.clock import rfc3339
from sandbox.faults import EVERY_NOTIFY, NOTIFY, Faults
from sandbox.logs import log
from sandbox.store import Store

CALL = f"{NOTIFY}route"
ANSWER_WITHIN_S = 5.0

DDL = """
CREATE TABLE IF NOT EXISTS logistics_push (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    delivered_at TEXT,
    last_result TEXT
);
CREATE INDEX IF NOT EXISTS logistics_push_due ON logistics_push (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS logistics_push_url (one INTEGER PRIMARY KEY CHECK (one = 1), url TEXT NOT NULL);
"""


class Pusher:
    """Keeps and sends pushes; what is due is in the rows, so a restart goes on where it stopped."""

    def __init__(self, store: Store, retry_s: Sequence[float], faults: Faults) -> None:
        """`retry_s`: seconds before each repetition. For faults a push is called `NOTIFY route`."""
        store.script(DDL)
        self._store, self._retry_s, self._faults = store, retry_s, faults
        for call in (EVERY_NOTIFY, CALL):
            faults.declare("logistics", call)
        self._alarm = Alarm()
        self._sending: set[int] = set()
        self.alive = False
        """Whether `run` is running: the sandbox is not healthy without it."""

    @property
    def url(self) -> str:
        """Where the merchant wants to be told, as registered with the carrier; empty: not at all."""
        row = self._store.row("SELECT url FROM logistics_push_url")
        return row["url"] if row else ""

    def register(self, url: str) -> None:
        """As a merchant does on the carrier's console."""
        with self._store.transaction() as db:
            db.execute("INSERT INTO logistics_push_url VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET url = excluded.url", (url,))

    def enqueue(self, db: sqlite3.Connection, route: Mapping[str, str], now: datetime) -> None:
        """Write a push, due at once, into the caller's transaction; call `wake` after its commit."""
        if not self.url:
            return
        body = json.dumps({"Body": {"WaybillRoute": [dict(route)]}}, ensure_ascii=False)
        db.execute(
            "INSERT INTO logistics_push (order_id, url, body, created_at, due_at) VALUES (?, ?, ?, ?, ?)",
            (route["orderid"], self.url, body, rfc3339(now), now.timestamp()),
        )

    def wake(self) -> None:
        """There may be something due."""
        self._alarm.ring()

    def books(self) -> list[dict[str, object]]:
        """Every push with its fate."""
        return [dict(row) for row in self._store.rows("SELECT * FROM logistics_push ORDER BY id")]

    async def run(self) -> None:
        """Send what is due, then sleep until the next is or somebody wakes us. Runs until cancelled."""
        self.alive = True
        try:
            async with (
                httpx.AsyncClient(timeout=httpx.Timeout(ANSWER_WITHIN_S, pool=None), trust_env=False) as client,
                asyncio.TaskGroup() as sends,
            ):
                while True:
                    self._alarm.clear()
                    for row in self._due():
                        self._sending.add(row["id"])
                        sends.create_task(self._send(client, row))
                    await self._alarm.sleep_until(self._next())
        finally:
            self.alive = False

    def _waiting(self) -> str:
        """SQL for rows with a due time that are not on their way already."""
        marks = ",".join("?" * len(self._sending))
        return f"FROM logistics_push WHERE due_at IS NOT NULL AND id NOT IN ({marks})"

    def _due(self) -> list[sqlite3.Row]:
        return self._store.rows(f"SELECT * {self._waiting()} AND due_at <= ? ORDER BY id", *self._sending, clock.now().timestamp())

    def _next(self) -> float | None:
        row = self._store.row(f"SELECT min(due_at) AS next {self._waiting()}", *self._sending)
        return None if row is None else row["next"]

    async def _send(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        fault = self._faults.take("logistics", CALL)
        kind, body = (fault.kind if fault else None), row["body"]
        if kind in {"late", "tampered"} and fault:
            await asyncio.sleep(fault.seconds)
        if kind == "tampered":
            body = body.replace('"mailno": "SF', '"mailno": "SX')
        result, taken = ("lost", False) if kind == "lost" else await self._deliver(client, row["url"], body)
        if kind == "duplicated" and fault:
            await asyncio.sleep(fault.seconds)
            again = await self._deliver(client, row["url"], body)
            result, taken = (result, taken) if taken else again
        self._write_down(row, result, taken=taken)
        log.info("logistics.push", result=result, fault=kind, order_id=row["order_id"])
        self._sending.discard(row["id"])
        self.wake()

    async def _deliver(self, client: httpx.AsyncClient, url: str, body: str) -> tuple[str, bool]:
        """One POST: what came of it, and whether it was taken. The wire carries no signature [G]."""
        try:
            answer = await client.post(url, content=body.encode(), headers={"Content-Type": "application/json;charset=UTF-8"})
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            return type(lost).__name__, False
        return str(answer.status_code), answer.status_code == 200 and _ok(answer.content)

    def _write_down(self, row: sqlite3.Row, result: str, *, taken: bool) -> None:
        now = clock.now()
        attempt: int = row["attempts"]
        due_at = None if taken or attempt >= len(self._retry_s) else now.timestamp() + self._retry_s[attempt]
        with self._store.transaction() as db:
            db.execute(
                "UPDATE logistics_push SET attempts = attempts + 1, last_result = ?, delivered_at = ?, due_at = ? WHERE id = ?",
                (result, rfc3339(now) if taken else None, due_at, row["id"]),
            )


def _ok(content: bytes) -> bool:
    """`OK` [B], or a message with return_code 0000 [G]."""
    try:
        said: object = json.loads(content)
    except ValueError:
        return content.strip() == b"OK"
    return isinstance(said, dict) and {"return_code": "0000"}.items() <= said.items()
