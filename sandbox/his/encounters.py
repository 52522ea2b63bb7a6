"""Visits: past outpatient ones (class AMB) with their diagnoses, and online ones (class VR) from 接诊 to 结束 or 退诊 [4b]."""

import sqlite3
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, exchange, instants, wire
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal
from sandbox.his.search import Search

CLASS_NAMES: Final = {"AMB": "ambulatory", "VR": "virtual"}
INCLUDE: Final = "Encounter:diagnosis"


class Encounters:
    """Find, begin, end."""

    def __init__(self, hospital: Hospital) -> None:
        """Visits of this hospital."""
        self._hospital = hospital

    def mount(self, fhir: APIRouter) -> None:
        """The calls."""
        fhir.add_api_route("/Encounter", self.search, methods=["GET"])
        fhir.add_api_route("/Encounter", self.begin, methods=["POST"])
        fhir.add_api_route("/Encounter/{id}", self.read, methods=["GET"])
        fhir.add_api_route("/Encounter/{id}", self.end, methods=["PUT"])

    async def search(self, request: Request) -> JSONResponse:
        """Visits newest first; `date` is compared with their start. The diagnoses come along when asked for."""
        search = Search(request, self._hospital.store, "his_encounter_now", order="start_ms", newest_first=True)
        search.link("patient", "Patient", "patient_id")
        search.code("class", "class")
        search.code("status", "status")
        search.moment("date", "start_ms")
        search.number("identifier", {wire.VISIT: "visit_no"})
        search.link("appointment", "Appointment", "appointment_id")
        search.moment("_lastUpdated", "updated_ms")
        with_diagnoses = search.include(INCLUDE)
        page = search.page()
        diagnoses = self._diagnoses([row["id"] for row in page.rows])
        matches = [encounter(row, diagnoses.get(row["id"], [])) for row in page.rows]
        included = [condition(row, of) for row in page.rows for of in diagnoses.get(row["id"], [])] if with_diagnoses else []
        return exchange.searchset(request, matches, page.total, page.next_url, included)

    async def read(self, id: str) -> JSONResponse:
        """One visit."""
        row = self._hospital.store.row("SELECT * FROM his_encounter_now WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        return exchange.answer(encounter(row, self._diagnoses([id]).get(id, [])))

    async def begin(self, request: Request) -> JSONResponse:
        """接诊 of a person who has reported; the same number again answers the first."""
        body = await exchange.resource_of(request, "Encounter")
        visit_no = exchange.creation_number(request, body, wire.VISIT)
        with self._hospital.store.transaction() as db:
            first = db.execute("SELECT id FROM his_encounter WHERE visit_no = ?", (visit_no,)).fetchone()
            id = first["id"] if first else self._open(db, body, visit_no)
            row = db.execute("SELECT * FROM his_encounter_now WHERE id = ?", (id,)).fetchone()
        return exchange.created(request, encounter(row, []), made=first is None)

    async def end(self, request: Request, id: str) -> JSONResponse:
        """`finished` (结束): the appointment is fulfilled. `cancelled` (退诊): it goes with its money. Done already answers 200."""
        body = await exchange.resource_of(request, "Encounter")
        if body.get("id") != id:
            raise Refusal("invalid", "Encounter.id", "the id of the URL")
        to = body.get("status")
        if to not in ("finished", "cancelled"):
            raise Refusal("invalid", "Encounter.status", "finished or cancelled")
        with self._hospital.store.transaction() as db:
            row = db.execute("SELECT * FROM his_encounter_now WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise Refusal("not-found")
            if row["status"] != to:
                if row["status"] != "in-progress":
                    raise Refusal("executed" if to == "cancelled" else "not-booked", "Encounter.status", f"the visit is {row['status']}")
                exchange.require_version(request, row["version"])
                self._close(db, row, to, _moment(body, "end", self._hospital.now_ms()))
            changed = db.execute("SELECT * FROM his_encounter_now WHERE id = ?", (id,)).fetchone()
        return exchange.answer(encounter(changed, self._diagnoses([id]).get(id, [])))

    def _open(self, db: sqlite3.Connection, body: Json, visit_no: str) -> str:
        now_ms = self._hospital.now_ms()
        if body.get("status") != "in-progress":
            raise Refusal("invalid", "Encounter.status", "in-progress")
        if elements.text_at(body, "class", "code") != "VR":
            raise Refusal("invalid", "Encounter.class", "VR")
        appointment_id = elements.id_at(body, "Appointment", "appointment", 0)
        held = db.execute(
            "SELECT held.*, unit.practitioner_id, unit.doctor_name, unit.department_id, unit.department_name FROM his_appointment AS held "
            "JOIN his_schedule AS unit ON unit.id = held.schedule_id WHERE held.id = ?",
            (appointment_id,),
        ).fetchone()
        if held is None:
            raise Refusal("invalid", "Encounter.appointment", "no such Appointment")
        if elements.id_at(body, "Patient", "subject") != held["patient_id"]:
            raise Refusal("invalid", "Encounter.subject", "the patient of the appointment")
        if held["status"] != "checked-in":
            raise Refusal("not-booked", "Encounter.appointment", f"the appointment is {held['status']}")
        if db.execute("SELECT 1 FROM his_encounter WHERE appointment_id = ?", (held["id"],)).fetchone():
            raise Refusal("not-booked", "Encounter.appointment", "another visit has this appointment")
        id = f"enc-{uuid4().hex}"
        values = {name: held[name] for name in ("patient_id", "practitioner_id", "doctor_name", "department_id", "department_name")}
        values |= {"id": id, "start": _moment(body, "start", now_ms), "visit_no": visit_no, "appointment_id": held["id"], "now": now_ms}
        db.execute(
            "INSERT INTO his_encounter (id, class, status, patient_id, practitioner_id, doctor_name, department_id, "
            "department_name, start_ms, visit_no, appointment_id, updated_ms) VALUES (:id, 'VR', 'in-progress', :patient_id, "
            ":practitioner_id, :doctor_name, :department_id, :department_name, :start, :visit_no, :appointment_id, :now)",
            values,
        )
        return id

    def _close(self, db: sqlite3.Connection, row: sqlite3.Row, to: str, end_ms: int) -> None:
        now_ms = self._hospital.now_ms()
        if end_ms < row["start_ms"]:
            raise Refusal("invalid", "Encounter.period", "ends before it began")
        ends = "cancelled_ms = :now" if to == "cancelled" else "status = 'finished'"
        db.execute(
            f"UPDATE his_encounter SET {ends}, end_ms = :end, version = version + 1, updated_ms = :now WHERE id = :id",  # noqa: S608  of ours
            {"end": end_ms, "now": now_ms, "id": row["id"]},
        )
        if to == "cancelled":
            return
        db.execute(
            "UPDATE his_appointment SET status = 'fulfilled', version = version + 1, updated_ms = ? WHERE id = ?",
            (now_ms, row["appointment_id"]),
        )

    def _diagnoses(self, ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
        marks = ", ".join("?" * len(ids))
        found: dict[str, list[sqlite3.Row]] = {}
        for row in self._hospital.store.rows(
            f"SELECT * FROM his_condition WHERE encounter_id IN ({marks}) ORDER BY encounter_id, rank",  # noqa: S608  question marks
            *ids,
        ):
            found.setdefault(row["encounter_id"], []).append(row)
        return found


def encounter(row: sqlite3.Row, diagnoses: list[sqlite3.Row]) -> Json:
    """The resource of a visit; `serviceType` is the department."""
    resource: Json = {
        "resourceType": "Encounter",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "status": row["status"],
        "class": elements.coding(wire.ACT_CODE, row["class"], CLASS_NAMES[row["class"]]),
        "serviceType": elements.concept(wire.DEPARTMENT, row["department_id"], row["department_name"]),
        "subject": elements.reference("Patient", row["patient_id"]),
        "participant": [{"individual": elements.reference("Practitioner", row["practitioner_id"], row["doctor_name"])}],
        "period": {"start": instants.datetime_text(row["start_ms"])},
        "serviceProvider": elements.reference("Organization", row["department_id"], row["department_name"]),
    }
    if row["end_ms"] is not None:
        resource["period"]["end"] = instants.datetime_text(row["end_ms"])
    if row["visit_no"]:
        resource["identifier"] = [elements.identifier(wire.VISIT, row["visit_no"])]
    if row["appointment_id"]:
        resource["appointment"] = [elements.reference("Appointment", row["appointment_id"])]
    if diagnoses:
        resource["diagnosis"] = [
            {"condition": elements.reference("Condition", found["id"], found["diagnosis"]), "rank": found["rank"]} for found in diagnoses
        ]
    return resource


def condition(visit: sqlite3.Row, row: sqlite3.Row) -> Json:
    """The resource of one diagnosis of a visit."""
    terms = "http://terminology.hl7.org/CodeSystem"
    return {
        "resourceType": "Condition",
        "id": row["id"],
        "meta": elements.meta(1, visit["updated_ms"]),
        "clinicalStatus": elements.concept(f"{terms}/condition-clinical", "active", "Active"),
        "verificationStatus": elements.concept(f"{terms}/condition-ver-status", "confirmed", "Confirmed"),
        "category": [elements.concept(f"{terms}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
        "code": elements.concept(wire.ICD_10, row["icd10"], row["diagnosis"]),
        "subject": elements.reference("Patient", visit["patient_id"]),
        "encounter": elements.reference("Encounter", visit["id"]),
        "recordedDate": instants.datetime_text(visit["start_ms"]),
    }


def _moment(body: Json, end: str, now_ms: int) -> int:
    """An end of the visit's period as the client gives it, or now."""
    given = elements.text_at(body, "period", end)
    if given is None:
        return now_ms
    try:
        return instants.parse_instant(given)
    except ValueError as error:
        raise Refusal("invalid", "Encounter.period", "dateTime with a zone") from error
