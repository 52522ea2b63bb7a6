"""The end of a task told to the hospital: sent until answered 2xx, or until the schedule is used up; then it can still be asked for.

A task that nobody confirmed in time ends here too.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime

import httpx
from starlette.datastructures import MutableHeaders

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.clock import rfc3339
from sandbox.faults import EVERY_NOTIFY, NOTIFY, Fault, Faults
from sandbox.logs import log
from sandbox.signature.wire import Keys, dump, notify_headers, tamper
from sandbox.store import Store

ENDS = ("SIGNED", "REFUSED", "EXPIRED")
ANSWER_WITHIN_S = 5.0


class Notifier:
    """Ends what is over and sends what is due; both stand in the rows, so a restart goes on where it stopped."""

    def __init__(self, store: Store, keys: Keys, retry_s: Sequence[float], faults: Faults) -> None:
        """`retry_s`: seconds before each repetition after the first sending. For faults a notify is called `NOTIFY <state>`."""
        self._store, self._keys, self._retry_s, self._faults = store, keys, retry_s, faults
        for call in (EVERY_NOTIFY, *(f"{NOTIFY}{state}" for state in ENDS)):
            faults.declare("signature", call)
        self._alarm = Alarm()
        self._sending: set[str] = set()
        self.alive = False
        """Whether `run` is running: the sandbox is not healthy without it."""

    def wake(self) -> None:
        """There may be something due."""
        self._alarm.ring()

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

    def again(self, number: str, now: datetime) -> int:
        """Tell the end of a task once more now, whatever became of the telling; returns how many there are."""
        with self._store.transaction() as db:
            due = db.execute(
                "UPDATE signature_task SET due_at = ? WHERE number = ? AND state <> 'PENDING'", (now.timestamp(), number)
            ).rowcount
        self.wake()
        return due

    async def run(self) -> None:
        """End what is over, send what is due, sleep until there is more. Runs until cancelled."""
        timeout = httpx.Timeout(ANSWER_WITHIN_S, pool=None)
        self.alive = True
        try:
            async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client, asyncio.TaskGroup() as sends:
                while True:
                    self._alarm.clear()
                    self.expire(clock.now())
                    for row in self._due():
                        self._sending.add(row["id"])
                        sends.create_task(self._send(client, row))
                    await self._alarm.sleep_until(self._next())
        finally:
            self.alive = False

    def _waiting(self) -> str:
        """SQL for rows with a due time that are not on their way already."""
        marks = ",".join("?" * len(self._sending))
        return f"FROM signature_task WHERE due_at IS NOT NULL AND id NOT IN ({marks})"

    def _due(self) -> list[sqlite3.Row]:
        sql = f"SELECT * {self._waiting()} AND due_at <= ? ORDER BY due_at LIMIT 64"
        return self._store.rows(sql, *self._sending, clock.now().timestamp())

    def _next(self) -> float | None:
        due = self._store.row(f"SELECT min(due_at) AS next {self._waiting()}", *self._sending)
        over = self._store.row("SELECT min(expires_at) AS next FROM signature_task WHERE state = 'PENDING'")
        times = [due["next"]] if due and due["next"] is not None else []
        times += [datetime.fromisoformat(over["next"]).timestamp()] if over and over["next"] else []
        return min(times, default=None)

    async def _send(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        fault = self._faults.take("signature", f"{NOTIFY}{row['state']}")
        result, taken = await self._spoilt(client, row, fault) if fault else await self._deliver(client, row)
        self._write_down(row, result, taken=taken)
        log.info("signature.notify", result=result, fault=fault.kind if fault else None, task_id=row["id"], state=row["state"])
        self._sending.discard(row["id"])
        self.wake()

    async def _spoilt(self, client: httpx.AsyncClient, row: sqlite3.Row, fault: Fault) -> tuple[str, bool]:
        """One sending that goes wrong: never sent, sent twice, sent only after the wait, or changed on the way."""
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
        told = {"notify_id": row["notify_id"], "task_id": row["id"], "number": row["number"], "state": row["state"]}
        body = dump(told | {"ended_at": row["ended_at"]})
        headers = MutableHeaders({"Content-Type": "application/json"} | notify_headers(self._keys, body))
        if tampered:
            body = tamper(headers, body)
        try:
            answer = await client.post(row["notify_url"], content=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            return type(lost).__name__, False
        return str(answer.status_code), answer.is_success

    def _write_down(self, row: sqlite3.Row, result: str, *, taken: bool) -> None:
        """A telling asked for while this one was under way has changed `due_at`: then only the attempt is counted."""
        now, attempts = clock.now(), int(row["attempts"])
        due_at = None if taken or attempts >= len(self._retry_s) else now.timestamp() + self._retry_s[attempts]
        with self._store.transaction() as db:
            db.execute(
                """
                UPDATE signature_task
                SET attempts = attempts + 1, last_result = ?, delivered_at = coalesce(delivered_at, ?),
                    due_at = CASE WHEN due_at IS ? THEN ? ELSE due_at END
                WHERE id = ?
                """,
                (result, rfc3339(now) if taken else None, row["due_at"], due_at, row["id"]),
            )
