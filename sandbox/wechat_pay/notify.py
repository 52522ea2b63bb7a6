"""Notifies to the merchant: a row each, sent until answered 200 or 204, on WeChat Pay's own schedule."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

import httpx
from starlette.datastructures import MutableHeaders

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.clock import rfc3339
from sandbox.faults import EVERY_NOTIFY, NOTIFY, Fault, Faults
from sandbox.logs import log
from sandbox.store import Store
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.wire import dump, seal, signed_headers, tamper

DDL = """
CREATE TABLE IF NOT EXISTS wechat_notify (
    id TEXT PRIMARY KEY,
    event_type TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    url TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    delivered_at TEXT,
    last_result TEXT
);
CREATE INDEX IF NOT EXISTS wechat_notify_due ON wechat_notify (due_at) WHERE due_at IS NOT NULL;
"""

ANSWER_WITHIN_S = 5.0
"""A merchant who has not answered by then has not answered [C]."""
TAKEN = (200, 204)

_EVENTS = {
    "TRANSACTION.SUCCESS": ("transaction", "支付成功"),
    "REFUND.SUCCESS": ("refund", "退款成功"),
    "REFUND.ABNORMAL": ("refund", "退款异常"),
    "REFUND.CLOSED": ("refund", "退款关闭"),
}
"""Event type → original_type and summary [C]."""


class Notifier:
    """Keeps and sends notifies; a restart goes on where it stopped, because what is due is in the rows."""

    def __init__(self, store: Store, keys: Keys, retry_s: Sequence[float], faults: Faults) -> None:
        """`retry_s`: seconds before each repetition after the first sending. For faults a notify is called `NOTIFY <event type>`."""
        store.script(DDL)
        store.extend("wechat_notify", "out_refund_no", "TEXT")
        self._store = store
        self._keys = keys
        self._retry_s = retry_s
        self._faults = faults
        for call in (EVERY_NOTIFY, *(f"{NOTIFY}{event_type}" for event_type in _EVENTS)):
            faults.declare("wechat_pay", call)
        self._alarm = Alarm()
        self._sending: set[str] = set()
        self.alive = False
        """Whether `run` is running: the sandbox is not healthy without it."""

    def enqueue(self, db: sqlite3.Connection, event_type: str, url: str, resource: Mapping[str, object], now: datetime) -> None:
        """Write a notify of an order or a refund, due at once, into the caller's transaction; call `wake` after its commit."""
        original_type, summary = _EVENTS[event_type]
        notify_id = str(uuid4())
        body = {
            "id": notify_id,
            "create_time": rfc3339(now),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": summary,
            "resource": seal(self._keys, original_type, resource),
        }
        db.execute(
            """
            INSERT INTO wechat_notify (id, event_type, out_trade_no, out_refund_no, url, body, created_at, due_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                notify_id,
                event_type,
                resource["out_trade_no"],
                resource.get("out_refund_no"),
                url,
                dump(body),
                rfc3339(now),
                now.timestamp(),
            ),
        )

    def wake(self) -> None:
        """There may be something due."""
        self._alarm.ring()

    def again(self, out_trade_no: str, now: datetime, *, out_refund_no: str | None = None) -> int:
        """Send the notifies of an order's payment, or of a refund, once more now, whatever became of them; returns how many there are."""
        with self._store.transaction() as db:
            due = db.execute(
                "UPDATE wechat_notify SET due_at = ? WHERE out_trade_no = ? AND out_refund_no IS ?",
                (now.timestamp(), out_trade_no, out_refund_no),
            ).rowcount
        self.wake()
        return due

    def books(self) -> list[dict[str, object]]:
        """Every notify with its fate, without its sealed body."""
        return [
            dict(row)
            for row in self._store.rows(
                """
                SELECT id, event_type, out_trade_no, out_refund_no, url, created_at, attempts, due_at, delivered_at, last_result
                FROM wechat_notify ORDER BY rowid
                """
            )
        ]

    async def run(self) -> None:
        """Send what is due, then sleep until the next is or somebody wakes us. Runs until cancelled."""
        limits = httpx.Limits(max_connections=64)
        timeout = httpx.Timeout(ANSWER_WITHIN_S, pool=None)
        self.alive = True
        try:
            async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client, asyncio.TaskGroup() as sends:
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
        return f"FROM wechat_notify WHERE due_at IS NOT NULL AND id NOT IN ({marks})"

    def _due(self) -> list[sqlite3.Row]:
        return self._store.rows(
            f"SELECT * {self._waiting()} AND due_at <= ? ORDER BY due_at LIMIT 256", *self._sending, clock.now().timestamp()
        )

    def _next(self) -> float | None:
        row = self._store.row(f"SELECT min(due_at) AS next {self._waiting()}", *self._sending)
        return None if row is None else row["next"]

    async def _send(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        fault = self._faults.take("wechat_pay", f"{NOTIFY}{row['event_type']}")
        result, taken = await self._spoilt(client, row, fault) if fault else await self._deliver(client, row)
        self._write_down(row, result, taken=taken)
        numbers = {name: row[name] for name in ("id", "event_type", "out_trade_no", "out_refund_no")}
        log.info("wechat_pay.notify", result=result, fault=fault.kind if fault else None, **numbers)
        self._sending.discard(row["id"])
        self.wake()

    async def _spoilt(self, client: httpx.AsyncClient, row: sqlite3.Row, fault: Fault) -> tuple[str, bool]:
        """One sending that goes wrong: never sent, sent twice, sent only after the wait, or changed on the way. The schedule goes on."""
        if fault.kind == "lost":
            return "lost", False
        if fault.kind == "duplicated":
            first = await self._deliver(client, row)
            await asyncio.sleep(fault.seconds)
            second = await self._deliver(client, row)
            return first if first[1] else second
        await asyncio.sleep(fault.seconds)
        return await self._deliver(client, row, tampered=fault.kind == "tampered")

    async def _deliver(self, client: httpx.AsyncClient, row: sqlite3.Row, *, tampered: bool = False) -> tuple[str, bool]:
        """One POST, signed in this moment: what came of it, and whether it was taken."""
        body: bytes = row["body"]
        headers = MutableHeaders({"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "Mozilla/4.0"})
        headers.update(signed_headers(self._keys, body))
        if tampered:
            body = tamper(headers, body)
        try:
            answer = await client.post(row["url"], content=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            return type(lost).__name__, False
        return str(answer.status_code), answer.status_code in TAKEN

    def _write_down(self, row: sqlite3.Row, result: str, *, taken: bool) -> None:
        """Next due time by the schedule, or none when taken or when the schedule is used up.

        A resend asked for while this one was under way has changed `due_at`: then only the attempt is counted.
        """
        now = clock.now()
        attempt: int = row["attempts"]
        due_at = None if taken or attempt >= len(self._retry_s) else now.timestamp() + self._retry_s[attempt]
        delivered_at = rfc3339(now) if taken else None
        with self._store.transaction() as db:
            db.execute(
                """
                UPDATE wechat_notify
                SET attempts = attempts + 1, last_result = ?, delivered_at = coalesce(delivered_at, ?),
                    due_at = CASE WHEN due_at IS ? THEN ? ELSE due_at END
                WHERE id = ?
                """,
                (result, delivered_at, row["due_at"], due_at, row["id"]),
            )
