"""The issuer's books: bills under the customer's numbers, each once, and the red bills that undo them. Nothing is ever deleted."""

import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sandbox.clock import rfc3339
from sandbox.invoice.messages import OutpatientIn, WriteOffIn
from sandbox.invoice.wire import IssuerError
from sandbox.store import Store

CODE: Final = "11060126"
"""票据代码, eight digits: Beijing, medical outpatient, of the year [G]."""
LETTERS: Final = "0123456789abcdefghjkmnpqrstuvwxyz"

DDL = """
CREATE TABLE IF NOT EXISTS invoice_bill (
    number INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    check_code TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    bus_no TEXT UNIQUE,
    undoes INTEGER UNIQUE REFERENCES invoice_bill,
    told TEXT NOT NULL,
    total_fen INTEGER NOT NULL CHECK (total_fen > 0),
    fund_fen INTEGER NOT NULL CHECK (fund_fen >= 0),
    account_fen INTEGER NOT NULL CHECK (account_fen >= 0),
    cash_fen INTEGER NOT NULL CHECK (cash_fen >= 0),
    reason TEXT,
    issued_at TEXT NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    CHECK (fund_fen + account_fen + cash_fen = total_fen),
    CHECK ((bus_no IS NULL) = (undoes IS NOT NULL))
);
"""


class Issuer:
    """Issues once for a number of the customer, red-flushes once, and tells what stands."""

    def __init__(self, store: Store, place_code: str) -> None:
        store.script(DDL)
        self._store, self._place_code = store, place_code

    def issue(self, wish: OutpatientIn, now: datetime) -> sqlite3.Row:
        """A new bill; its number asked for again is answered with the first one, and for other contents refused."""
        self._placed(wish.place_code)
        told = wish.model_dump_json(by_alias=True)
        with self._store.transaction() as db:
            db.execute("UPDATE invoice_bill SET repeats = repeats + 1 WHERE bus_no = ?", (wish.bus_no,))
            kept = db.execute("SELECT * FROM invoice_bill WHERE bus_no = ?", (wish.bus_no,)).fetchone()
            if kept is None:
                amounts = {"total_fen": _fen(wish.total_amt), "fund_fen": _fen(wish.fund_pay)}
                amounts |= {"account_fen": _fen(wish.account_pay), "cash_fen": _fen(wish.own_pay)}
                self._keep(db, {"bus_no": wish.bus_no, "undoes": None, "told": told, "reason": None, **amounts}, now)
                kept = db.execute("SELECT * FROM invoice_bill WHERE bus_no = ?", (wish.bus_no,)).fetchone()
        if kept["told"] != told:
            raise IssuerError("E0101")
        return kept

    def write_off(self, wish: WriteOffIn, now: datetime) -> sqlite3.Row:
        """The red bill, over the whole amount. A bill is undone once, a red one never."""
        self._placed(wish.place_code)
        bill = self.find(code=wish.bill_batch_code, number=wish.bill_no)
        if bill["undoes"] is not None or self.undone_by(bill) is not None:
            raise IssuerError("E0202")
        same = {name: bill[name] for name in ("told", "total_fen", "fund_fen", "account_fen", "cash_fen")}
        with self._store.transaction() as db:
            self._keep(db, {"bus_no": None, "undoes": bill["number"], "reason": wish.reason, **same}, now)
        red = self.undone_by(bill)
        if red is None:
            raise RuntimeError("what was just kept is not there")
        return red

    def find(self, *, bus_no: str = "", code: str = "", number: str = "") -> sqlite3.Row:
        """By the customer's number, or by its own; E0201 when there is none."""
        if bus_no:
            row = self._store.row("SELECT * FROM invoice_bill WHERE bus_no = ?", bus_no)
        else:
            known = int(number) if number.isascii() and number.isdigit() and len(number) == 10 else -1
            row = self._store.row("SELECT * FROM invoice_bill WHERE code = ? AND number = ?", code, known)
        if row is None:
            raise IssuerError("E0201")
        return row

    def undone_by(self, bill: sqlite3.Row) -> sqlite3.Row | None:
        """The red bill of a bill."""
        return self._store.row("SELECT * FROM invoice_bill WHERE undoes = ?", bill["number"])

    def undone(self, red: sqlite3.Row) -> sqlite3.Row | None:
        """The bill that a red one undoes."""
        return self._store.row("SELECT * FROM invoice_bill WHERE number = ?", red["undoes"])

    def by_token(self, token: str) -> sqlite3.Row | None:
        """Whose address this is the end of."""
        return self._store.row("SELECT * FROM invoice_bill WHERE token = ?", token)

    def books(self) -> list[dict[str, Any]]:
        """Oldest first."""
        rows = self._store.rows(
            """
            SELECT bill.*, undone.code AS undone_code, red.code AS red_code, red.number AS red_number, red.issued_at AS reversed_at
            FROM invoice_bill AS bill
            LEFT JOIN invoice_bill AS undone ON undone.number = bill.undoes
            LEFT JOIN invoice_bill AS red ON red.undoes = bill.number
            ORDER BY bill.number
            """
        )
        plain = ("code", "check_code", "bus_no", "total_fen", "fund_fen", "account_fen", "cash_fen", "reason", "issued_at", "repeats")
        numbers = {"number": "number", "undoes": "undoes", "red_number": "red_number"}
        return [
            {name: row[name] for name in plain}
            | {name: None if row[column] is None else ten(row[column]) for name, column in numbers.items()}
            | {"undone_code": row["undone_code"], "red_code": row["red_code"], "reversed_at": row["reversed_at"]}
            | _whose(row["told"])
            for row in rows
        ]

    def _placed(self, place_code: str) -> None:
        if place_code != self._place_code:
            raise IssuerError("E0103")

    def _keep(self, db: sqlite3.Connection, fields: Mapping[str, object], now: datetime) -> None:
        check_code = "".join(secrets.choice(LETTERS) for _ in range(6))
        row = {**fields, "code": CODE, "check_code": check_code, "token": secrets.token_hex(16), "issued_at": rfc3339(now)}
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        db.execute(f"INSERT INTO invoice_bill ({names}) VALUES ({values})", row)  # noqa: S608  names of ours


def _whose(told: str) -> dict[str, Any]:
    """For whom and for what a bill was wanted."""
    wish = OutpatientIn.model_validate_json(told)
    return {"payer": wish.payer, "patient_no": wish.patient_no, "items": [one.charge_code for one in wish.charge_detail]}


def ten(number: int) -> str:
    """票据号码, ten digits."""
    return f"{number:010d}"


def _fen(amount: Decimal) -> int:
    return int(amount * 100)
