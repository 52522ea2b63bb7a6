"""What became of texts, told to the sender as `SmsReport` [C]: a JSON list, without a signature, until answered `code` 0."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx

from sandbox import clock, notify
from sandbox.clock import rfc3339
from sandbox.faults import Faults
from sandbox.store import Store

DDL = f"""
CREATE TABLE IF NOT EXISTS sms_report (
    id INTEGER PRIMARY KEY,
    out_ids TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    {notify.FATE}
)
"""


class Reporter(notify.Notifier):
    """Sends batches of reports: what the networks said at one time."""

    system, table, events, numbers = "sms", "sms_report", ("report",), ("out_ids",)

    def __init__(self, store: Store, faults: Faults, url: str, retry_s: Sequence[float]) -> None:
        """`url` is what the sender has entered on the carrier's console; empty: nobody is told."""
        store.script(DDL)
        super().__init__(store, faults, retry_s)
        self._url = url

    def enqueue(self, db: sqlite3.Connection, reports: Sequence[Mapping[str, object]], at: datetime) -> None:
        """Write a batch, due then, into the caller's transaction; call `wake` after its commit."""
        if not self._url or not reports:
            return
        out_ids = ",".join(str(one["out_id"]) for one in reports)
        body = json.dumps([dict(one) for one in reports], ensure_ascii=False)
        sql = "INSERT INTO sms_report (out_ids, body, created_at, due_at) VALUES (?, ?, ?, ?)"
        db.execute(sql, (out_ids, body, rfc3339(clock.now()), at.timestamp()))

    def again(self, id: str) -> int:
        """Send a batch once more now, whatever became of it; returns how many there are."""
        return self.send_again("id = ?", id)

    def event(self, row: sqlite3.Row) -> str:
        del row
        return "report"

    def sending(self, row: sqlite3.Row) -> notify.Sending:
        return notify.Sending(self._url, {"Content-Type": "application/json;charset=UTF-8"}, row["body"].encode())

    def taken(self, answer: httpx.Response) -> bool:
        """`code` 0 [C], with 200."""
        try:
            said: object = answer.json()
        except ValueError:
            return False
        return answer.status_code == 200 and isinstance(said, dict) and {"code": 0}.items() <= said.items()
