"""The catalogue of drugs, and what people went home with from past visits."""

from datetime import date, datetime

from pydantic import ValidationError

from gateways.his import names
from gateways.his.resources import needed
from gateways.his.resources_drug import Dosage, Medication, MedicationRequest
from gateways.his.rest import FhirRest, parsed
from models.drug import Drug, DrugKind, Item, Special
from models.kernel.clock import SHANGHAI
from models.prescription_his import PastLine, PastPrescription


class Drugs:
    """`Medication`, and `MedicationRequest` of what is past."""

    _rest: FhirRest

    async def drugs(self, since: datetime | None = None) -> tuple[Drug, ...]:
        """`GET /Medication?_lastUpdated=ge…`, all pages; without `since` all of them. One unreadable drug fails the pull."""
        async with self._rest.pull("drugs") as call:
            asked = [("_lastUpdated", f"ge{instant(since)}")] if since else []
            found = [_drug(parsed(call, Medication, one)) for one in await self._rest.search(call, "Medication", *asked)]
            call.note(drugs=len(found))
            return tuple(found)

    async def past_prescriptions(self, his_ids: tuple[str, ...], since: date) -> tuple[PastPrescription, ...]:
        """`GET /MedicationRequest?patient=&status=completed&authoredon=ge…`: lines of one group are one prescription, newest first."""
        if not his_ids:
            return ()
        async with self._rest.call("past_prescriptions", records=len(his_ids)) as call:
            asked = (("patient", ",".join(his_ids)), ("status", "completed"), ("authoredon", f"ge{since.isoformat()}"))
            groups: dict[str, list[MedicationRequest]] = {}
            for one in await self._rest.search(call, "MedicationRequest", *asked):
                line = parsed(call, MedicationRequest, one)
                groups.setdefault(needed(line.group_identifier.value, "groupIdentifier"), []).append(line)
            call.note(prescriptions=len(groups))
            found = (_past(number, lines) for number, lines in groups.items())
            return tuple(sorted(found, key=lambda one: one.written_at, reverse=True))


def _drug(drug: Medication) -> Drug:
    def flag(url: str) -> bool:
        return drug.extended(url).value_boolean is True

    special = drug.extended(names.SPECIAL_CLASS).value_coding
    return Drug(
        code=drug.id,
        name=needed(drug.code.words, "Medication.code"),
        spec=needed(drug.extended(names.SPEC).value_string, "spec"),
        kind=DrugKind(needed(needed(drug.extended(names.DRUG_KIND).value_coding, "drugKind").code, "drugKind")),
        special=Special(needed(special.code, "specialClass")) if special else None,
        antimicrobial=flag(names.ANTIMICROBIAL),
        tuberculosis=flag(names.TUBERCULOSIS),
        injection=flag(names.INJECTION),
        self_injectable=flag(names.SELF_INJECTABLE),
        special_storage=flag(names.SPECIAL_STORAGE),
        online_allowed=needed(drug.extended(names.ONLINE_ALLOWED).value_boolean, "onlineAllowed"),
        stopped=drug.status != "active",
        pack_unit=needed(drug.amount.denominator.unit, "the pack's unit"),
        dose_unit=needed(drug.amount.numerator.unit, "the dose's unit"),
        doses_in_pack=drug.amount.numerator.value,
    )


def _past(number: str, lines: list[MedicationRequest]) -> PastPrescription:
    first = lines[0]
    reason = next(iter(first.reason_code), None)
    return PastPrescription(
        number=number,
        encounter_id=needed(first.encounter.id("Encounter"), "MedicationRequest.encounter"),
        written_at=needed(first.authored_on, "authoredOn"),
        doctor=(first.requester and first.requester.display) or "",
        diagnosis_code=reason.code(names.ICD_10) if reason else None,
        diagnosis_text=(reason and reason.words) or "",
        lines=tuple(_past_line(line) for line in sorted(lines, key=lambda line: line.id)),
    )


def _past_line(line: MedicationRequest) -> PastLine:
    dosage = next(iter(line.dosage_instruction), Dosage())
    return PastLine(
        drug_code=needed(line.medication_reference.id("Medication"), "medicationReference"),
        drug_name=line.medication_reference.display or "",
        words=dosage.text or "",
        item=item_of(line),
    )


def item_of(line: MedicationRequest) -> Item | None:
    """None when it says what we have no word for."""
    asked, dosage = line.dispense_request, next(iter(line.dosage_instruction), Dosage())
    dose = next((one.dose_quantity for one in dosage.dose_and_rate if one.dose_quantity), None)
    if dose is None or asked.quantity is None or asked.expected_supply_duration is None:
        return None
    told = {
        "drug_code": line.medication_reference.id("Medication"),
        "dose": dose.value,
        "frequency": dosage.timing.code.code(names.FREQUENCY),
        "route": dosage.route.code(names.ROUTE),
        "days": asked.expected_supply_duration.value,
        "packs": asked.quantity.value,
    }
    try:
        return Item.model_validate(told)
    except ValidationError:
        return None


def instant(at: datetime) -> str:
    """As the HIS's wire has it, to the millisecond."""
    return at.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
