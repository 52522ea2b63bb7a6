"""What a party outside tells by itself: a row each, sent until it is taken, by its wire's schedule; and what goes wrong on the way.

A wire is a subclass that says what is its own: its table, what it writes and signs, what it counts as taken.
"""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import httpx
from starlette.datastructures import MutableHeaders

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.clock import rfc3339
from sandbox.fault_kinds import digits
from sandbox.faults import EVERY_NOTIFY, NOTIFY, Fault, Faults, System
from sandbox.logs import log
from sandbox.store import Store

FATE = """
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    delivered_at TEXT,
    last_result TEXT
"""
"""Columns that every wire's table ends with. `due_at`, epoch seconds: when it is sent next; empty once it is taken or given up."""
ANSWER_WITHIN_S = 5.0
"""Who has not answered by then has not answered [C for WeChat Pay]."""
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Sending:
    """One POST as the wire writes it, signed in this moment."""

    url: str
    headers: dict[str, str]
    body: bytes


class Notifier(ABC):
    """Sends what is due; that stands in the rows, so a restart goes on where it stopped. For faults a notify is `NOTIFY <event>`."""

    system: ClassVar[System]
    table: ClassVar[str]
    """Has an `id`, the columns of `FATE`, and the wire's own."""
    events: ClassVar[Sequence[str]]
    numbers: ClassVar[Sequence[str]]
    """Columns by which a row is found again from its log line."""
    ready: ClassVar[str] = "due_at IS NOT NULL"
    """SQL for rows that may be sent as soon as their time has come."""
    gives_up: ClassVar[bool] = True
    """When the schedule is used up; else its last pause comes again and again."""

    def __init__(self, store: Store, faults: Faults, retry_s: Sequence[float]) -> None:
        """The wire has made its table. `retry_s`: seconds before each repetition after the first sending."""
        store.script(f"CREATE INDEX IF NOT EXISTS {self.table}_due ON {self.table} (due_at) WHERE due_at IS NOT NULL")
        self._store, self._faults, self._retry_s = store, faults, retry_s
        for call in (EVERY_NOTIFY, *(f"{NOTIFY}{event}" for event in self.events)):
            faults.declare(self.system, call)
        self._alarm = Alarm()
        self._sending: set[object] = set()
        self.alive = False
        """Whether `run` is running: the sandbox is not healthy without it."""

    @abstractmethod
    def event(self, row: sqlite3.Row) -> str:
        """Which of `events` a row tells."""

    @abstractmethod
    def sending(self, row: sqlite3.Row) -> Sending:
        """What is sent of a row, now."""

    def taken(self, answer: httpx.Response) -> bool:
        """Whether it need not be sent again."""
        return answer.is_success

    def tamper(self, headers: MutableHeaders, body: bytes) -> bytes:
        """What somebody on the way makes of it: gives the changed body, and may change the headers."""
        return digits(headers, body)

    def tend(self, now: datetime) -> float | None:
        """What else of the wire happens by time: done so far as it is due; returns when the next is, in epoch seconds."""
        del now

    def wake(self) -> None:
        """There may be something due."""
        self._alarm.ring()

    def books(self) -> list[dict[str, object]]:
        """Every row with its fate, without its body."""
        rows = self._store.rows(f"SELECT * FROM {self.table} ORDER BY rowid")  # noqa: S608  a constant of the wire
        return [{name: row[name] for name in row.keys() if name != "body"} for row in rows]  # noqa: SIM118  a Row iterates over values

    async def run(self) -> None:
        """Send what is due, then sleep until the next is or somebody wakes us. Runs until cancelled."""
        limits, timeout = httpx.Limits(max_connections=AT_ONCE), httpx.Timeout(ANSWER_WITHIN_S, pool=None)
        self.alive = True
        try:
            async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client, asyncio.TaskGroup() as sends:
                while True:
                    self._alarm.clear()
                    tended_next = self.tend(clock.now())
                    for row in self._due():
                        self._sending.add(row["id"])
                        sends.create_task(self._send(client, row))
                    times = (tended_next, self._next())
                    await self._alarm.sleep_until(min((at for at in times if at is not None), default=None))
        finally:
            self.alive = False

    def send_again(self, which: str, *args: object) -> int:
        """Send these rows once more now, whatever became of them; `which` is SQL. Returns how many there are."""
        with self._store.transaction() as db:
            sql = f"UPDATE {self.table} SET due_at = ? WHERE {which}"  # noqa: S608  constants of the wire
            due = db.execute(sql, (clock.now().timestamp(), *args)).rowcount
        self.wake()
        return due

    def _waiting(self) -> str:
        """SQL for rows that are ready and not on their way already."""
        return f"FROM {self.table} WHERE {self.ready} AND id NOT IN ({','.join('?' * len(self._sending))})"

    def _due(self) -> list[sqlite3.Row]:
        sql = f"SELECT * {self._waiting()} AND due_at <= ? ORDER BY due_at, rowid LIMIT 256"
        return self._store.rows(sql, *self._sending, clock.now().timestamp())

    def _next(self) -> float | None:
        return self._store.rows(f"SELECT min(due_at) AS next {self._waiting()}", *self._sending)[0]["next"]

    async def _send(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        event = self.event(row)
        fault = self._faults.take(self.system, f"{NOTIFY}{event}")
        result, taken = await self._spoilt(client, row, fault) if fault else await self._deliver(client, row)
        self._write_down(row, result, taken=taken)
        numbers = {name: row[name] for name in self.numbers}
        log.info(f"{self.system}.notify", told=event, result=result, fault=fault.kind if fault else None, **numbers)
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
        """One POST: what came of it, and whether it was taken."""
        sending = self.sending(row)
        headers, body = MutableHeaders(sending.headers), sending.body
        if tampered:
            body = self.tamper(headers, body)
        try:
            answer = await client.post(sending.url, content=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            return type(lost).__name__, False
        return str(answer.status_code), self.taken(answer)

    def _write_down(self, row: sqlite3.Row, result: str, *, taken: bool) -> None:
        """Next due time by the schedule, or none when taken or given up.

        A resend asked for while this one was under way has changed `due_at`: then only the attempt is counted.
        """
        now, attempts = clock.now(), int(row["attempts"])
        given_up = self.gives_up and attempts >= len(self._retry_s)
        due_at = None if taken or given_up else now.timestamp() + self._retry_s[min(attempts, len(self._retry_s) - 1)]
        with self._store.transaction() as db:
            db.execute(
                f"""
                UPDATE {self.table}
                SET attempts = attempts + 1, last_result = ?, delivered_at = coalesce(delivered_at, ?),
                    due_at = CASE WHEN due_at IS ? THEN ? ELSE due_at END
                WHERE id = ?
                """,  # noqa: S608  a constant of the wire
                (result, rfc3339(now) if taken else None, row["due_at"], due_at, row["id"]),
            )
