"""Bills: Invoice, its `$settle`, and PaymentReconciliation, by which a client asks whether a payment was taken [4b].

The hospital prices, nobody else. The body of `$settle` is a FHIR Parameters resource (protocols.md §4b names the fields, not their
shape; this is ours): `ourPaymentNo` valueIdentifier, `channel` valueCode, `channelNo` valueString, `amount` valueMoney,
`legs` with parts `cash` | `account` | `fund` (valueMoney each, together the amount), `paidAt` valueDateTime. It answers the Invoice.
"""

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
from sandbox.his.search import Search
from sandbox.store import Store

LEG_NAMES: Final = {"cash": "个人现金支付", "account": "个人账户支付", "fund": "医保基金支付"}
SERVICE_FEE: Final = "医事服务费"
_NO_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Money that a client says has come for a bill, under the client's own number."""

    payment_no: str
    channel: str
    channel_no: str
    amount_fen: int
    cash_fen: int
    account_fen: int
    fund_fen: int
    paid_ms: int


class Invoices:
    """Read, settle, ask."""

    def __init__(self, hospital: Hospital) -> None:
        """Bills of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Invoice/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/Invoice/{id}/$settle", self.settle, methods=["POST"])
        fhir.add_api_route("/PaymentReconciliation", self.reconciliations, methods=["GET"])

    async def read(self, id: str) -> JSONResponse:
        """One bill."""
        row = self._hospital.store.row("SELECT * FROM his_invoice WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(invoice(row))

    async def settle(self, request: Request, id: str) -> JSONResponse:
        """Take a payment: the bill is balanced and the lock becomes a booking. The same number again is taken once."""
        paid = _settlement(await exchange.resource_of(request, "Parameters"))
        with self._hospital.store.transaction() as db:
            now_ms = self._hospital.now_ms()
            places.expire(db, now_ms)
            bill = db.execute("SELECT * FROM his_invoice WHERE id = ?", (id,)).fetchone()
            if bill is None:
                raise Refusal("not-found")
            first = db.execute("SELECT * FROM his_settlement WHERE payment_no = ?", (paid.payment_no,)).fetchone()
            if first is None:
                _take(db, bill, paid, now_ms)
            else:
                _same(first, bill, paid)
            balanced = db.execute("SELECT * FROM his_invoice WHERE id = ?", (id,)).fetchone()
        return exchange.answer(invoice(balanced))

    async def reconciliations(self, request: Request) -> JSONResponse:
        """Payments taken, by our number; nothing found means not taken."""
        search = Search(request, self._hospital.store, "his_settlement", order="settled_ms")
        search.number("identifier", wire.PAYMENT, "payment_no")
        search.link("request", "Invoice", "invoice_id")
        page = search.page()
        return exchange.searchset(request, [reconciliation(row) for row in page.rows], page.total, page.next_url)


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
    rows = store.rows(f"SELECT * FROM his_invoice WHERE appointment_id IN ({marks})", *ids)  # noqa: S608  question marks
    return {row["appointment_id"]: row for row in rows}


def content(row: sqlite3.Row) -> Json:
    """The bill as it stands inside its Appointment: a contained resource has no `meta`."""
    total = elements.money(row["total_fen"])
    return {
        "resourceType": "Invoice",
        "id": row["id"],
        "identifier": [elements.identifier(wire.BILL, row["id"])],
        "status": row["status"],
        "subject": elements.reference("Patient", row["patient_id"]),
        "date": instants.datetime_text(row["issued_ms"]),
        "lineItem": [
            {"sequence": 1, "chargeItemCodeableConcept": {"text": SERVICE_FEE}, "priceComponent": [{"type": "base", "amount": total}]}
        ],
        "totalNet": total,
        "totalGross": total,
    }


def invoice(row: sqlite3.Row) -> Json:
    """The bill as a resource of its own."""
    appointment = elements.reference("Appointment", row["appointment_id"])
    return content(row) | {
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "extension": [elements.extension(wire.INVOICE_APPOINTMENT, "Reference", appointment)],
    }


def reconciliation(row: sqlite3.Row) -> Json:
    """A payment taken: our number, the channel's, and what each leg paid."""
    bill = elements.reference("Invoice", row["invoice_id"])
    return {
        "resourceType": "PaymentReconciliation",
        "id": row["id"],
        "meta": elements.meta(1, row["settled_ms"]),
        "extension": [elements.extension(wire.CHANNEL, "Code", row["channel"])],
        "identifier": [elements.identifier(wire.PAYMENT, row["payment_no"])],
        "status": "active",
        "created": instants.datetime_text(row["settled_ms"]),
        "outcome": "complete",
        "paymentDate": instants.day_text(row["paid_ms"]),
        "paymentAmount": elements.money(row["amount_fen"]),
        "paymentIdentifier": {"value": row["channel_no"]},
        "detail": [
            {"type": elements.concept(wire.LEGS, leg, name), "request": bill, "amount": elements.money(row[f"{leg}_fen"])}
            for leg, name in LEG_NAMES.items()
            if row[f"{leg}_fen"]
        ],
    }


def _same(first: sqlite3.Row, bill: sqlite3.Row, paid: Settlement) -> None:
    """A repeat must say what the first said."""
    if first["invoice_id"] != bill["id"]:
        raise Refusal("invalid", "Parameters.parameter[ourPaymentNo]", "the number stands for another bill's payment")
    if first["amount_fen"] != paid.amount_fen:
        raise Refusal("amount-differs", "Parameters.parameter[amount]")


def _take(db: sqlite3.Connection, bill: sqlite3.Row, paid: Settlement, now_ms: int) -> None:
    held = db.execute(
        "SELECT held.*, slot.stopped FROM his_appointment AS held JOIN his_slot AS slot ON slot.id = held.slot_id WHERE held.id = ?",
        (bill["appointment_id"],),
    ).fetchone()
    if bill["status"] == "balanced":
        raise Refusal("paid-elsewhere", "Invoice.status")
    if held["stopped"]:
        raise Refusal("slot-stopped", "Appointment.slot")
    if held["status"] != "pending":
        raise Refusal("lock-expired", "Appointment.status", f"the appointment is {held['status']}: {held['cancel_reason']}")
    if paid.amount_fen != bill["total_fen"]:
        raise Refusal("amount-differs", "Parameters.parameter[amount]")
    db.execute(
        "INSERT INTO his_settlement VALUES (:id, :payment_no, :invoice_id, :channel, :channel_no, :amount_fen, :cash_fen, :account_fen, "
        ":fund_fen, :paid_ms, :settled_ms)",
        asdict(paid) | {"id": f"pay-{uuid4().hex}", "invoice_id": bill["id"], "settled_ms": now_ms},
    )
    db.execute("UPDATE his_invoice SET status = 'balanced', version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, bill["id"]))
    db.execute(
        "UPDATE his_appointment SET status = 'booked', version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, bill["appointment_id"])
    )


def _settlement(body: Json) -> Settlement:
    given = {name: item for item in elements.list_at(body, "parameter") if (name := elements.text_at(item, "name"))}
    amount_fen = _fen(given.get("amount"), "amount")
    legs = {name: _fen(item, "legs") for item in elements.list_at(given.get("legs"), "part") if (name := elements.text_at(item, "name"))}
    if not legs or not set(legs) <= set(LEG_NAMES) or sum(legs.values()) != amount_fen:
        raise _wrong("legs", f"parts of {', '.join(LEG_NAMES)}, together the amount")
    return Settlement(
        payment_no=_number(given.get("ourPaymentNo")),
        channel=_text(given.get("channel"), "channel", "valueCode"),
        channel_no=_text(given.get("channelNo"), "channelNo", "valueString"),
        amount_fen=amount_fen,
        cash_fen=legs.get("cash", 0),
        account_fen=legs.get("account", 0),
        fund_fen=legs.get("fund", 0),
        paid_ms=_paid_ms(given.get("paidAt")),
    )


def _number(item: Json | None) -> str:
    if elements.text_at(item, "valueIdentifier", "system") != wire.PAYMENT:
        raise _wrong("ourPaymentNo", f"valueIdentifier of {wire.PAYMENT}")
    number = elements.text_at(item, "valueIdentifier", "value") or ""
    if not number or len(number) > _NO_MAX:
        raise _wrong("ourPaymentNo", f"up to {_NO_MAX} characters")
    return number


def _text(item: Json | None, name: str, kind: str) -> str:
    found = elements.text_at(item, kind) or ""
    if not found.strip() or len(found) > _NO_MAX or not found.isprintable():
        raise _wrong(name, f"{kind}, up to {_NO_MAX} characters")
    return found


def _fen(item: Json | None, name: str) -> int:
    fen = elements.fen_at(item, "valueMoney")
    if fen is None:
        raise _wrong(name, "valueMoney in CNY with whole fen")
    return fen


def _paid_ms(item: Json | None) -> int:
    try:
        return instants.parse_instant(elements.text_at(item, "valueDateTime") or "")
    except ValueError as error:
        raise _wrong("paidAt", "valueDateTime with a zone") from error


def _wrong(name: str, hint: str) -> Refusal:
    return Refusal("invalid", f"Parameters.parameter[{name}]", hint)
