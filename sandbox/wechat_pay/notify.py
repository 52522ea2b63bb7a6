"""Notifies to the merchant: sealed, signed, taken when answered 200 or 204, on WeChat Pay's own schedule [C]."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

import httpx

from sandbox import notify
from sandbox.clock import rfc3339
from sandbox.faults import Faults
from sandbox.store import Store
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.wire import dump, seal, signed_headers

DDL = f"""
CREATE TABLE IF NOT EXISTS wechat_notify (
    id TEXT PRIMARY KEY,
    event_type TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    url TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at TEXT NOT NULL,
    {notify.FATE}
)
"""
TAKEN = (200, 204)

_EVENTS = {
    "TRANSACTION.SUCCESS": ("transaction", "支付成功"),
    "REFUND.SUCCESS": ("refund", "退款成功"),
    "REFUND.ABNORMAL": ("refund", "退款异常"),
    "REFUND.CLOSED": ("refund", "退款关闭"),
}
"""Event type → original_type and summary [C]."""
_CLIENT = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "Mozilla/4.0"}


class Notifier(notify.Notifier):
    """Of orders and refunds."""

    system, table, events = "wechat_pay", "wechat_notify", tuple(_EVENTS)
    numbers = ("id", "out_trade_no", "out_refund_no")

    def __init__(self, store: Store, keys: Keys, retry_s: Sequence[float], faults: Faults) -> None:
        store.script(DDL)
        store.extend(self.table, "out_refund_no", "TEXT")
        super().__init__(store, faults, retry_s)
        self._keys = keys

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
        order, refund = resource["out_trade_no"], resource.get("out_refund_no")
        db.execute(
            """
            INSERT INTO wechat_notify (id, event_type, out_trade_no, out_refund_no, url, body, created_at, due_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (notify_id, event_type, order, refund, url, dump(body), rfc3339(now), now.timestamp()),
        )

    def again(self, out_trade_no: str, *, out_refund_no: str | None = None) -> int:
        """Send the notifies of an order's payment, or of a refund, once more now, whatever became of them; returns how many there are."""
        return self.send_again("out_trade_no = ? AND out_refund_no IS ?", out_trade_no, out_refund_no)

    def event(self, row: sqlite3.Row) -> str:
        return row["event_type"]

    def sending(self, row: sqlite3.Row) -> notify.Sending:
        return notify.Sending(row["url"], _CLIENT | signed_headers(self._keys, row["body"]), row["body"])

    def taken(self, answer: httpx.Response) -> bool:
        return answer.status_code in TAKEN
