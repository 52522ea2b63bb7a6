"""What the HIS tells the internet hospital by itself: a Bundle `message` a time, repeated until it is answered 2xx [4b].

Its MessageHeader names the event, and its focus what it is about, which comes along. Signed by three headers: `X-Timestamp` (seconds since
1970), `X-Nonce`, and `X-Signature`, HMAC-SM3 in hex over timestamp, nonce and body, a line break between them; their names are ours.
"""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.datastructures import MutableHeaders

from sandbox import clock, notify
from sandbox.faults import Faults
from sandbox.his import elements, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital

DDL: Final = f"""
-- Where the internet hospital listens, and the key it was given; one row.
CREATE TABLE IF NOT EXISTS his_listener (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL, url TEXT);

CREATE TABLE IF NOT EXISTS his_message (
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    number TEXT NOT NULL,
    body BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    {notify.FATE}
)
"""
CHANGES: Final = ("stop", "replace", "time-moved", "resume")
"""Of a 就诊单元."""
SOURCE: Final = "https://his.fuzhen.example/fhir/R4"
"""How it names itself in what it sends."""


class Messages(notify.Notifier):
    """Never gives up; while nobody listens, what is due waits."""

    system, table, events, numbers = "his", "his_message", (*CHANGES, "dispensed", "paid-at-window"), ("id", "number")
    ready = "due_at IS NOT NULL AND (SELECT url FROM his_listener) IS NOT NULL"
    gives_up = False

    def __init__(self, hospital: Hospital, faults: Faults, retry_s: Sequence[float], url: str | None) -> None:
        """`url`: who is told, until the desk says another."""
        hospital.store.script(DDL)
        hospital.store.extend(self.table, "delivered_at", "TEXT")
        super().__init__(hospital.store, faults, retry_s)
        self._hospital = hospital
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO his_listener (id, key) VALUES (1, ?)", (secrets.token_hex(32),))
            if url is not None:
                db.execute("UPDATE his_listener SET url = ?", (url,))
            self.key: str = db.execute("SELECT key FROM his_listener").fetchone()["key"]

    def enqueue(self, db: sqlite3.Connection, event: str, number: str, focus: list[Json]) -> None:
        """Write a message about a prescription or a 就诊单元, due at once, into the caller's transaction; call `wake` after its commit."""
        id, now_ms = str(uuid4()), self._hospital.now_ms()
        body = json.dumps(_bundle(id, event, focus, now_ms), ensure_ascii=False).encode()
        db.execute(
            "INSERT INTO his_message (id, event, number, body, created_ms, due_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id, event, number, body, now_ms, clock.now().timestamp()),
        )

    def listen_at(self, url: str | None) -> None:
        """Who is told from now on; None: nobody."""
        with self._store.transaction() as db:
            db.execute("UPDATE his_listener SET url = ?", (url,))
        self.wake()

    def again(self, number: str) -> int:
        """Send the messages about a prescription or a 就诊单元 once more now, whatever became of them; returns how many there are."""
        return self.send_again("number = ?", number)

    def event(self, row: sqlite3.Row) -> str:
        return row["event"]

    def sending(self, row: sqlite3.Row) -> notify.Sending:
        url: str | None = self._store.rows("SELECT url FROM his_listener")[0]["url"]
        headers = signed(self.key, row["body"], str(int(clock.now().timestamp())), secrets.token_hex(16))
        return notify.Sending(url or "", {"Content-Type": wire.FHIR_JSON} | headers, row["body"])

    def tamper(self, headers: MutableHeaders, body: bytes) -> bytes:
        """The same message in other bytes: only the signature tells."""
        return body + b" "


def signed(key: str, body: bytes, timestamp: str, nonce: str) -> dict[str, str]:
    """The headers that prove a message."""
    mac = HMAC(bytes.fromhex(key), hashes.SM3())
    mac.update(f"{timestamp}\n{nonce}\n".encode() + body)
    return {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": mac.finalize().hex()}


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
