"""What is to be signed, and what people did with it on their phones."""

import base64
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from sandbox.clock import rfc3339
from sandbox.signature.authority import Authority, Held
from sandbox.signature.notify import Notifier
from sandbox.signature.sm2 import sm3
from sandbox.signature.wire import SignatureError
from sandbox.store import Store

ALGORITHM = "SM2-with-SM3"
How = Literal["own", "expired", "another", "forged", "other_text"]
"""With which certificate a phone signs: the person's; one that is over; a colleague's; one that no CA made. Or another text with theirs."""

_TOLD = ("number", "staff_id", "title", "digest", "state", "created_at", "expires_at", "ended_at", "signature", "certificate")


class TaskIn(BaseModel):
    """What the hospital asks. The title is shown in the phone's list, the text is signed as it stands."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    staff_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Annotated[str, Field(min_length=1, max_length=64)]
    text: Annotated[str, Field(min_length=1, max_length=65_536)]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    algorithm: Literal["SM2-with-SM3"]
    expires_at: AwareDatetime
    notify_url: Annotated[str, StringConstraints(pattern=r"^https?://")]


class Tasks:
    """Tasks by the hospital's number; one number is one task, however often it is asked for."""

    def __init__(self, store: Store, authority: Authority, notifier: Notifier) -> None:
        self._store, self._authority, self._notifier = store, authority, notifier

    def request(self, wish: TaskIn, now: datetime) -> dict[str, object]:
        """The task of that number, new or as it stands; refused when the number stands for another text or signer."""
        if sm3(wish.text.encode()).hex() != wish.digest:
            raise SignatureError(400, "DIGEST_MISMATCH", "摘要与原文不符")
        self._notifier.expire(now)
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM signature_task WHERE number = ?", (wish.number,)).fetchone()
            if row is None:
                row = self._begin(db, wish, now)
        if (row["staff_id"], row["text"]) != (wish.staff_id, wish.text):
            raise SignatureError(409, "NUMBER_USED", "业务编号已用于其他内容")
        self._notifier.wake()
        return _told(row)

    def task(self, number: str, now: datetime) -> dict[str, object]:
        """As it stands at this moment."""
        return _told(self._row(number, now))

    def confirm(self, number: str, how: How, now: datetime) -> dict[str, object]:
        """The person enters their PIN: signed, by their own key or as somebody who plays foul would have it."""
        row = self._row(number, now)
        held = self._held(row["staff_id"], how)
        r, s = held.key.sign((row["text"] + (" " if how == "other_text" else "")).encode())
        signature, certificate = f"{r:064x}{s:064x}", base64.b64encode(held.der).decode()
        return self._end(row, {"state": "SIGNED", "signature": signature, "certificate": certificate}, now)

    def refuse(self, number: str, now: datetime) -> dict[str, object]:
        """The person does not sign."""
        return self._end(self._row(number, now), {"state": "REFUSED"}, now)

    def hasten(self, number: str, now: datetime) -> dict[str, object]:
        """Its time is over now."""
        return self._end(self._row(number, now), {"state": "EXPIRED"}, now)

    def waiting(self, now: datetime) -> list[dict[str, object]]:
        """What phones show, text and all, the oldest first."""
        self._notifier.expire(now)
        rows = self._store.rows("SELECT * FROM signature_task WHERE state = 'PENDING' ORDER BY rowid")
        return [_told(row) | {"text": row["text"]} for row in rows]

    def books(self) -> list[dict[str, object]]:
        """Every task with its text and what was told of it."""
        told = ("notify_id", "attempts", "due_at", "delivered_at", "last_result", "text")
        rows = self._store.rows("SELECT * FROM signature_task ORDER BY rowid")
        return [_told(row) | {name: row[name] for name in told} for row in rows]

    def _begin(self, db: sqlite3.Connection, wish: TaskIn, now: datetime) -> sqlite3.Row:
        if not self._authority.knows(wish.staff_id):
            raise SignatureError(404, "CERTIFICATE_NOT_FOUND", "未找到该人员的有效签名证书")
        if wish.expires_at <= now:
            raise SignatureError(400, "PARAM_ERROR", "参数错误: expires_at")
        fields = wish.model_dump(exclude={"algorithm"}) | {
            "id": f"T{secrets.randbelow(10**20):020d}",
            "created_at": rfc3339(now),
            "expires_at": rfc3339(wish.expires_at),
        }
        return db.execute(
            """
            INSERT INTO signature_task (id, number, staff_id, title, text, digest, notify_url, created_at, expires_at)
            VALUES (:id, :number, :staff_id, :title, :text, :digest, :notify_url, :created_at, :expires_at) RETURNING *
            """,
            fields,
        ).fetchone()

    def _held(self, staff_id: str, how: How) -> Held:
        match how:
            case "another":
                return self._authority.another(staff_id)
            case "expired" | "forged":
                return self._authority.certificate(staff_id, how)
            case "own" | "other_text":
                return self._authority.certificate(staff_id)

    def _row(self, number: str, now: datetime) -> sqlite3.Row:
        self._notifier.expire(now)
        row = self._store.row("SELECT * FROM signature_task WHERE number = ?", number)
        if row is None:
            raise SignatureError(404, "TASK_NOT_FOUND", "签名任务不存在")
        return row

    def _end(self, row: sqlite3.Row, end: Mapping[str, str], now: datetime) -> dict[str, object]:
        if row["state"] != "PENDING":
            raise SignatureError(409, "TASK_ENDED", "签名任务已结束")
        told = {"id": row["id"], "ended_at": rfc3339(now), "notify_id": secrets.token_hex(16), "due_at": now.timestamp()}
        with self._store.transaction() as db:
            ended = db.execute(
                """
                UPDATE signature_task
                SET state = :state, signature = :signature, certificate = :certificate,
                    ended_at = :ended_at, notify_id = :notify_id, due_at = :due_at
                WHERE id = :id RETURNING *
                """,
                {"signature": None, "certificate": None, **end, **told},
            ).fetchone()
        self._notifier.wake()
        return _told(ended)


def _told(row: sqlite3.Row) -> dict[str, object]:
    """As the wire tells it; the text is the hospital's own."""
    return {"task_id": row["id"], "algorithm": ALGORITHM} | {name: row[name] for name in _TOLD if row[name] is not None}
