"""What a person orders for refunds to come: the card is dead, the merchant is short of money, the channel gives up."""

import sqlite3
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from sandbox.store import Store

Fate = Literal["ABNORMAL", "CLOSED", "NOT_ENOUGH"]
"""The first two end a refund that was accepted; the third refuses it, and the same number may be tried again [C]."""


class FateIn(BaseModel):
    """The next `times` new refunds, of that order alone when it is named, come to this."""

    fate: Fate
    out_trade_no: Annotated[str, Field(min_length=6, max_length=32)] | None = None
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class Fates:
    """The orders that are left, oldest first."""

    def __init__(self, store: Store) -> None:
        """The bank has made the table."""
        self._store = store

    def order(self, wish: FateIn) -> None:
        """Keep an order."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO wechat_refund_fate (fate, out_trade_no, times) VALUES (:fate, :out_trade_no, :times)", wish.model_dump()
            )

    def left(self) -> list[dict[str, object]]:
        """Orders that some refund will still meet."""
        sql = "SELECT fate, out_trade_no, times - taken AS times FROM wechat_refund_fate WHERE taken < times ORDER BY id"
        return [dict(row) for row in self._store.rows(sql)]

    def clear(self) -> None:
        """Refunds go well again."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM wechat_refund_fate")


def take(db: sqlite3.Connection, out_trade_no: str) -> Fate | None:
    """What a new refund of that order comes to, counted as taken in the caller's transaction; None: it goes well."""
    row = db.execute(
        "SELECT id, fate FROM wechat_refund_fate WHERE taken < times AND coalesce(out_trade_no, ?) = ? ORDER BY id LIMIT 1",
        (out_trade_no, out_trade_no),
    ).fetchone()
    if row is None:
        return None
    db.execute("UPDATE wechat_refund_fate SET taken = taken + 1 WHERE id = ?", (row["id"],))
    return row["fate"]
