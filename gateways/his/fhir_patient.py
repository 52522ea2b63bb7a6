"""Patients, their cards and their past visits."""

from datetime import date

from gateways.his import names
from gateways.his.resources import Condition, Encounter, Json, Patient, needed, words_of
from gateways.his.rest import FhirRest, parsed
from gateways.wire import Call
from models.eligibility import HisPatient, PastVisit, RegulatorField


class Patients:
    """`Patient`, `Encounter` and `Condition`."""

    _rest: FhirRest

    async def patient(self, id_number: str) -> HisPatient | None:
        """`POST /Patient/_search`: the ID number stands in the body, never in a URL."""
        async with self._rest.call("patient") as call:
            found = await self._rest.search_unseen(call, "Patient", ("identifier", f"{names.ID_NUMBER}|{id_number}"))
            records = [parsed(call, Patient, record) for record in found]
            return _joined(await self._linked(call, records)) if records else None

    async def complete_patient(self, his_id: str, *, phone: str | None, address: str | None) -> HisPatient:
        """Adds to the record, takes nothing away; refused `his.invalid` with the `element` that is wrong or still missing."""

        def complete(record: Json) -> Json | None:
            seen = Patient.model_validate(record)
            added: Json = {}
            if phone and phone not in _phones(seen):
                added["telecom"] = [*record.get("telecom", []), {"system": "phone", "value": phone, "use": "mobile"}]
            if address and address not in _addresses(seen):
                added["address"] = [*record.get("address", []), {"use": "home", "text": address}]
            return record | added if added else None

        async with self._rest.call("complete_patient") as call:
            return _joined(await self._linked(call, [await self._rest.change(call, Patient, his_id, complete)]))

    async def past_visits(self, his_ids: tuple[str, ...], since: date) -> tuple[PastVisit, ...]:
        """`GET /Encounter?patient=&class=AMB&status=finished&date=ge…&_include=Encounter:diagnosis`."""
        if not his_ids:
            return ()
        async with self._rest.call("past_visits", records=len(his_ids)) as call:
            query = [("patient", ",".join(his_ids)), ("class", "AMB"), ("status", "finished"), ("date", f"ge{since.isoformat()}")]
            found = await self._rest.search(call, "Encounter", *query, ("_include", "Encounter:diagnosis"))
            conditions = [parsed(call, Condition, one) for one in found if one.get("resourceType") == "Condition"]
            by_id = {condition.id: condition for condition in conditions}
            visits = [_visit(parsed(call, Encounter, one), by_id) for one in found if one.get("resourceType") == "Encounter"]
            call.note(visits=len(visits))
            return tuple(sorted(visits, key=lambda visit: visit.ended_at, reverse=True))

    async def _linked(self, call: Call, records: list[Patient]) -> list[Patient]:
        """The records and all that are tied to them by `link`: a card of old may lack the ID number that was searched for."""
        known = {record.id: record for record in records}
        ahead = list(records)
        while ahead:
            for link in ahead.pop().link:
                other = link.other.id("Patient")
                if other and other not in known:
                    known[other] = await self._rest.read(call, Patient, other)
                    ahead.append(known[other])
        return list(known.values())


def _joined(records: list[Patient]) -> HisPatient:
    """One person. The record to book with is one in use, and of those the most complete."""
    best_first = sorted(records, key=lambda record: (not record.active, _replaced(record), len(_missing([record]))))
    return HisPatient(
        ids=tuple(record.id for record in best_first),
        name=words_of(best_first[0].name),
        birth_on=best_first[0].birth_date,
        phones=tuple(sorted({phone for record in records for phone in _phones(record)})),
        missing=_missing(records),
    )


def _replaced(record: Patient) -> bool:
    return any(link.type == "replaced-by" for link in record.link)


def _missing(records: list[Patient]) -> tuple[RegulatorField, ...]:
    """Phone ⇐ Patient.telecom (system phone), address ⇐ Patient.address.text; one record that has it is enough."""
    phone = any(_phones(record) for record in records)
    address = any(_addresses(record) for record in records)
    return tuple(field for field, there in ((RegulatorField.PHONE, phone), (RegulatorField.ADDRESS, address)) if not there)


def _phones(record: Patient) -> set[str]:
    return {point.value for point in record.telecom if point.system == "phone" and point.value}


def _addresses(record: Patient) -> set[str]:
    return {address.text for address in record.address if address.text}


def _visit(encounter: Encounter, conditions: dict[str, Condition]) -> PastVisit:
    refs = [one.condition.id("Condition") for one in encounter.diagnosis]
    diagnoses = [conditions[ref].code for ref in refs if ref in conditions]
    return PastVisit(
        encounter_id=encounter.id,
        ended_at=needed(encounter.period.end or encounter.period.start, "Encounter.period"),
        department=needed(encounter.service_type.words, "Encounter.serviceType"),
        department_id=needed(encounter.service_type.code(names.DEPARTMENT), "Encounter.serviceType"),
        diagnosis_codes=tuple(code for diagnosis in diagnoses if (code := diagnosis.code(names.ICD_10))),
        diagnosis_texts=tuple(words for diagnosis in diagnoses if (words := diagnosis.words)),
    )
