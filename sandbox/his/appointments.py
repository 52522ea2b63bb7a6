"""号源 locks and bookings: Appointment [4b].

`pending` is a lock with an end (`lockExpiresAt`) and a bill; settling the bill makes it `booked` (invoices.py); then `checked-in`,
and `fulfilled` when the Encounter ends (encounters.py). `cancelled` and `noshow` are ends.
"""

import sqlite3
from typing import Any, Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, invoices, places, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.search import Search

_WITH_NAMES: Final = """(
    SELECT held.*, slot.start_ms, slot.end_ms, unit.practitioner_id, unit.doctor_name, unit.department_id, unit.department_name,
        json_extract(card.body, '$.name[0].text') AS patient_name
    FROM his_appointment AS held
    JOIN his_slot AS slot ON slot.id = held.slot_id
    JOIN his_schedule AS unit ON unit.id = held.schedule_id
    JOIN his_patient AS card ON card.id = held.patient_id
)"""

_CANCEL_REASONS: Final = {"pat": "患者取消", "prov": "医生停诊", "lock-expired": "锁号超时", "refunded": "已退费"}

_MOVES: Final = {"cancelled": {"pending": "settled"}, "checked-in": {"booked": "not-booked"}, "noshow": {"booked": "not-booked"}}
"""Asked state → the state it may be asked from and the refusal from any other."""


class Appointments:
    """Lock, find, release, check in."""

    def __init__(self, hospital: Hospital) -> None:
        """Appointments of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Appointment", self.lock, methods=["POST"])
        fhir.add_api_route("/Appointment", self.search, methods=["GET"])
        fhir.add_api_route("/Appointment/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/Appointment/{id}", self.change, methods=["PUT"])

    async def lock(self, request: Request) -> JSONResponse:
        """Lock a place under the client's number; the same number again answers the first, in whatever state it is now."""
        body = await exchange.resource_of(request, "Appointment")
        claim_no = exchange.creation_number(request, body, wire.CLAIM)
        with self._hospital.store.transaction() as db:
            now_ms = self._hospital.now_ms()
            places.expire(db, now_ms)
            first = db.execute("SELECT id FROM his_appointment WHERE claim_no = ?", (claim_no,)).fetchone()
            id = first["id"] if first else self._grant(db, _wish(body, claim_no), now_ms)
            resource = _load(db, id)
        return exchange.created(request, resource, made=first is None)

    async def search(self, request: Request) -> JSONResponse:
        """By our number, by status: the locks that a client holds are `status=pending&identifier=<system>|`."""
        search = Search(request, self._hospital.store, _WITH_NAMES, order="created_ms")
        search.code("status", "status")
        search.number("identifier", {wire.CLAIM: "claim_no"})
        search.link("patient", "Patient", "patient_id")
        search.link("slot", "Slot", "slot_id")
        search.moment("_lastUpdated", "updated_ms")
        page = search.page()
        bills = invoices.of_appointments(self._hospital.store, [row["id"] for row in page.rows])
        return exchange.searchset(request, [appointment(row, bills[row["id"]]) for row in page.rows], page.total, page.next_url)

    async def read(self, id: str) -> JSONResponse:
        """One appointment."""
        with self._hospital.store.transaction() as db:
            return exchange.answer(_load(db, id))

    async def change(self, request: Request, id: str) -> JSONResponse:
        """Release a lock, 报到, 未就诊. What is done already answers 200, whatever the version."""
        body = await exchange.resource_of(request, "Appointment")
        asked = elements.text_at(body, "status")
        if asked not in _MOVES:
            raise Refusal("invalid", "Appointment.status", f"one of {', '.join(_MOVES)}")
        if body.get("id") != id:
            raise Refusal("invalid", "Appointment.id", "the id of the URL")
        with self._hospital.store.transaction() as db:
            now_ms = self._hospital.now_ms()
            places.expire(db, now_ms)
            row = db.execute("SELECT * FROM his_appointment WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise Refusal("not-found")
            if row["status"] != asked:
                exchange.require_version(request, row["version"])
                _move(db, row, asked, now_ms)
            return exchange.answer(_load(db, id))

    def _grant(self, db: sqlite3.Connection, wish: places.Wish, now_ms: int) -> str:
        slot = places.check(db, wish, now_ms)
        id = f"apt-{uuid4().hex}"
        values: dict[str, Any] = {
            "id": id,
            "claim_no": wish.claim_no,
            "slot_id": slot["id"],
            "schedule_id": slot["schedule_id"],
            "patient_id": wish.patient_id,
            "expires": now_ms + self._hospital.lock_s * 1000,
            "now": now_ms,
        }
        db.execute(
            "INSERT INTO his_appointment (id, claim_no, slot_id, schedule_id, patient_id, status, lock_expires_ms, created_ms, updated_ms) "
            "VALUES (:id, :claim_no, :slot_id, :schedule_id, :patient_id, 'pending', :expires, :now, :now)",
            values,
        )
        invoices.issue(db, id, wish.patient_id, slot["fee_fen"], now_ms)
        places.touch(db, slot["id"], now_ms)
        return id


def appointment(row: sqlite3.Row, bill: sqlite3.Row) -> Json:
    """The resource, its bill contained; the bill's own life is `GET /Invoice/{id}`."""
    extensions = [elements.extension(wire.FEE_INVOICE, "Reference", {"reference": f"#{bill['id']}"})]
    if row["status"] == "pending":
        extensions.append(elements.extension(wire.LOCK_EXPIRES_AT, "Instant", instants.instant(row["lock_expires_ms"])))
    resource: Json = {
        "resourceType": "Appointment",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "contained": [invoices.content(bill)],
        "extension": extensions,
        "identifier": [elements.identifier(wire.CLAIM, row["claim_no"])],
        "status": row["status"],
    }
    if row["cancel_reason"]:
        resource["cancelationReason"] = elements.concept(wire.CANCEL_REASONS, row["cancel_reason"], _CANCEL_REASONS[row["cancel_reason"]])
    return resource | {
        "serviceType": [elements.concept(wire.DEPARTMENT, row["department_id"], row["department_name"])],
        "start": instants.instant(row["start_ms"]),
        "end": instants.instant(row["end_ms"]),
        "slot": [elements.reference("Slot", row["slot_id"])],
        "created": instants.datetime_text(row["created_ms"]),
        "participant": [
            {"actor": elements.reference("Patient", row["patient_id"], row["patient_name"]), "status": "accepted"},
            {"actor": elements.reference("Practitioner", row["practitioner_id"], row["doctor_name"]), "status": "accepted"},
        ],
    }


def _load(db: sqlite3.Connection, id: str) -> Json:
    row = db.execute(f"SELECT * FROM {_WITH_NAMES} WHERE id = ?", (id,)).fetchone()  # noqa: S608  a constant of ours
    if row is None:
        raise Refusal("not-found")
    bill = db.execute("SELECT * FROM his_invoice_now WHERE appointment_id = ?", (id,)).fetchone()
    return appointment(row, bill)


def _wish(body: Json, claim_no: str) -> places.Wish:
    if body.get("status") != "pending":
        raise Refusal("invalid", "Appointment.status", "pending")
    slots = elements.list_at(body, "slot")
    slot_id = elements.id_at(body, "Slot", "slot", 0) if len(slots) == 1 else None
    if slot_id is None:
        raise Refusal("invalid", "Appointment.slot", "one Slot")
    patients = [found for item in elements.list_at(body, "participant") if (found := elements.id_at(item, "Patient", "actor"))]
    if len(patients) != 1:
        raise Refusal("invalid", "Appointment.participant", "one Patient")
    return places.Wish(claim_no=claim_no, slot_id=slot_id, patient_id=patients[0])


def _move(db: sqlite3.Connection, row: sqlite3.Row, asked: str, now_ms: int) -> None:
    [(allowed_from, refusal)] = _MOVES[asked].items()
    if row["status"] != allowed_from:
        raise Refusal(refusal, "Appointment.status", f"the appointment is {row['status']}")
    if asked == "cancelled":
        places.let_go(db, row, "pat", now_ms)
        return
    db.execute("UPDATE his_appointment SET status = ?, version = version + 1, updated_ms = ? WHERE id = ?", (asked, now_ms, row["id"]))
