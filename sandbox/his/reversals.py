"""Giving back what was settled: `$reverse` of a bill, in whole or in part [4b].

The body is a FHIR Parameters resource: `ourRefundNo`, `amount`, `legs` (parameters.py) and `reason` valueString. It answers the Invoice. In
whole, the bill is cancelled, the booking ends and its place is free; in part, the bill is less and the booking stays. With the bill of a
prescription, the prescription ends; once its drugs are handed out, nothing goes back.
"""

import sqlite3
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import exchange, invoices, places, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.parameters import Legs, Parameters, element, wrong
from sandbox.his.pharmacy import prescriptions

_ENDED_BY_IT: Final = ("booked", "checked-in")
"""States of an appointment that end with its money. 未就诊 and what was cancelled already stay what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Money that a client gives back, under the client's own number."""

    refund_no: str
    amount_fen: int
    legs: Legs
    reason: str


class Reversals:
    """Reverse."""

    def __init__(self, hospital: Hospital) -> None:
        """Bills of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The call."""
        fhir.add_api_route("/Invoice/{id}/$reverse", self.reverse, methods=["POST"])

    async def reverse(self, request: Request, id: str) -> JSONResponse:
        """Undo a settlement, or a part of it. The same number again is done once, and answers the bill as it is now."""
        wish = _reversal(await exchange.resource_of(request, "Parameters"))
        with self._hospital.store.transaction() as db:
            now_ms = self._hospital.now_ms()
            places.expire(db, now_ms)
            bill = invoices.load(db, id)
            first = db.execute("SELECT * FROM his_reversal WHERE refund_no = ?", (wish.refund_no,)).fetchone()
            if first is None:
                _undo(db, bill, wish, now_ms)
            else:
                _same(first, bill, wish)
            reversed_now = invoices.load(db, id)
        return exchange.answer(invoices.invoice(reversed_now))


def _reversal(body: Json) -> Reversal:
    given = Parameters(body)
    amount_fen = given.fen("amount")
    return Reversal(
        refund_no=given.number("ourRefundNo", wire.REFUND),
        amount_fen=amount_fen,
        legs=given.legs("legs", amount_fen),
        reason=given.text("reason", "valueString"),
    )


def _same(first: sqlite3.Row, bill: sqlite3.Row, wish: Reversal) -> None:
    """A repeat must say what the first said."""
    if first["invoice_id"] != bill["id"]:
        raise wrong("ourRefundNo", "the number stands for another bill's refund")
    if (first["amount_fen"], _legs(first)) != (wish.amount_fen, wish.legs):
        raise Refusal("amount-differs", element("amount"))


def _undo(db: sqlite3.Connection, bill: sqlite3.Row, wish: Reversal, now_ms: int) -> None:
    paid = db.execute("SELECT * FROM his_settlement_left WHERE invoice_id = ?", (bill["id"],)).fetchone()
    if paid is None:
        raise Refusal("not-settled", "Invoice.status", f"the bill is {bill['status']}")
    if bill["status"] == "cancelled":
        raise Refusal("already-reversed", "Invoice.status")
    held = db.execute("SELECT * FROM his_appointment WHERE id = ?", (bill["appointment_id"],)).fetchone()  # none of a prescription
    undone = db.execute("SELECT 1 FROM his_undone_execution WHERE invoice_id = ?", (bill["id"],)).fetchone()
    if held and held["status"] == "fulfilled" and not undone:
        raise Refusal("executed", "Appointment.status", "the visit is finished")
    if db.execute("SELECT 1 FROM his_dispensing WHERE invoice_id = ?", (bill["id"],)).fetchone():
        raise Refusal("dispensed", "Invoice")
    whole = wish.amount_fen == paid["amount_fen"]
    if not wish.legs.fits_into(_legs(paid)):
        raise Refusal("amount-differs", element("legs"), f"{paid['amount_fen']} fen are left")
    if wish.amount_fen == 0 and not whole:
        raise wrong("amount", "more than nothing")
    db.execute(
        "INSERT INTO his_reversal VALUES (:id, :refund_no, :invoice_id, :amount_fen, :cash_fen, :account_fen, :fund_fen, :reason, :now)",
        asdict(wish) | asdict(wish.legs) | {"id": f"rev-{uuid4().hex}", "invoice_id": bill["id"], "now": now_ms},
    )
    status = "cancelled" if whole else "balanced"
    db.execute("UPDATE his_invoice SET status = ?, version = version + 1, updated_ms = ? WHERE id = ?", (status, now_ms, bill["id"]))
    if whole and bill["prescription_no"]:
        prescriptions.end_lines(db, bill["prescription_no"], "cancelled", now_ms)
    elif whole and held["status"] in _ENDED_BY_IT:
        places.let_go(db, held, "refunded", now_ms)


def _legs(row: sqlite3.Row) -> Legs:
    return Legs(cash_fen=row["cash_fen"], account_fen=row["account_fen"], fund_fen=row["fund_fen"])
