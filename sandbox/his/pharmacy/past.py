"""What people went home with from past visits: written by the hospital's own doctors, paid and handed out long ago."""

import sqlite3
from dataclasses import asdict
from typing import Final

from sandbox.his.demo.drugs import TYPICAL

_HANDED_OUT_AFTER_MS: Final = 40 * 60_000


def fill(db: sqlite3.Connection) -> None:
    """Give each past visit whose diagnosis asks for one its prescription; what is there already is left as it is."""
    visits = db.execute(
        "SELECT visit.*, found.icd10, found.diagnosis FROM his_encounter AS visit "
        "JOIN his_condition AS found ON found.encounter_id = visit.id AND found.rank = 1 WHERE visit.class = 'AMB' "
        "AND NOT EXISTS (SELECT 1 FROM his_prescription WHERE encounter_id = visit.id)"
    ).fetchall()
    for visit in visits:
        doses = TYPICAL.get(visit["icd10"][:3], ())
        if not doses:
            continue
        key = visit["id"].removeprefix("enc-")
        db.execute(
            "INSERT INTO his_prescription (number, ours, patient_id, encounter_id, practitioner_id, doctor_name, icd10, diagnosis, "
            "authored_ms, prepared_ms, dispensed_ms) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(f"rx-{key}", visit["patient_id"], visit["id"], visit["practitioner_id"], visit["doctor_name"], visit["icd10"]),
                *(visit["diagnosis"], visit["end_ms"], visit["end_ms"] + _HANDED_OUT_AFTER_MS, visit["end_ms"] + _HANDED_OUT_AFTER_MS),
            ),
        )
        for rank, dose in enumerate(doses, start=1):
            db.execute(
                "INSERT INTO his_prescription_line (id, number, rank, drug_id, status, dose, frequency, route, days, packs, updated_ms) "
                "VALUES (:id, :number, :rank, :drug, 'completed', :dose, :frequency, :route, :days, :packs, :at)",
                asdict(dose)
                | {"id": f"mr-{key}-{rank}", "number": f"rx-{key}", "rank": rank, "dose": str(dose.dose)}
                | {"at": visit["end_ms"] + _HANDED_OUT_AFTER_MS},
            )
