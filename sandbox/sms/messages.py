"""What was sent, and what a phone shows."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime

from sandbox.clock import rfc3339
from sandbox.sms.templates import render
from sandbox.store import Store

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
"""

_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")


def mainland(phone: str) -> str | None:
    """The 11 digits of a mainland mobile number, with or without its country code; None for anything else."""
    found = _MAINLAND.fullmatch(phone.strip())
    return found[1] if found else None


class Messages:
    """The operator: takes a text for some phones and delivers it at once."""

    def __init__(self, store: Store) -> None:
        store.script(DDL)
        self._store = store

    def send(self, phones: list[str], template_code: str, values: Mapping[str, str], out_id: str, now: datetime) -> str:
        """Deliver to each phone; returns the BizId, which they share."""
        biz_id = f"{secrets.randbelow(10**18):018d}^0"
        text, sent_at = render(template_code, values), rfc3339(now)
        with self._store.transaction() as db:
            db.executemany(
                "INSERT INTO sms_message (biz_id, phone, template_code, text, out_id, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
                [(biz_id, phone, template_code, text, out_id, sent_at) for phone in phones],
            )
        return biz_id

    def sent_on(self, phone: str, day: str, biz_id: str | None, *, page: int, page_size: int) -> tuple[int, list[dict[str, str]]]:
        """How many texts went to a phone on a day (yyyy-mm-dd), and one page of them, newest first."""
        where = "FROM sms_message WHERE phone = ? AND substr(sent_at, 1, 10) = ? AND coalesce(?, biz_id) = biz_id"
        count = self._store.row(f"SELECT count(*) AS n {where}", phone, day, biz_id)
        page_of = f"SELECT * {where} ORDER BY id DESC LIMIT ? OFFSET ?"
        rows = self._store.rows(page_of, phone, day, biz_id, page_size, (page - 1) * page_size)
        return (count["n"] if count else 0), [dict(row) for row in rows]

    def inbox(self, phone: str) -> list[dict[str, object]]:
        """A phone's texts, newest first."""
        return [dict(row) for row in self._store.rows("SELECT * FROM sms_message WHERE phone = ? ORDER BY id DESC LIMIT 200", phone)]

    def phones(self) -> list[dict[str, object]]:
        """Phones that got something, the latest first, with how many texts each."""
        sql = "SELECT phone, count(*) AS messages, max(sent_at) AS last_at FROM sms_message GROUP BY phone ORDER BY max(id) DESC LIMIT 200"
        return [dict(row) for row in self._store.rows(sql)]

    def books(self) -> dict[str, object]:
        """Every text ever sent, oldest first."""
        return {"messages": [dict(row) for row in self._store.rows("SELECT * FROM sms_message ORDER BY id")]}
