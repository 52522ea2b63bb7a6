"""A program that reviews prescriptions (合理用药), as hospitals buy one: signed JSON, and rules on the hospital's own catalogue."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from sandbox.faults import Faults
from sandbox.review.api import Door
from sandbox.store import Store

__all__ = ["Review", "build"]

APP_KEY = "fuzhen-review"

DDL = """
CREATE TABLE IF NOT EXISTS review_app (key TEXT PRIMARY KEY, secret TEXT NOT NULL);

-- `told` is the hash of what was asked: another content under a number is refused.
CREATE TABLE IF NOT EXISTS review_check (
    number TEXT PRIMARY KEY,
    told TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('ok', 'inform', 'restrict', 'deny')),
    lines INTEGER NOT NULL,
    answer TEXT NOT NULL,
    checked_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Review:
    """The program with its door; `router` hangs under `/review`."""

    router: APIRouter
    store: Store
    secret: str

    def credentials(self, base_url: str) -> dict[str, str]:
        """What its customer is given."""
        return {"base_url": base_url, "app_key": APP_KEY, "app_secret": self.secret}

    def books(self) -> dict[str, object]:
        """Every check with its verdict."""
        return {"checks": self.checks()}

    def checks(self) -> list[dict[str, Any]]:
        """Oldest first."""
        rows = self.store.rows("SELECT number, level, lines, answer, checked_at FROM review_check ORDER BY rowid")
        told = ("number", "level", "lines", "checked_at")
        return [{name: row[name] for name in told} | {"findings": json.loads(row["answer"])["findings"]} for row in rows]


def build(store: Store, faults: Faults) -> Review:
    """Make the tables and, once, the secret; open the door."""
    store.script(DDL)
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO review_app VALUES (?, ?)", (APP_KEY, secrets.token_hex(24)))
        secret: str = db.execute("SELECT secret FROM review_app WHERE key = ?", (APP_KEY,)).fetchone()["secret"]
    return Review(Door(store, APP_KEY, secret).router(faults), store, secret)
