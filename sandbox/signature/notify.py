"""The end of a task told to the hospital: sent until answered 2xx, or until the schedule is used up; then it can still be asked for.

A task that nobody confirmed in time ends here too. The rows are the tasks themselves.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from sandbox import notify
from sandbox.clock import rfc3339
from sandbox.faults import Faults
from sandbox.signature.wire import Keys, dump, notify_headers
from sandbox.store import Store


class Notifier(notify.Notifier):
    """Ends what is over, and tells ends."""

    system, table, events = "signature", "signature_task", ("SIGNED", "REFUSED", "EXPIRED")
    numbers = ("id", "number")

    def __init__(self, store: Store, keys: Keys, retry_s: Sequence[float], faults: Faults) -> None:
        super().__init__(store, faults, retry_s)
        self._keys = keys

    def expire(self, now: datetime) -> None:
        """End the tasks whose time is over; each is told."""
        with self._store.transaction() as db:
            db.execute(
                """
                UPDATE signature_task SET state = 'EXPIRED', ended_at = expires_at, notify_id = lower(hex(randomblob(16))), due_at = ?
                WHERE state = 'PENDING' AND expires_at <= ?
                """,
                (now.timestamp(), rfc3339(now)),
            )

    def again(self, number: str) -> int:
        """Tell the end of a task once more now, whatever became of the telling; returns how many there are."""
        return self.send_again("number = ? AND state <> 'PENDING'", number)

    def tend(self, now: datetime) -> float | None:
        self.expire(now)
        over: str | None = self._store.rows("SELECT min(expires_at) AS next FROM signature_task WHERE state = 'PENDING'")[0]["next"]
        return datetime.fromisoformat(over).timestamp() if over else None

    def event(self, row: sqlite3.Row) -> str:
        return row["state"]

    def sending(self, row: sqlite3.Row) -> notify.Sending:
        told = {"notify_id": row["notify_id"], "task_id": row["id"], "number": row["number"], "state": row["state"]}
        body = dump(told | {"ended_at": row["ended_at"]})
        return notify.Sending(row["notify_url"], {"Content-Type": "application/json"} | notify_headers(self._keys, body), body)
