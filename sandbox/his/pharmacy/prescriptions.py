"""Prescriptions: a MedicationRequest a line, tied by `groupIdentifier`; a Provenance with the signatures, which closes them [4b].

A line comes `on-hold` while its visit is open, and becomes `active` when both signatures are there. With the last of its lines a
prescription is valid, and the hospital prices it: one Invoice, `issued`. Handed out, its lines are `completed`. It is cancelled as a whole.
"""

import json
import sqlite3
from dataclasses import asdict
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.pharmacy import wishes
from sandbox.his.pharmacy.resources import medication_request
from sandbox.his.pharmacy.wishes import Line, Shared, wrong
from sandbox.his.search import Search

DRUGS_MAX: Final = 5
"""Of 西药 and 中成药 on one prescription."""
DAYS_VALID_MAX: Final = 3
_ONE: Final = "SELECT * FROM his_prescription_line_now WHERE id = ?"


class Prescriptions:
    """Write, find, sign, activate, cancel."""

    def __init__(self, hospital: Hospital) -> None:
        """Prescriptions of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/MedicationRequest", self.search, methods=["GET"])
        fhir.add_api_route("/MedicationRequest", self.write, methods=["POST"])
        fhir.add_api_route("/MedicationRequest/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/MedicationRequest/{id}", self.change, methods=["PUT"])

    async def search(self, request: Request) -> JSONResponse:
        """Lines newest first, by patient, encounter, our numbers. `group-identifier` is a parameter of this server's own."""
        search = Search(request, self._hospital.store, "his_prescription_line_now", order="authored_ms", newest_first=True)
        search.link("patient", "Patient", "patient_id")
        search.link("encounter", "Encounter", "encounter_id")
        search.code("status", "status")
        search.number("identifier", {wire.PRESCRIPTION_LINE: "line_no"})
        search.number("group-identifier", {wire.PRESCRIPTION: "our_no", wire.OWN_PRESCRIPTION: "own_no"})
        search.moment("authoredon", "authored_ms")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        return exchange.searchset(request, [medication_request(row) for row in page.rows], page.total, page.next_url)

    async def read(self, id: str) -> JSONResponse:
        """One line."""
        row = self._hospital.store.row(_ONE, id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(medication_request(row))

    async def write(self, request: Request) -> JSONResponse:
        """A line under the client's number; the same number again answers the first, whatever it says and in whatever state it is now."""
        body = await exchange.resource_of(request, "MedicationRequest")
        line_no = exchange.creation_number(request, body, wire.PRESCRIPTION_LINE)
        with self._hospital.store.transaction() as db:
            first = db.execute("SELECT id FROM his_prescription_line WHERE line_no = ?", (line_no,)).fetchone()
            id = first["id"] if first else _keep(db, *wishes.line_of(body, line_no), self._hospital.now_ms())
            row = db.execute(_ONE, (id,)).fetchone()
        return exchange.created(request, medication_request(row), made=first is None)

    async def sign(self, request: Request, body: Json) -> JSONResponse:
        """The signatures of a whole prescription. Of each there is one Provenance: asked for again by a line of it, it is answered."""
        targets = wishes.targets_of(body)
        if request.headers.get("if-none-exist") != f"target=MedicationRequest/{targets[0]}":
            raise Refusal("required", hint="If-None-Exist: target=MedicationRequest/<the first target>")
        with self._hospital.store.transaction() as db:
            number = _number_of(db, targets)
            first = db.execute("SELECT * FROM his_provenance WHERE number = ?", (number,)).fetchone()
            if first is None:
                wishes.check_signatures(body)
                db.execute(
                    "INSERT INTO his_provenance VALUES (?, ?, ?, ?)",
                    (f"prov-{uuid4().hex}", number, json.dumps(body, ensure_ascii=False, default=float), self._hospital.now_ms()),
                )
            row = db.execute("SELECT * FROM his_provenance WHERE number = ?", (number,)).fetchone()
        return exchange.created(request, _provenance(row), made=first is None)

    async def change(self, request: Request, id: str) -> JSONResponse:
        """审核通过 of a line, a later end of what is valid, or 作废 of it all. What is done already answers 200, whatever the version."""
        body = await exchange.resource_of(request, "MedicationRequest")
        asked, until_ms = elements.text_at(body, "status"), wishes.until_of(body)
        if asked not in ("active", "cancelled"):
            raise wrong("status", "active or cancelled")
        if body.get("id") != id:
            raise wrong("id", "the id of the URL")
        with self._hospital.store.transaction() as db:
            row = db.execute(_ONE, (id,)).fetchone()
            if row is None:
                raise Refusal("not-found")
            if row["status"] != asked:
                exchange.require_version(request, row["version"])
                if asked == "active":
                    _activate(db, row, self._hospital.now_ms())
                else:
                    _cancel(db, row["number"], self._hospital.now_ms())
            elif asked == "active" and until_ms is not None and until_ms != row["valid_until_ms"]:
                exchange.require_version(request, row["version"])
                _extend(db, row, until_ms, self._hospital.now_ms())
            changed = db.execute(_ONE, (id,)).fetchone()
        return exchange.answer(medication_request(changed))


def require_payable(db: sqlite3.Connection, number: str, now_ms: int) -> None:
    """Refused unless the prescription is valid at this moment."""
    lines = db.execute("SELECT * FROM his_prescription_line_now WHERE number = ?", (number,)).fetchall()
    if any(line["status"] == "cancelled" for line in lines):
        raise Refusal("prescription-cancelled", "Invoice.status")
    if lines[0]["valid_until_ms"] is not None and lines[0]["valid_until_ms"] <= now_ms:
        raise Refusal("prescription-expired", "Invoice.status")


def end_lines(db: sqlite3.Connection, number: str, status: str, now_ms: int) -> None:
    """All its lines that are still open end so."""
    db.execute(
        "UPDATE his_prescription_line SET status = ?, version = version + 1, updated_ms = ? "
        "WHERE number = ? AND status IN ('on-hold', 'active')",
        (status, now_ms, number),
    )


def _keep(db: sqlite3.Connection, shared: Shared, line: Line, now_ms: int) -> str:
    kept = db.execute("SELECT * FROM his_prescription WHERE number = ?", (shared.number,)).fetchone()
    if kept is None:
        _open(db, shared, now_ms)
    elif differs := next((name for name, value in asdict(shared).items() if kept[name] != value), None):
        raise wrong(differs, "the same in every line of a prescription")
    _check_lines(db, shared.number, line)
    id = f"mr-{uuid4().hex}"
    db.execute(
        "INSERT INTO his_prescription_line (id, number, rank, line_no, drug_id, status, dose, frequency, route, days, packs, note, "
        "updated_ms) VALUES (:id, :number, 1 + (SELECT count(*) FROM his_prescription_line WHERE number = :number), :line_no, :drug_id, "
        "'on-hold', :dose, :frequency, :route, :days, :packs, :note, :now)",
        asdict(line) | {"id": id, "number": shared.number, "now": now_ms},
    )
    return id


def _open(db: sqlite3.Connection, shared: Shared, now_ms: int) -> None:
    """Refused unless it was written in a visit of ours while that was open, by the doctor of the visit for its patient."""
    visit = db.execute("SELECT * FROM his_encounter_now WHERE id = ?", (shared.encounter_id,)).fetchone()
    if visit is None:
        raise wrong("encounter", "no such Encounter")
    if visit["patient_id"] != shared.patient_id:
        raise wrong("subject", "the patient of the visit")
    if visit["practitioner_id"] != shared.practitioner_id:
        raise wrong("requester", "the doctor of the visit")
    ended_ms = visit["end_ms"] if visit["end_ms"] is not None else now_ms
    within = visit["start_ms"] <= shared.authored_ms <= ended_ms
    if visit["class"] != "VR" or visit["status"] not in ("in-progress", "finished") or not within:
        raise Refusal("not-in-progress", "MedicationRequest.encounter", f"the visit is {visit['status']}")
    _check_validity(shared.authored_ms, shared.valid_until_ms)
    db.execute(
        "INSERT INTO his_prescription (number, ours, patient_id, encounter_id, practitioner_id, doctor_name, icd10, diagnosis, "
        "authored_ms, valid_until_ms) VALUES (:number, 1, :patient_id, :encounter_id, :practitioner_id, :doctor_name, :icd10, "
        ":diagnosis, :authored_ms, :valid_until_ms)",
        asdict(shared) | {"doctor_name": visit["doctor_name"]},
    )


def _check_validity(authored_ms: int, until_ms: int | None) -> None:
    """At most to the end of the third day (处方管理办法 art. 18)."""
    last_ms = instants.ms(instants.midnight(instants.at(authored_ms).date())) + DAYS_VALID_MAX * instants.DAY_MS
    if until_ms is not None and not authored_ms < until_ms <= last_ms:
        raise wrong("dispenseRequest.validityPeriod", f"ends after it was written, and within {DAYS_VALID_MAX} days")


def _extend(db: sqlite3.Connection, row: sqlite3.Row, until_ms: int, now_ms: int) -> None:
    """Valid for longer, all its lines; one that is over stays so."""
    require_payable(db, row["number"], now_ms)
    _check_validity(row["authored_ms"], until_ms)
    db.execute("UPDATE his_prescription SET valid_until_ms = ? WHERE number = ?", (until_ms, row["number"]))
    db.execute(
        "UPDATE his_prescription_line SET version = version + 1, updated_ms = ? WHERE number = ?",
        (now_ms, row["number"]),
    )


def _check_lines(db: sqlite3.Connection, number: str, line: Line) -> None:
    drug = db.execute("SELECT * FROM his_drug WHERE id = ?", (line.drug_id,)).fetchone()
    if drug is None:
        raise Refusal("drug-unknown", "MedicationRequest.medication")
    if drug["stopped"]:
        raise Refusal("drug-stopped", "MedicationRequest.medication", drug["name"])
    if not drug["online"]:
        raise Refusal("drug-not-online", "MedicationRequest.medication", drug["name"])
    if line.dose_unit != drug["dose_unit"]:
        raise wrong("dosageInstruction.doseAndRate", f"in {drug['dose_unit']}")
    if line.pack_unit != drug["pack_unit"]:
        raise wrong("dispenseRequest.quantity", f"in {drug['pack_unit']}")
    if db.execute("SELECT 1 FROM his_provenance WHERE number = ?", (number,)).fetchone():
        raise Refusal("signed-already", "MedicationRequest.groupIdentifier")
    _check_beside(db, number, drug)


def _check_beside(db: sqlite3.Connection, number: str, drug: sqlite3.Row) -> None:
    """What else stands on the prescription."""
    others = db.execute(
        "SELECT drug.id, drug.kind, line.status FROM his_prescription_line AS line JOIN his_drug AS drug ON drug.id = line.drug_id "
        "WHERE line.number = ?",
        (number,),
    ).fetchall()
    if any(one["status"] == "cancelled" for one in others):
        raise Refusal("prescription-cancelled", "MedicationRequest.groupIdentifier")
    if any(one["id"] == drug["id"] for one in others):
        raise wrong("medication", "each drug stands on one line")
    if any((one["kind"] == "herbal") != (drug["kind"] == "herbal") for one in others):
        raise wrong("medication", "中药饮片 stand on a prescription of their own")
    if drug["kind"] != "herbal" and len(others) >= DRUGS_MAX:
        raise Refusal("too-many-drugs", "MedicationRequest.groupIdentifier")


def _number_of(db: sqlite3.Connection, targets: list[str]) -> str:
    """Of the prescription whose lines these are, all of them and no other's."""
    first = db.execute("SELECT number FROM his_prescription_line WHERE id = ?", (targets[0],)).fetchone()
    if first is None:
        raise Refusal("invalid", "Provenance.target", "no such MedicationRequest")
    lines = db.execute("SELECT id FROM his_prescription_line WHERE number = ?", (first["number"],)).fetchall()
    if {line["id"] for line in lines} != set(targets):
        raise Refusal("invalid", "Provenance.target", "every line of one prescription")
    return first["number"]


def _activate(db: sqlite3.Connection, row: sqlite3.Row, now_ms: int) -> None:
    if row["status"] == "cancelled":
        raise Refusal("prescription-cancelled", "MedicationRequest.status")
    if row["status"] != "on-hold":
        raise wrong("status", f"the line is {row['status']}")
    if not db.execute("SELECT 1 FROM his_provenance WHERE number = ?", (row["number"],)).fetchone():
        raise Refusal("not-signed", "MedicationRequest.status", "there is no Provenance of it")
    if row["valid_until_ms"] is not None and row["valid_until_ms"] <= now_ms:
        raise Refusal("prescription-expired", "MedicationRequest.dispenseRequest.validityPeriod")
    if db.execute("SELECT stopped FROM his_drug WHERE id = ?", (row["drug_id"],)).fetchone()["stopped"]:
        raise Refusal("drug-stopped", "MedicationRequest.medication", row["drug_name"])
    db.execute(
        "UPDATE his_prescription_line SET status = 'active', version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, row["id"])
    )
    _price(db, row["number"], row["patient_id"], now_ms)


def _price(db: sqlite3.Connection, number: str, patient_id: str, now_ms: int) -> None:
    """The bill, once its last line is valid: packs by the price of this moment."""
    lines = db.execute(
        "SELECT line.status, line.packs, drug.name, drug.price_fen FROM his_prescription_line AS line "
        "JOIN his_drug AS drug ON drug.id = line.drug_id WHERE line.number = ? ORDER BY line.rank",
        (number,),
    ).fetchall()
    if any(line["status"] != "active" for line in lines):
        return
    items = [[line["name"], line["packs"], line["packs"] * line["price_fen"]] for line in lines]
    db.execute(
        "INSERT INTO his_invoice (id, prescription_no, patient_id, status, total_fen, items, issued_ms, updated_ms) "
        "VALUES (?, ?, ?, 'issued', ?, ?, ?, ?)",
        (f"inv-{uuid4().hex}", number, patient_id, sum(fen for _, _, fen in items), json.dumps(items, ensure_ascii=False), now_ms, now_ms),
    )


def _cancel(db: sqlite3.Connection, number: str, now_ms: int) -> None:
    """作废, before anything was paid. What was paid goes back by its refund, and takes the prescription with it."""
    rx = db.execute("SELECT * FROM his_prescription WHERE number = ?", (number,)).fetchone()
    if not rx["ours"] or rx["dispensed_ms"] is not None:
        raise Refusal("dispensed", "MedicationRequest.status")
    bill = db.execute("SELECT * FROM his_invoice WHERE prescription_no = ?", (number,)).fetchone()
    if bill is not None and bill["status"] == "balanced":
        raise Refusal("settled", "MedicationRequest.status")
    end_lines(db, number, "cancelled", now_ms)
    db.execute(
        "UPDATE his_invoice SET status = 'cancelled', version = version + 1, updated_ms = ? "
        "WHERE prescription_no = ? AND status = 'issued'",
        (now_ms, number),
    )


def _provenance(row: sqlite3.Row) -> Json:
    body = exchange.loads(row["body"])
    head = {"resourceType": body.pop("resourceType"), "id": row["id"], "meta": elements.meta(1, row["recorded_ms"])}
    return head | body | {"recorded": instants.instant(row["recorded_ms"])}
