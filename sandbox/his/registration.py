"""The registration desk: how a person becomes a Patient record, and a past visit a record of that patient."""

import hashlib
import json
import sqlite3
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta

from sandbox.his import elements, id_number, instants, patients, wire
from sandbox.his.elements import Json

_TERMS = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the desk writes down. `phone` and `address` may be missing, which the regulator's standard does not accept online."""

    id: str
    person: str
    name: str
    id_number: str
    card_no: str
    phone: str | None = None
    address: str | None = None
    ethnic_group: str | None = None
    married: bool | None = None
    guardian: str | None = None
    linked: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVisit:
    """An outpatient visit so many days ago: who saw the patient where, and with what diagnosis."""

    days_ago: int
    practitioner_id: str
    doctor_name: str
    department_id: str
    department_name: str
    icd10: str
    diagnosis: str


def register(db: sqlite3.Connection, person: Person, now_ms: int) -> None:
    """Keep a Patient; one that is there already is left as it is."""
    db.execute(
        "INSERT OR IGNORE INTO his_patient (id, person, id_number, updated_ms, body) VALUES (?, ?, ?, ?, ?)",
        (person.id, person.person, person.id_number, now_ms, json.dumps(_body(person), ensure_ascii=False)),
    )


def record(db: sqlite3.Connection, patient_id: str, visit: PastVisit, today: date) -> None:
    """Keep a past outpatient visit with its diagnosis."""
    starts_at = _time_of(visit, today)
    start_ms, end_ms = instants.ms(starts_at), instants.ms(starts_at + timedelta(minutes=15))
    told = f"{patient_id}-{starts_at:%Y%m%d}-{visit.icd10}"
    key = hashlib.sha256(told.encode()).hexdigest()[:16]  # a number tells nobody anything, as in a real HIS
    db.execute(
        "INSERT OR IGNORE INTO his_encounter (id, class, status, patient_id, practitioner_id, doctor_name, department_id, department_name, "
        "start_ms, end_ms, updated_ms) VALUES (:id, 'AMB', 'finished', :patient_id, :practitioner_id, :doctor_name, :department_id, "
        ":department_name, :start_ms, :end_ms, :end_ms)",
        asdict(visit) | {"id": f"enc-{key}", "patient_id": patient_id, "start_ms": start_ms, "end_ms": end_ms},
    )
    db.execute(
        "INSERT OR IGNORE INTO his_condition (id, encounter_id, rank, icd10, diagnosis) VALUES (?, ?, 1, ?, ?)",
        (f"cond-{key}", f"enc-{key}", visit.icd10, visit.diagnosis),
    )


def _time_of(visit: PastVisit, today: date) -> datetime:
    """On a working day: one on a week-end is moved to the Friday before."""
    day = today - timedelta(days=visit.days_ago)
    day -= timedelta(days=max(0, day.weekday() - 4))
    return datetime.combine(day, time(9, 30), instants.BEIJING)


def _body(person: Person) -> Json:
    body: Json = {
        "resourceType": "Patient",
        "active": True,
        "identifier": [_official(person.id_number), _card(person.card_no)],
        "name": [{"use": "official", "text": person.name, "family": person.name[0], "given": [person.name[1:]]}],
        "gender": id_number.gender(person.id_number),
        "birthDate": id_number.birth_on(person.id_number).isoformat(),
    }
    if person.ethnic_group:
        body["extension"] = [elements.extension(wire.ETHNIC_GROUP, "String", person.ethnic_group)]
    if person.phone:
        body["telecom"] = [patients.phone(person.phone)]
    if person.address:
        body["address"] = [patients.address(person.address)]
    if person.married is not None:
        code, display = ("M", "Married") if person.married else ("S", "Never Married")
        body["maritalStatus"] = elements.concept(f"{_TERMS}/v3-MaritalStatus", code, display)
    if person.guardian:
        kin = elements.concept(f"{_TERMS}/v3-RoleCode", "GUARD", "guardian")
        body["contact"] = [{"relationship": [kin], "name": {"text": person.guardian}}]
    if person.linked:
        body["link"] = [{"other": elements.reference("Patient", other), "type": "seealso"} for other in person.linked]
    return body


def _official(number: str) -> Json:
    return {"use": "official", "type": elements.concept(f"{_TERMS}/v2-0203", "NI", "National unique individual identifier")} | (
        elements.identifier(wire.ID_NUMBER, number)
    )


def _card(number: str) -> Json:
    return {"use": "usual", "type": elements.concept(f"{_TERMS}/v2-0203", "MR", "Medical record number")} | (
        elements.identifier(wire.CARD, number)
    )
