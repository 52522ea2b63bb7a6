"""What was sent, what a phone shows, and what its network says of each text."""

import json
import re
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from sandbox import clock
from sandbox.clock import rfc3339
from sandbox.sms.notify import Reporter
from sandbox.sms.templates import render
from sandbox.store import Store

Phone = Literal["on", "off", "away"]
"""`off`: its network gives up what comes. `away`: it keeps what comes and says nothing, until the phone is one of the others."""
WAITING, GIVEN_UP, DELIVERED = 1, 2, 3
"""`SendStatus` [C]."""
FATES: Final[dict[Phone, int]] = {"on": DELIVERED, "off": GIVEN_UP, "away": WAITING}
ERR_CODES: Final = {WAITING: ("", ""), GIVEN_UP: ("MOBILE_NOT_ON_SERVICE", "手机关机或停机"), DELIVERED: ("DELIVERED", "用户接收成功")}
"""`DELIVERED` [C]; the other one, and its text, [G]."""
ONE_TEXT, PART_OF_LONG = 70, 67
"""Characters in one text, and in each part of a long one [C]."""

DDL = """
CREATE TABLE IF NOT EXISTS sms_message (
    id INTEGER PRIMARY KEY,
    biz_id TEXT NOT NULL,
    phone TEXT NOT NULL,
    template_code TEXT NOT NULL,
    text TEXT NOT NULL,
    out_id TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sms_message_phone ON sms_message (phone, id);
CREATE TABLE IF NOT EXISTS sms_phone (phone TEXT PRIMARY KEY, state TEXT NOT NULL);
"""
_SAID = """
SELECT id, biz_id, phone, template_code, text, params, out_id, sent_at, reported_at, iif(known_at <= ?, fate, 1) AS status FROM sms_message
"""
"""As the carrier knows it at that moment, in epoch seconds."""

_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")


def mainland(phone: str) -> str | None:
    """The 11 digits of a mainland mobile number, with or without its country code; None for anything else."""
    found = _MAINLAND.fullmatch(phone.strip())
    return found[1] if found else None


def wire_time(at: str) -> str:
    """An RFC 3339 text as this wire writes times: in Beijing, without a zone [C]."""
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S")


class Messages:
    """The operator: takes a text for some phones and delivers it at once to those that are on; the networks' word comes behind."""

    def __init__(self, store: Store, reporter: Reporter, report_s: float) -> None:
        """`report_s`: how long a network takes to say what became of a text."""
        store.script(DDL)
        store.extend("sms_message", "fate", f"INTEGER NOT NULL DEFAULT {DELIVERED}")
        store.extend("sms_message", "reported_at", "TEXT")
        store.extend("sms_message", "known_at", "REAL DEFAULT 0")
        store.extend("sms_message", "params", "TEXT")
        self._store, self._reporter, self._report = store, reporter, timedelta(seconds=report_s)

    def send(self, phones: list[str], template_code: str, values: Mapping[str, str], out_id: str, now: datetime) -> str:
        """Deliver to each phone; returns the BizId, which they share."""
        biz_id = f"{secrets.randbelow(10**18):018d}^0"
        text, sent_at = render(template_code, values), rfc3339(now)
        with self._store.transaction() as db:
            sql = (
                "INSERT INTO sms_message (biz_id, phone, template_code, text, params, out_id, sent_at, fate, known_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) RETURNING id, phone"
            )
            rest = (template_code, text, json.dumps(dict(values), ensure_ascii=False), out_id, sent_at, WAITING)
            made = [db.execute(sql, (biz_id, phone, *rest)).fetchone() for phone in phones]
            self._end(db, made, now + self._report)
        self._reporter.wake()
        return biz_id

    def phone(self, phone: str) -> Phone:
        """How it is now; on, unless somebody switched it."""
        row = self._store.row("SELECT state FROM sms_phone WHERE phone = ?", phone)
        return row["state"] if row else "on"

    def switch(self, phone: str, state: Phone, now: datetime) -> int:
        """From now on it is so; what its network has kept gets an end with it. Returns how many that are."""
        with self._store.transaction() as db:
            db.execute("INSERT INTO sms_phone VALUES (?, ?) ON CONFLICT (phone) DO UPDATE SET state = excluded.state", (phone, state))
            kept = db.execute("SELECT id, phone FROM sms_message WHERE phone = ? AND fate = ?", (phone, WAITING)).fetchall()
            ended = self._end(db, kept, now)
        self._reporter.wake()
        return ended

    def sent_on(self, phone: str, day: str, biz_id: str | None, *, page: int, page_size: int) -> tuple[int, list[sqlite3.Row]]:
        """How many texts went to a phone on a day (yyyy-mm-dd), and one page of them, newest first."""
        where = "WHERE phone = ? AND substr(sent_at, 1, 10) = ? AND coalesce(?, biz_id) = biz_id"
        count = self._store.row(f"SELECT count(*) AS n FROM sms_message {where}", phone, day, biz_id)  # noqa: S608  constants
        page_of = f"{_SAID} {where} ORDER BY id DESC LIMIT ? OFFSET ?"
        rows = self._store.rows(page_of, clock.now().timestamp(), phone, day, biz_id, page_size, (page - 1) * page_size)
        return (count["n"] if count else 0), rows

    def inbox(self, phone: str) -> list[dict[str, object]]:
        """What the phone shows, newest first: it has a text before its network has said so."""
        there = f"{_SAID} WHERE phone = ? AND fate = {DELIVERED} ORDER BY id DESC LIMIT 200"
        return [dict(row) for row in self._store.rows(there, clock.now().timestamp(), phone)]

    def missing(self, phone: str) -> list[dict[str, object]]:
        """What was sent to a phone that it does not show, newest first."""
        not_there = f"{_SAID} WHERE phone = ? AND fate <> {DELIVERED} ORDER BY id DESC LIMIT 200"
        return [dict(row) for row in self._store.rows(not_there, clock.now().timestamp(), phone)]

    def phones(self) -> list[dict[str, object]]:
        """Phones that something was sent to, the latest first, with how many texts each."""
        sql = "SELECT phone, count(*) AS messages, max(sent_at) AS last_at FROM sms_message GROUP BY phone ORDER BY max(id) DESC LIMIT 200"
        return [dict(row) for row in self._store.rows(sql)]

    def books(self) -> dict[str, object]:
        """Every text ever sent, oldest first; `status` as in `SendStatus`."""
        return {"messages": [dict(row) for row in self._store.rows(f"{_SAID} ORDER BY id", clock.now().timestamp())]}

    def _end(self, db: sqlite3.Connection, texts: list[sqlite3.Row], at: datetime) -> int:
        """What the phones, as they are now, make of texts; known and told from then on. Returns how many have an end."""
        end = "UPDATE sms_message SET fate = ?, known_at = ?, reported_at = ? WHERE id = ? RETURNING *"
        ends = [(FATES[self.phone(one["phone"])], at.timestamp(), rfc3339(at), one["id"]) for one in texts]
        reports = [_report(db.execute(end, values).fetchone()) for values in ends if values[0] != WAITING]
        self._reporter.enqueue(db, reports, at)
        return len(reports)


def _report(row: sqlite3.Row) -> dict[str, object]:
    """One of an `SmsReport` [C]."""
    code, text = ERR_CODES[row["fate"]]
    size = 1 if len(row["text"]) <= ONE_TEXT else -(-len(row["text"]) // PART_OF_LONG)
    times = {"send_time": wire_time(row["sent_at"]), "report_time": wire_time(row["reported_at"])}
    fate = {"success": row["fate"] == DELIVERED, "err_code": code, "err_msg": text, "sms_size": str(size)}
    return {"phone_number": row["phone"]} | times | fate | {"biz_id": row["biz_id"], "out_id": row["out_id"]}
