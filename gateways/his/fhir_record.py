"""A signed record of ours at the HIS: a Composition, and a Provenance with the doctor's signature [4b]."""

from html import escape
from typing import Final

from gateways.his import names
from gateways.his.fhir_drug import instant
from gateways.his.resources import Composition, Json
from gateways.his.rest import FhirRest, parsed
from gateways.his.signing import signature_of
from models.kernel.errors import DomainError
from models.record import WrittenRecord

TITLE: Final = "互联网医院复诊病历"
_DIAGNOSIS: Final = "diagnosis"


class Records:
    """`Composition` under the number of its signing, as 32 hex digits. A later one of the same visit replaces the one before it."""

    _rest: FhirRest

    async def write_record(self, written: WrittenRecord) -> None:
        """Both creates are conditional: made now, or the first ones made under this number."""
        number = written.number.hex
        async with self._rest.call("write_record", record_no=number, encounter_id=written.encounter_id) as call:
            made = await self._rest.create_unless(call, _composition(written), ("identifier", f"{names.RECORD}|{number}"))
            kept = parsed(call, Composition, made)
            if kept.encounter.id("Encounter") != written.encounter_id:
                raise DomainError("his.record-differs", "conflict")
            call.note(composition_id=kept.id)
            await self._rest.create_unless(call, _provenance(written, kept.id), ("target", f"Composition/{kept.id}"))


def _composition(written: WrittenRecord) -> Json:
    """FHIR R4 has one identifier of a Composition, not a list. What it replaces is named by our number: it may come later than this one."""
    doctor: Json = {"reference": f"Practitioner/{written.practitioner_id}"}
    patient: Json = {"reference": f"Patient/{written.his_patient_id}"}
    record = written.record
    diagnosis = {"coding": [{"system": names.ICD_10, "code": record.diagnosis_code}], "text": record.diagnosis_text}
    resource: Json = {
        "resourceType": "Composition",
        "contained": [{"resourceType": "Condition", "id": _DIAGNOSIS, "subject": patient, "code": diagnosis}],
        "identifier": {"system": names.RECORD, "value": written.number.hex},
        "status": "amended" if written.replaces else "final",
        "type": {"coding": [{"system": names.LOINC, "code": names.OUTPATIENT_NOTE}], "text": "门诊病历"},
        "subject": patient,
        "encounter": {"reference": f"Encounter/{written.encounter_id}"},
        "date": instant(written.written_at),
        "author": [doctor],
        "title": TITLE,
        "attester": [{"mode": "legal", "time": instant(written.signature.signed_at), "party": doctor}],
        "section": [
            _section("主诉", names.COMPLAINT, record.content.complaint),
            _section("现病史", names.HISTORY, record.content.history),
            _section("诊断", names.DIAGNOSIS, record.diagnosis_text) | {"entry": [{"reference": f"#{_DIAGNOSIS}"}]},
            _section("处理意见", names.PLAN, record.content.advice),
        ],
    }
    if written.replaces:
        replaced = {"system": names.RECORD, "value": written.replaces.hex}
        resource["relatesTo"] = [{"code": "replaces", "targetIdentifier": replaced}]
    return resource


def _section(title: str, code: str, text: str) -> Json:
    """Words as XHTML: nothing in them is markup."""
    lines = escape(text, quote=False).replace("\n", "<br/>")
    narrative = {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{lines}</div>'}
    return {"title": title, "code": {"coding": [{"system": names.LOINC, "code": code}]}, "text": narrative}


def _provenance(written: WrittenRecord, composition_id: str) -> Json:
    doctor: Json = {"reference": f"Practitioner/{written.practitioner_id}"}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"Composition/{composition_id}"}],
        "recorded": instant(written.signature.signed_at),
        "agent": [{"who": doctor}],
        "signature": [signature_of(names.AUTHOR, doctor, written.signature)],
    }
