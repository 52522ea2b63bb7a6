"""MedicationRequest and MedicationDispense, one of each a line, and what a client may write into the first."""

import sqlite3
from decimal import Decimal
from typing import Final

from sandbox.his import elements, instants, wire
from sandbox.his.elements import Json

FREQUENCY_NAMES: Final = {
    "qd": "每日一次",
    "bid": "每日两次",
    "tid": "每日三次",
    "qid": "每日四次",
    "q12h": "每12小时一次",
    "q8h": "每8小时一次",
    "qn": "每晚一次",
    "qod": "隔日一次",
    "qw": "每周一次",
    "prn": "必要时",
}
ROUTE_NAMES: Final = {
    "oral": "口服",
    "inhaled": "吸入",
    "sublingual": "舌下含服",
    "topical": "外用",
    "nasal": "鼻腔给药",
    "subcutaneous": "皮下注射",
    "decoction": "煎服",
}


def medication_request(row: sqlite3.Row) -> Json:
    """The resource of a row of `his_prescription_line_now`."""
    resource: Json = {
        "resourceType": "MedicationRequest",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
    }
    if row["line_no"]:
        resource["identifier"] = [elements.identifier(wire.PRESCRIPTION_LINE, row["line_no"])]
    dispense: Json = {
        "quantity": {"value": row["packs"], "unit": row["pack_unit"]},
        "expectedSupplyDuration": {"value": row["days"], "unit": "天", "system": wire.UCUM, "code": "d"},
    }
    if row["valid_until_ms"] is not None:
        dispense["validityPeriod"] = {"end": instants.instant(row["valid_until_ms"])}
    resource |= {
        "status": row["status"],
        "intent": "order",
        "medicationReference": elements.reference("Medication", row["drug_id"], row["drug_name"]),
        "subject": elements.reference("Patient", row["patient_id"], row["patient_name"]),
        "encounter": elements.reference("Encounter", row["encounter_id"]),
        "authoredOn": instants.instant(row["authored_ms"]),
        "requester": elements.reference("Practitioner", row["practitioner_id"], row["doctor_name"]),
        "reasonCode": [elements.concept(wire.ICD_10, row["icd10"], row["diagnosis"])],
        "groupIdentifier": elements.identifier(wire.PRESCRIPTION if row["our_no"] else wire.OWN_PRESCRIPTION, row["number"]),
        "dosageInstruction": [_dosage(row)],
        "dispenseRequest": dispense,
    }
    if row["note"]:
        resource["note"] = [{"text": row["note"]}]
    return resource


def medication_dispense(row: sqlite3.Row) -> Json:
    """The resource of a row of `his_dispense`."""
    of = elements.reference("MedicationRequest", row["line_id"])
    if row["line_no"]:
        of["identifier"] = elements.identifier(wire.PRESCRIPTION_LINE, row["line_no"])
    resource: Json = {
        "resourceType": "MedicationDispense",
        "id": row["id"],
        "meta": elements.meta(row["version"], row["updated_ms"]),
        "status": row["status"],
    }
    if row["status"] == "stopped":
        resource["statusReasonCodeableConcept"] = {"text": "药房已确认退药"}
    resource |= {
        "medicationReference": elements.reference("Medication", row["drug_id"], row["drug_name"]),
        "subject": elements.reference("Patient", row["patient_id"], row["patient_name"]),
        "context": elements.reference("Encounter", row["encounter_id"]),
        "authorizingPrescription": [of],
        "quantity": {"value": row["packs"], "unit": row["pack_unit"]},
        "whenPrepared": instants.instant(row["prepared_ms"]),
    }
    if row["dispensed_ms"] is not None:
        resource["whenHandedOver"] = instants.instant(row["dispensed_ms"])
    return resource


def number(text: str) -> int | float:
    """A quantity as JSON has it: the books keep its exact text."""
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _dosage(row: sqlite3.Row) -> Json:
    frequency, route = row["frequency"], row["route"]
    words = f"每次{number(row['dose'])}{row['dose_unit']} {FREQUENCY_NAMES[frequency]} {ROUTE_NAMES[route]}"
    dosage: Json = {
        "text": words,
        "timing": {"code": elements.concept(wire.FREQUENCIES, frequency, FREQUENCY_NAMES[frequency])},
        "route": elements.concept(wire.ROUTES, route, ROUTE_NAMES[route]),
        "doseAndRate": [{"doseQuantity": {"value": number(row["dose"]), "unit": row["dose_unit"]}}],
    }
    return dosage | ({"asNeededBoolean": True} if frequency == "prn" else {})
