"""How the demo hospital comes into the HIS's books: once, and topped up on each later day."""

import sqlite3
from datetime import date, datetime, timedelta
from typing import Final

from sandbox.his import documents, elements, instants, registration, wire
from sandbox.his.demo import people, staff, units
from sandbox.his.demo.staff import DEPARTMENTS, DOCTORS
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.pharmacy import catalogue, past

_RENEWED: Final = ("eligible", "missing_fields", "two_cards", "other_diagnosis", "child")
"""Kinds whose last visit must stay recent however long the books are kept."""
_STALE_DAYS: Final = 30


class Demo:
    """Keeps the hospital open: today's and the coming week's 就诊单元 are there whenever somebody looks."""

    def __init__(self, hospital: Hospital) -> None:
        """Nothing is written before the first `top_up`."""
        self._hospital = hospital
        self._open_until: date | None = None

    def top_up(self) -> None:
        """Everything up to the coming week exists; what exists is left as it is. Costs nothing when the day has not changed."""
        now = self._hospital.now()
        until = now.date() + timedelta(days=units.DAYS_AHEAD)
        if self._open_until == until:
            return
        with self._hospital.store.transaction() as db:
            now_ms = instants.ms(now)
            _staff(db, now_ms)
            for card in people.cards(now.date()):
                _register(db, card, now)
            for ahead in range(units.DAYS_AHEAD + 1):
                for unit in units.units_on(now.date() + timedelta(days=ahead), self._hospital.seed):
                    _schedule(db, unit, now_ms)
            catalogue.stock(db, now_ms)
            past.fill(db)
        self._open_until = until


def _staff(db: sqlite3.Connection, now_ms: int) -> None:
    documents.keep(db, staff.HOSPITAL_ID, _organization(staff.HOSPITAL_ID, staff.HOSPITAL_NAME, "prov", None), now_ms)
    for division in staff.DIVISIONS:
        documents.keep(db, division.id, _organization(division.id, division.name, "dept", staff.HOSPITAL_ID), now_ms)
        for department in division.departments:
            documents.keep(db, department.id, _organization(department.id, department.name, "dept", division.id), now_ms)
            documents.keep(db, department.service_id, _service(department), now_ms)
    for number, doctor in enumerate(DOCTORS, start=1001):
        documents.keep(db, doctor.id, _practitioner(doctor, number), now_ms)
        documents.keep(db, f"role-{doctor.key}", _role(doctor), now_ms)


def _organization(id: str, name: str, kind: str, parent: str | None) -> Json:
    body: Json = {
        "resourceType": "Organization",
        "identifier": [elements.identifier(wire.DEPARTMENT, id)],
        "active": True,
        "type": [elements.concept("http://terminology.hl7.org/CodeSystem/organization-type", kind, "医院" if kind == "prov" else "科室")],
        "name": name,
    }
    return body | ({"partOf": elements.reference("Organization", parent)} if parent else {})


def _service(department: staff.Department) -> Json:
    return {
        "resourceType": "HealthcareService",
        "active": True,
        "providedBy": elements.reference("Organization", department.id, department.name),
        "type": [elements.concept(wire.DEPARTMENT, department.id, department.name)],
        "name": department.name,
        "appointmentRequired": True,
    }


def _practitioner(doctor: staff.Doctor, number: int) -> Json:
    return {
        "resourceType": "Practitioner",
        "extension": [elements.extension(wire.GOOD_AT, "String", doctor.good_at)],
        "identifier": [elements.identifier(wire.STAFF, str(number))],
        "active": True,
        "name": [{"use": "official", "text": doctor.name, "family": doctor.name[0], "given": [doctor.name[1:]]}],
    }


def _role(doctor: staff.Doctor) -> Json:
    department = DEPARTMENTS[doctor.department]
    return {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": elements.reference("Practitioner", doctor.id, doctor.name),
        "organization": elements.reference("Organization", department.id, department.name),
        "code": [elements.concept(wire.TITLES, doctor.title, staff.TITLE_NAMES[doctor.title])],
        "healthcareService": [elements.reference("HealthcareService", department.service_id, department.name)],
    }


def _register(db: sqlite3.Connection, card: people.Card, now: datetime) -> None:
    person = registration.Person(
        id=card.id,
        person=min(card.id, *card.others) if card.others else card.id,
        name=card.name,
        id_number=card.id_number,
        card_no=f"K{card.id_number[6:10]}{card.id_number[14:17]}{'B' if card.id.endswith('-b') else ''}",
        phone=card.phone if card.known else None,
        address=card.address if card.known else None,
        ethnic_group="汉族" if card.known else None,
        married=card.married if card.known else None,
        guardian=card.guardian,
        linked=card.others,
    )
    registration.register(db, person, instants.ms(now))
    newest_ms = db.execute("SELECT max(start_ms) FROM his_encounter WHERE patient_id = ? AND class = 'AMB'", (card.id,)).fetchone()[0]
    if card.visits and (newest_ms is None or _is_stale(card, newest_ms, now)):
        for visit in card.visits:
            registration.record(db, card.id, _past(visit), now.date())


def _is_stale(card: people.Card, newest_ms: int, now: datetime) -> bool:
    due = card.visits[0].days_ago + _STALE_DAYS
    return card.kind in _RENEWED and instants.ms(now) - newest_ms > due * instants.DAY_MS


def _past(visit: people.Visit) -> registration.PastVisit:
    doctor = next(doctor for doctor in DOCTORS if doctor.key == visit.doctor)
    department = DEPARTMENTS[doctor.department]
    return registration.PastVisit(
        days_ago=visit.days_ago,
        practitioner_id=doctor.id,
        doctor_name=doctor.name,
        department_id=department.id,
        department_name=department.name,
        icd10=visit.icd10,
        diagnosis=visit.diagnosis,
    )


def _schedule(db: sqlite3.Connection, unit: units.Unit, now_ms: int) -> None:
    department = DEPARTMENTS[unit.doctor.department]
    version = 2 if unit.stopped else 1
    made = db.execute(
        "INSERT OR IGNORE INTO his_schedule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(unit.id, unit.doctor.id, unit.doctor.name, department.service_id, department.id, department.name),
            *(unit.on.isoformat(), unit.period, unit.doctor.visit_type, instants.ms(unit.starts_at), instants.ms(unit.ends_at)),
            *(version, now_ms),
        ),
    )
    if made.rowcount == 0:
        return
    for (start, end), sold in zip(unit.hours(), unit.sold, strict=True):
        db.execute(
            "INSERT INTO his_slot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(f"slot-{unit.id.removeprefix('sch-')}-{start:%H%M}", unit.id, instants.ms(start), instants.ms(end)),
                *(units.CAPACITY, sold, units.FEE_FEN, unit.stopped, version, now_ms),
            ),
        )
