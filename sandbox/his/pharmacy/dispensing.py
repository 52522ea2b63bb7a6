"""The pharmacy's counter and the cash window: what a person does there with a prescription, and MedicationDispense, by which one sees it.

调配 makes it ready (`in-progress`), 发药 hands it out (`completed`): from then on its money does not go back, unless the pharmacy has taken
the drugs in again (退药, `stopped`); those may be handed out anew while they are paid for. Each is told to the internet hospital as
`dispensed`, what a window took as `paid-at-window` [4b].
"""

import sqlite3
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox import clock
from sandbox.his import exchange, invoices
from sandbox.his.hospital import Hospital
from sandbox.his.messages import Messages
from sandbox.his.outcome import Refusal
from sandbox.his.parameters import Legs
from sandbox.his.pharmacy import prescriptions
from sandbox.his.pharmacy.resources import medication_dispense
from sandbox.his.search import Search

Act = Callable[[sqlite3.Connection, sqlite3.Row, int], None]
_MARK: Final = "UPDATE his_prescription SET {column} = ? WHERE number = ?"


class Dispensing:
    """Look, and act. What is done already is done, with no further message."""

    def __init__(self, hospital: Hospital, messages: Messages, by_itself_s: float | None) -> None:
        """`by_itself_s`: how long after payment, and again after 调配, the pharmacy goes on without a person; None: never."""
        self._hospital, self._messages, self._by_itself_s = hospital, messages, by_itself_s
        self.alive = False
        """Whether `run` is running."""

    def mount(self, fhir: APIRouter) -> None:
        """The call."""
        fhir.add_api_route("/MedicationDispense", self.search, methods=["GET"])

    async def search(self, request: Request) -> JSONResponse:
        """What was prepared or handed out of these lines."""
        search = Search(request, self._hospital.store, "his_dispense", order="prepared_ms")
        search.link("prescription", "MedicationRequest", "line_id")
        search.link("patient", "Patient", "patient_id")
        search.code("status", "status")
        page = search.page()
        return exchange.searchset(request, [medication_dispense(row) for row in page.rows], page.total, page.next_url)

    def pay(self, number: str) -> None:
        """窗口收费: cash at the hospital's own window, in whole."""
        self._do(number, _pay, "paid-at-window")

    def prepare(self, number: str) -> None:
        """调配."""
        self._do(number, _prepare, "dispensed")

    def hand_out(self, number: str) -> None:
        """发药, to the patient or a courier."""
        self._do(number, _hand_out, "dispensed")

    def take_back(self, number: str) -> None:
        """退药: the drugs are back, and the pharmacy says so."""
        self._do(number, _take_back, "dispensed")

    async def run(self) -> None:
        """Without a person, if that is wanted: prepare and hand out what has waited long enough. Runs until cancelled."""
        self.alive = True
        try:
            while True:
                self._hospital.paid.clear()
                for row in self._waiting():
                    if row["due_at"] <= clock.now().timestamp():
                        (self.prepare if row["prepared_ms"] is None else self.hand_out)(row["number"])
                await self._hospital.paid.sleep_until(min((row["due_at"] for row in self._waiting()), default=None))
        finally:
            self.alive = False

    def _waiting(self) -> list[sqlite3.Row]:
        """Those that were paid and not handed out, and when it is time for the next act (seconds since 1970); none if a person does it."""
        if self._by_itself_s is None:
            return []
        return self._hospital.store.rows(
            "SELECT rx.number, rx.prepared_ms, coalesce(rx.prepared_ms, paid.settled_ms) / 1000.0 + ? AS due_at "
            "FROM his_prescription AS rx JOIN his_invoice AS bill ON bill.prescription_no = rx.number "
            "JOIN his_settlement AS paid ON paid.invoice_id = bill.id WHERE bill.status = 'balanced' AND rx.dispensed_ms IS NULL",
            self._by_itself_s,
        )

    def _do(self, number: str, act: Act, event: str) -> None:
        with self._hospital.store.transaction() as db:
            rx = db.execute("SELECT * FROM his_prescription WHERE number = ? AND ours = 1", (number,)).fetchone()
            if rx is None:
                raise Refusal("not-found")
            before = _told(db, number, event)
            act(db, rx, self._hospital.now_ms())
            after = _told(db, number, event)
            if after != before:
                self._messages.enqueue(db, event, number, after)
        self._messages.wake()
        self._hospital.paid.ring()


def _told(db: sqlite3.Connection, number: str, event: str) -> list[dict[str, object]]:
    """What the message about it shows."""
    if event == "dispensed":
        rows = db.execute("SELECT * FROM his_dispense WHERE number = ? ORDER BY id", (number,)).fetchall()
        return [medication_dispense(row) for row in rows]
    return [invoices.invoice(_bill(db, number))]


def _bill(db: sqlite3.Connection, number: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM his_invoice_now WHERE prescription_no = ?", (number,)).fetchone()
    if row is None:
        raise Refusal("not-signed", hint="the prescription is not valid yet, and has no bill")
    return row


def _pay(db: sqlite3.Connection, rx: sqlite3.Row, now_ms: int) -> None:
    bill = _bill(db, rx["number"])
    if bill["status"] == "cancelled":
        raise Refusal("prescription-cancelled")
    paid = invoices.Settlement(
        payment_no=f"W{uuid4().hex[:12]}",
        channel=invoices.WINDOW,
        channel_no="cash",
        amount_fen=bill["total_fen"],
        legs=Legs(cash_fen=bill["total_fen"], account_fen=0, fund_fen=0),
        paid_ms=now_ms,
    )
    invoices.take(db, bill, paid, now_ms)


def _prepare(db: sqlite3.Connection, rx: sqlite3.Row, now_ms: int) -> None:
    if rx["prepared_ms"] is None:
        _require_paid(db, rx)
        db.execute(_MARK.format(column="prepared_ms"), (now_ms, rx["number"]))


def _hand_out(db: sqlite3.Connection, rx: sqlite3.Row, now_ms: int) -> None:
    taken_back = rx["returned_ms"] is not None and rx["fetched_ms"] is None
    if rx["dispensed_ms"] is not None and not taken_back:
        return
    bill = _require_paid(db, rx)
    _prepare(db, rx, now_ms)
    db.execute(_MARK.format(column="fetched_ms" if taken_back else "dispensed_ms"), (now_ms, rx["number"]))
    db.execute("INSERT OR IGNORE INTO his_dispensing VALUES (?, ?)", (bill["id"], now_ms))
    prescriptions.end_lines(db, rx["number"], "completed", now_ms)


def _take_back(db: sqlite3.Connection, rx: sqlite3.Row, now_ms: int) -> None:
    if rx["dispensed_ms"] is None or rx["fetched_ms"] is not None:
        raise Refusal("invalid", "MedicationDispense.status", "nothing was handed out, or it was fetched after all")
    if rx["returned_ms"] is None:
        db.execute(_MARK.format(column="returned_ms"), (now_ms, rx["number"]))
        db.execute("DELETE FROM his_dispensing WHERE invoice_id = ?", (_bill(db, rx["number"])["id"],))


def _require_paid(db: sqlite3.Connection, rx: sqlite3.Row) -> sqlite3.Row:
    bill = _bill(db, rx["number"])
    if bill["status"] == "cancelled":
        raise Refusal("prescription-cancelled")
    if bill["status"] != "balanced":
        raise Refusal("not-settled")
    return bill
