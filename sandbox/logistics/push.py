"""Routes pushed to the merchant: sent until answered OK, then three times more [B]. The wire carries no signature [G]."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx
from starlette.datastructures import MutableHeaders

from sandbox import notify
from sandbox.clock import rfc3339
from sandbox.faults import Faults
from sandbox.store import Store

DDL = f"""
CREATE TABLE IF NOT EXISTS logistics_push (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    {notify.FATE}
);
CREATE TABLE IF NOT EXISTS logistics_push_url (one INTEGER PRIMARY KEY CHECK (one = 1), url TEXT NOT NULL)
"""


class Pusher(notify.Notifier):
    """Tells where a parcel was seen."""

    system, table, events, numbers = "logistics", "logistics_push", ("route",), ("order_id",)

    def __init__(self, store: Store, retry_s: Sequence[float], faults: Faults) -> None:
        store.script(DDL)
        super().__init__(store, faults, retry_s)

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

    def event(self, row: sqlite3.Row) -> str:
        del row
        return "route"

    def sending(self, row: sqlite3.Row) -> notify.Sending:
        return notify.Sending(row["url"], {"Content-Type": "application/json;charset=UTF-8"}, row["body"].encode())

    def taken(self, answer: httpx.Response) -> bool:
        """`OK` [B], or a message with return_code 0000 [G]; with 200."""
        try:
            said: object = answer.json()
        except ValueError:
            said = {"return_code": "0000"} if answer.content.strip() == b"OK" else None
        return answer.status_code == 200 and isinstance(said, dict) and {"return_code": "0000"}.items() <= said.items()

    def tamper(self, headers: MutableHeaders, body: bytes) -> bytes:
        """Another waybill: nothing on this wire tells."""
        return body.replace(b'"mailno": "SF', b'"mailno": "SX')
