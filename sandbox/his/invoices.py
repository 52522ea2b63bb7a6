"""Bills: Invoice, its `$settle`, and PaymentReconciliation, by which a client asks whether a payment or a refund was taken [4b].

The hospital prices, nobody else: a place's service fee with its lock, a prescription's drugs once it is valid. The body of `$settle` is a
FHIR Parameters resource: `ourPaymentNo`, `amount`, `legs` (parameters.py), `channel` valueCode, `channelNo` valueString, `paidAt`
valueDateTime. It answers the Invoice.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, places, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.parameters import LEG_NAMES, Legs, Parameters, element, wrong
from sandbox.his.pharmacy import prescriptions
from sandbox.his.search import Search
from sandbox.store import Store

SERVICE_FEE: Final = "医事服务费"
WINDOW: Final = "window"
"""The channel of what was paid at the hospital's own window; its number is the hospital's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Money that a client says has come for a bill, under the client's own number."""

    payment_no: str
    channel: str
    channel_no: str
    amount_fen: int
    legs: Legs
    paid_ms: int


class Invoices:
    """Read, settle, ask."""

    def __init__(self, hospital: Hospital) -> None:
        """Bills of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Invoice", self.search, methods=["GET"])
        fhir.add_api_route("/Invoice/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/Invoice/{id}/$settle", self.settle, methods=["POST"])
        fhir.add_api_route("/PaymentReconciliation", self.reconciliations, methods=["GET"])

    async def search(self, request: Request) -> JSONResponse:
        """By the client's number of the prescription that it is of."""
        search = Search(request, self._hospital.store, "his_invoice_now", order="issued_ms")
        search.number("identifier", {wire.BILL: "id", wire.PRESCRIPTION: "prescription_no"})
        search.code("status", "status")
        page = search.page()
        return exchange.searchset(request, [invoice(row) for row in page.rows], page.total, page.next_url)

    async def read(self, id: str) -> JSONResponse:
        """One bill."""
        with self._hospital.store.transaction() as db:
            return exchange.answer(invoice(load(db, id)))

    async def settle(self, request: Request, id: str) -> JSONResponse:
        """Take a payment: the bill is balanced, and a lock becomes a booking. The same number again is taken once.

        What was given back in whole takes no payment any more, not even the one that it was: a settlement that comes late is refused.
        """
        paid = _settlement(await exchange.resource_of(request, "Parameters"))
        with self._hospital.store.transaction() as db:
            now_ms = self._hospital.now_ms()
            places.expire(db, now_ms)
            bill = load(db, id)
            if bill["status"] == "cancelled" and bill["reversals"]:
                raise Refusal("already-reversed", "Invoice.status")
            first = db.execute("SELECT * FROM his_settlement WHERE payment_no = ?", (paid.payment_no,)).fetchone()
            if first is None:
                take(db, bill, paid, now_ms)
            else:
                _same(first, bill, paid)
            balanced = load(db, id)
        self._hospital.paid.ring()
        return exchange.answer(invoice(balanced))

    async def reconciliations(self, request: Request) -> JSONResponse:
        """Payments and refunds taken, by the client's number of either; nothing found means not taken."""
        search = Search(request, self._hospital.store, "his_reconciliation", order="booked_ms")
        search.number("identifier", {wire.PAYMENT: "own_payment_no", wire.REFUND: "refund_no"})
        search.link("request", "Invoice", "invoice_id")
        page = search.page()
        return exchange.searchset(request, [reconciliation(row) for row in page.rows], page.total, page.next_url)


def load(db: sqlite3.Connection, id: str) -> sqlite3.Row:
    """A bill with what was given back of it; refused when there is none."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM his_invoice_now WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise Refusal("not-found")
    return row


def issue(db: sqlite3.Connection, appointment_id: str, patient_id: str, total_fen: int, now_ms: int) -> None:
    """The bill of the service fee of a lock."""
    db.execute(
        "INSERT INTO his_invoice (id, appointment_id, patient_id, status, total_fen, issued_ms, updated_ms) "
        "VALUES (?, ?, ?, 'issued', ?, ?, ?)",
        (f"inv-{uuid4().hex}", appointment_id, patient_id, total_fen, now_ms, now_ms),
    )


def of_appointments(store: Store, ids: Sequence[str]) -> dict[str, sqlite3.Row]:
    """The bill of each appointment."""
    marks = ", ".join("?" * len(ids))
    rows = store.rows(f"SELECT * FROM his_invoice_now WHERE appointment_id IN ({marks})", *ids)  # noqa: S608  question marks
    return {row["appointment_id"]: row for row in rows}


def content(row: sqlite3.Row) -> Json:
    """The bill as it stands inside its Appointment: a contained resource has no `meta`.

    A bill of which a part was given back shows what is left, and the part as a deduction; a cancelled one shows what it was about.
    """
    back_fen = row["reversed_fen"] if row["status"] == "balanced" else 0
    total = elements.money(row["total_fen"] - back_fen)
    numbers = [elements.identifier(wire.BILL, row["id"])]
    if row["prescription_no"]:
        numbers.append(elements.identifier(wire.PRESCRIPTION, row["prescription_no"]))
    return {
        "resourceType": "Invoice",
        "id": row["id"],
        "identifier": numbers,
        "status": row["status"],
        "subject": elements.reference("Patient", row["patient_id"]),
        "date": instants.datetime_text(row["issued_ms"]),
        "lineItem": _items(row, back_fen),
        "totalNet": total,
        "totalGross": total,
    }


def invoice(row: sqlite3.Row) -> Json:
    """The bill as a resource of its own."""
    resource = content(row) | {"meta": elements.meta(row["version"], row["updated_ms"])}
    if row["appointment_id"]:
        appointment = elements.reference("Appointment", row["appointment_id"])
        resource["extension"] = [elements.extension(wire.INVOICE_APPOINTMENT, "Reference", appointment)]
    return resource


def _items(row: sqlite3.Row, back_fen: int) -> list[Json]:
    """The service fee, or each drug with its packs; what was given back in part is a deduction on the first of them."""
    lines: list[tuple[str, int, int]] = json.loads(row["items"]) if row["items"] else [(SERVICE_FEE, 1, row["total_fen"])]
    items: list[Json] = []
    for sequence, (words, packs, fen) in enumerate(lines, start=1):
        price: Json = {"type": "base", "amount": elements.money(fen)} | ({"factor": packs} if row["items"] else {})
        items.append({"sequence": sequence, "chargeItemCodeableConcept": {"text": words}, "priceComponent": [price]})
    if back_fen:
        items[0]["priceComponent"].append({"type": "deduction", "amount": elements.money(back_fen)})
    return items


def reconciliation(row: sqlite3.Row) -> Json:
    """A payment taken, or a refund, whose amounts are negative and whose lines name the payment: numbers, and what each leg paid."""
    bill = elements.reference("Invoice", row["invoice_id"])
    payment = elements.identifier(wire.WINDOW if row["channel"] == WINDOW else wire.PAYMENT, row["payment_no"])
    back = row["refund_no"] is not None
    undone = {"predecessor": payment} if back else {}
    return {
        "resourceType": "PaymentReconciliation",
        "id": row["id"],
        "meta": elements.meta(1, row["booked_ms"]),
        "extension": [elements.extension(wire.CHANNEL, "Code", row["channel"])],
        "identifier": [elements.identifier(wire.REFUND, row["refund_no"]) if back else payment],
        "status": "active",
        "created": instants.datetime_text(row["booked_ms"]),
        "outcome": "complete",
        "paymentDate": instants.day_text(row["paid_ms"]),
        "paymentAmount": elements.money(row["amount_fen"]),
        "paymentIdentifier": {"value": row["channel_no"]},
        "detail": [
            undone | {"type": elements.concept(wire.LEGS, leg, name), "request": bill, "amount": elements.money(row[f"{leg}_fen"])}
            for leg, name in LEG_NAMES.items()
            if row[f"{leg}_fen"]
        ],
    }


def _same(first: sqlite3.Row, bill: sqlite3.Row, paid: Settlement) -> None:
    """A repeat must say what the first said."""
    if first["invoice_id"] != bill["id"]:
        raise wrong("ourPaymentNo", "the number stands for another bill's payment")
    if first["amount_fen"] != paid.amount_fen:
        raise Refusal("amount-differs", element("amount"))


def take(db: sqlite3.Connection, bill: sqlite3.Row, paid: Settlement, now_ms: int) -> None:
    """Money for a bill that is open and still means something: a lock that holds, a prescription that is valid."""
    if bill["status"] == "balanced":
        raise Refusal("paid-elsewhere", "Invoice.status")
    if bill["prescription_no"]:
        prescriptions.require_payable(db, bill["prescription_no"], now_ms)
    else:
        _require_lock(db, bill["appointment_id"])
    if paid.amount_fen != bill["total_fen"]:
        raise Refusal("amount-differs", element("amount"))
    db.execute(
        "INSERT INTO his_settlement VALUES (:id, :payment_no, :invoice_id, :channel, :channel_no, :amount_fen, :cash_fen, :account_fen, "
        ":fund_fen, :paid_ms, :settled_ms)",
        asdict(paid) | asdict(paid.legs) | {"id": f"pay-{uuid4().hex}", "invoice_id": bill["id"], "settled_ms": now_ms},
    )
    db.execute("UPDATE his_invoice SET status = 'balanced', version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, bill["id"]))
    db.execute(
        "UPDATE his_appointment SET status = 'booked', version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, bill["appointment_id"])
    )


def _require_lock(db: sqlite3.Connection, appointment_id: str) -> None:
    held = db.execute(
        "SELECT held.*, slot.stopped FROM his_appointment AS held JOIN his_slot AS slot ON slot.id = held.slot_id WHERE held.id = ?",
        (appointment_id,),
    ).fetchone()
    if held["stopped"]:
        raise Refusal("slot-stopped", "Appointment.slot")
    if held["status"] != "pending":
        raise Refusal("lock-expired", "Appointment.status", f"the appointment is {held['status']}: {held['cancel_reason']}")


def _settlement(body: Json) -> Settlement:
    given = Parameters(body)
    amount_fen = given.fen("amount")
    return Settlement(
        payment_no=given.number("ourPaymentNo", wire.PAYMENT),
        channel=given.text("channel", "valueCode"),
        channel_no=given.text("channelNo", "valueString"),
        amount_fen=amount_fen,
        legs=given.legs("legs", amount_fen),
        paid_ms=given.moment("paidAt"),
    )
