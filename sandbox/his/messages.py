"""What the HIS tells the internet hospital by itself: a Bundle `message` a time, repeated until it is answered 2xx [4b].

Its MessageHeader names the event, and its focus what it is about, which comes along. Signed by three headers: `X-Timestamp` (seconds since
1970), `X-Nonce`, and `X-Signature`, HMAC-SM3 in hex over timestamp, nonce and body, a line break between them; their names are ours.
"""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.faults import EVERY_NOTIFY, NOTIFY, Fault, Faults
from sandbox.his import elements, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.logs import log

DDL: Final = """
-- Where the internet hospital listens, and the key it was given; one row.
CREATE TABLE IF NOT EXISTS his_listener (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL, url TEXT);

CREATE TABLE IF NOT EXISTS his_message (
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    number TEXT NOT NULL,
    body BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    delivered_ms INTEGER,
    last_result TEXT
);
CREATE INDEX IF NOT EXISTS his_message_due ON his_message (due_at) WHERE due_at IS NOT NULL;
"""

EVENTS: Final = ("dispensed", "paid-at-window")
"""Those that this HIS sends."""
SOURCE: Final = "https://his.fuzhen.example/fhir/R4"
"""How it names itself in what it sends."""
ANSWER_WITHIN_S: Final = 5.0


class Messages:
    """Keeps and sends; a restart goes on where it stopped, because what is due is in the rows."""

    def __init__(self, hospital: Hospital, faults: Faults, retry_s: Sequence[float], url: str | None) -> None:
        """`retry_s`: seconds before each repetition, the last one again and again; `url`: who is told, until the desk says another."""
        self._hospital, self._faults, self._retry_s = hospital, faults, retry_s
        hospital.store.script(DDL)
        with hospital.store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO his_listener (id, key) VALUES (1, ?)", (secrets.token_hex(32),))
            if url is not None:
                db.execute("UPDATE his_listener SET url = ?", (url,))
            self.key: str = db.execute("SELECT key FROM his_listener").fetchone()["key"]
        for call in (EVERY_NOTIFY, *(f"{NOTIFY}{event}" for event in EVENTS)):
            faults.declare("his", call)
        self._alarm = Alarm()
        self._sending: set[str] = set()
        self.alive = False
        """Whether `run` is running."""

    def enqueue(self, db: sqlite3.Connection, event: str, number: str, focus: list[Json]) -> None:
        """Write a message about a prescription, due at once, into the caller's transaction; call `wake` after its commit."""
        id, now_ms = str(uuid4()), self._hospital.now_ms()
        body = json.dumps(_bundle(id, event, focus, now_ms), ensure_ascii=False).encode()
        db.execute(
            "INSERT INTO his_message (id, event, number, body, created_ms, due_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id, event, number, body, now_ms, clock.now().timestamp()),
        )

    def wake(self) -> None:
        """There may be something due."""
        self._alarm.ring()

    def listen_at(self, url: str | None) -> None:
        """Who is told from now on; None: nobody, and what is due waits."""
        with self._hospital.store.transaction() as db:
            db.execute("UPDATE his_listener SET url = ?", (url,))
        self.wake()

    def again(self, number: str) -> int:
        """Send the messages about a prescription once more now, whatever became of them; returns how many there are."""
        with self._hospital.store.transaction() as db:
            due = db.execute("UPDATE his_message SET due_at = ? WHERE number = ?", (clock.now().timestamp(), number)).rowcount
        self.wake()
        return due

    def books(self) -> list[dict[str, object]]:
        """Every message with its fate, without its body."""
        sql = "SELECT id, event, number, created_ms, attempts, due_at, delivered_ms, last_result FROM his_message ORDER BY rowid"
        return [dict(row) for row in self._hospital.store.rows(sql)]

    async def run(self) -> None:
        """Send what is due, then sleep until the next is or somebody wakes us. Runs until cancelled."""
        self.alive = True
        try:
            timeout = httpx.Timeout(ANSWER_WITHIN_S, pool=None)
            async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client, asyncio.TaskGroup() as sends:
                while True:
                    self._alarm.clear()
                    url = self._hospital.store.rows("SELECT url FROM his_listener")[0]["url"]
                    for row in self._due() if url else ():
                        self._sending.add(row["id"])
                        sends.create_task(self._send(client, url, row))
                    await self._alarm.sleep_until(self._next() if url else None)
        finally:
            self.alive = False

    def _waiting(self) -> str:
        marks = ",".join("?" * len(self._sending))
        return f"FROM his_message WHERE due_at IS NOT NULL AND id NOT IN ({marks})"

    def _due(self) -> list[sqlite3.Row]:
        sql = f"SELECT * {self._waiting()} AND due_at <= ? ORDER BY due_at LIMIT 64"
        return self._hospital.store.rows(sql, *self._sending, clock.now().timestamp())

    def _next(self) -> float | None:
        row = self._hospital.store.row(f"SELECT min(due_at) AS next {self._waiting()}", *self._sending)
        return None if row is None else row["next"]

    async def _send(self, client: httpx.AsyncClient, url: str, row: sqlite3.Row) -> None:
        fault = self._faults.take("his", f"{NOTIFY}{row['event']}")
        result = await self._spoilt(client, url, row["body"], fault) if fault else await self._deliver(client, url, row["body"])
        self._write_down(row, result)
        log.info("his.message", id=row["id"], told=row["event"], number=row["number"], result=result, fault=fault.kind if fault else None)
        self._sending.discard(row["id"])
        self.wake()

    async def _spoilt(self, client: httpx.AsyncClient, url: str, body: bytes, fault: Fault) -> str:
        """One sending that goes wrong: never sent, sent twice, sent only after the wait, or changed on the way."""
        if fault.kind == "lost":
            return "lost"
        if fault.kind == "duplicated":
            first = await self._deliver(client, url, body)
            await asyncio.sleep(fault.seconds)
            second = await self._deliver(client, url, body)
            return first if _taken(first) else second
        await asyncio.sleep(fault.seconds)
        return await self._deliver(client, url, body, changed=b" " if fault.kind == "tampered" else b"")

    async def _deliver(self, client: httpx.AsyncClient, url: str, body: bytes, *, changed: bytes = b"") -> str:
        """One POST, signed in this moment: what came of it."""
        headers = {"Content-Type": wire.FHIR_JSON} | signed(self.key, body, str(int(clock.now().timestamp())), secrets.token_hex(16))
        try:
            answer = await client.post(url, content=body + changed, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            return type(lost).__name__
        return str(answer.status_code)

    def _write_down(self, row: sqlite3.Row, result: str) -> None:
        """A resend asked for while this one was under way has changed `due_at`: then only the attempt is counted."""
        attempts: int = row["attempts"]
        pause_s = self._retry_s[min(attempts, len(self._retry_s) - 1)]
        due_at = None if _taken(result) else clock.now().timestamp() + pause_s
        delivered_ms = self._hospital.now_ms() if _taken(result) else None
        with self._hospital.store.transaction() as db:
            db.execute(
                "UPDATE his_message SET attempts = attempts + 1, last_result = ?, delivered_ms = coalesce(delivered_ms, ?), "
                "due_at = CASE WHEN due_at IS ? THEN ? ELSE due_at END WHERE id = ?",
                (result, delivered_ms, row["due_at"], due_at, row["id"]),
            )


def signed(key: str, body: bytes, timestamp: str, nonce: str) -> dict[str, str]:
    """The headers that prove a message."""
    mac = HMAC(bytes.fromhex(key), hashes.SM3())
    mac.update(f"{timestamp}\n{nonce}\n".encode() + body)
    return {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": mac.finalize().hex()}


def _taken(result: str) -> bool:
    return result.isdigit() and result.startswith("2")


def _bundle(id: str, event: str, focus: list[Json], now_ms: int) -> Json:
    header: Json = {
        "resourceType": "MessageHeader",
        "id": id,
        "meta": elements.meta(1, now_ms),
        "eventCoding": {"system": wire.EVENTS, "code": event},
        "source": {"name": "HIS", "endpoint": SOURCE},
        "focus": [elements.reference(one["resourceType"], one["id"]) for one in focus],
    }
    entries = [{"fullUrl": f"{SOURCE}/{one['resourceType']}/{one['id']}", "resource": one} for one in (header, *focus)]
    return {"resourceType": "Bundle", "id": id, "type": "message", "timestamp": instants.instant(now_ms), "entry": entries}
