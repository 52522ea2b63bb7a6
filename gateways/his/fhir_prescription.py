"""A prescription of ours at the HIS: written with both signatures, priced there, paid, dispensed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateways.his import names
from gateways.his.fhir_drug import instant, item_of
from gateways.his.resources import Invoice, Json, needed
from gateways.his.resources_drug import MedicationDispense, MedicationRequest
from gateways.his.rest import FhirRest, parsed
from gateways.his.signing import signature_of
from gateways.wire import Call
from models.charge import Bill
from models.drug import Dispense, Dispensing, Frequency
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import Filing, HisPrescription, Written, WrittenLine

_DISPENSED = {"completed": Dispensing.HANDED_OUT, "stopped": Dispensing.HANDED_OUT, "in-progress": Dispensing.PREPARED}
"""Drugs that came back to the pharmacy (`stopped`) were handed out: that the HIS lets go of their money now, its `$reverse` says."""


class Prescriptions:
    """`MedicationRequest` a line, `Provenance` and `MedicationDispense`. Numbers are ids as 32 hex digits."""

    _rest: FhirRest

    async def write_prescription(self, written: Written) -> None:
        """Each line `on-hold` under its number, the signatures, then each line `active`; whatever is done already is left as it is.

        Refused after some lines, those stand there `on-hold`, priced and dispensed by nobody; `cancel_prescription` clears them.
        """
        number = written.number.hex
        async with self._rest.call("write_prescription", prescription_no=number, lines=len(written.lines)) as call:
            lines = [await self._line(call, written, line, at) for at, line in enumerate(written.lines, start=1)]
            if any(line.status == Filing.CANCELLED for line in lines):
                raise DomainError("his.prescription-cancelled", "conflict")
            if all(line.status != Filing.ON_HOLD for line in lines):
                return
            await self._rest.create_unless(call, _provenance(written, lines), ("target", f"MedicationRequest/{lines[0].id}"))
            for line in lines:
                changed = await self._rest.change(call, MedicationRequest, line.id, _activated)
                if changed.status not in {Filing.ACTIVE, Filing.COMPLETED}:
                    raise Unknown(f"asked for active, answered {changed.status}")

    async def find_prescription(self, number: UUID) -> HisPrescription | None:
        """`GET /MedicationRequest?group-identifier=` and its bill; None when the HIS has no line of it."""
        async with self._rest.call("find_prescription", prescription_no=number.hex) as call:
            lines = await self._lines(call, number)
            return HisPrescription(filing=_filing(lines), bill=await self._bill(call, number)) if lines else None

    async def price(self, number: UUID) -> Bill:
        """`GET /Invoice?identifier=<our prescription>`; `Unknown` while the HIS has not priced it."""
        async with self._rest.call("price", prescription_no=number.hex) as call:
            return needed(await self._bill(call, number), "the bill of the prescription")

    async def extend_prescription(self, number: UUID, valid_until: datetime) -> None:
        """A later end of its validity, told by its first line and true for all; refused `his.prescription-expired`, `his.invalid`."""
        end = instant(valid_until)

        def extend(found: Json) -> Json | None:
            asked: Json = found.get("dispenseRequest", {})
            return None if _until(found) == valid_until else found | {"dispenseRequest": asked | {"validityPeriod": {"end": end}}}

        async with self._rest.call("extend_prescription", prescription_no=number.hex) as call:
            lines = await self._lines(call, number)
            if not lines:
                raise DomainError("his.not-found", "conflict")
            if _filing(lines) is Filing.CANCELLED:
                raise DomainError("his.prescription-cancelled", "conflict")
            await self._rest.change(call, MedicationRequest, lines[0].id, extend)

    async def cancel_prescription(self, number: UUID) -> None:
        """`PUT` status `cancelled`, which the HIS makes true for all its lines and its bill; of what it has not, nothing is left to do."""

        def cancel(found: Json) -> Json | None:
            return None if found.get("status") == Filing.CANCELLED else found | {"status": Filing.CANCELLED.value}

        async with self._rest.call("cancel_prescription", prescription_no=number.hex) as call:
            for line in await self._lines(call, number):
                if line.status != Filing.CANCELLED:
                    await self._rest.change(call, MedicationRequest, line.id, cancel)

    async def dispensed(self, number: UUID) -> Dispense | None:
        """`GET /MedicationDispense?prescription=<its lines>`, and before that its bill: how far cash desk and pharmacy are."""
        async with self._rest.call("dispensed", prescription_no=number.hex) as call:
            lines = await self._lines(call, number)
            if not lines:
                return None
            asked = ",".join(f"MedicationRequest/{line.id}" for line in lines)
            found = await self._rest.search(call, "MedicationDispense", ("prescription", asked))
            acts = [parsed(call, MedicationDispense, one) for one in found]
            states = {_DISPENSED.get(act.status) for act in acts}
            if len(acts) == len(lines) and states == {Dispensing.HANDED_OUT}:
                return Dispense(state=Dispensing.HANDED_OUT, at=max(needed(act.when_handed_over, "whenHandedOver") for act in acts))
            if len(acts) == len(lines) and None not in states:
                return Dispense(state=Dispensing.PREPARED, at=max(needed(act.when_prepared, "whenPrepared") for act in acts))
            return await self._paid(call, number)

    async def _paid(self, call: Call, number: UUID) -> Dispense:
        bills = await self._rest.find(call, "Invoice", names.PRESCRIPTION, number.hex)
        bill = parsed(call, Invoice, bills[0]) if bills else None
        if bill is None or bill.status != "balanced":
            return Dispense(state=Dispensing.UNPAID)
        return Dispense(state=Dispensing.PAID, at=bill.meta.last_updated)

    async def _bill(self, call: Call, number: UUID) -> Bill | None:
        found = await self._rest.find(call, "Invoice", names.PRESCRIPTION, number.hex)
        if not found:
            return None
        bill = parsed(call, Invoice, found[0])
        call.note(invoice_id=bill.id, invoice_status=bill.status)
        return Bill(invoice_id=bill.id, amount_fen=bill.total_gross.fen, open=bill.status == "issued", paid=bill.status == "balanced")

    async def _lines(self, call: Call, number: UUID) -> list[MedicationRequest]:
        """Our own lines alone: a server may ignore a parameter that it does not know."""
        try:
            found = await self._rest.search(call, "MedicationRequest", ("group-identifier", f"{names.PRESCRIPTION}|{number.hex}"))
        except DomainError as refused:
            raise Unknown(f"asked, and answered {refused.code}") from refused
        lines = [parsed(call, MedicationRequest, one) for one in found]
        return [line for line in lines if (line.group_identifier.system, line.group_identifier.value) == (names.PRESCRIPTION, number.hex)]

    async def _line(self, call: Call, written: Written, line: WrittenLine, at: int) -> MedicationRequest:
        made = await self._rest.create(call, _request(written, line), names.PRESCRIPTION_LINE, f"{written.number.hex}-{at}")
        kept = parsed(call, MedicationRequest, made)
        if item_of(kept) != line.item or kept.encounter.id("Encounter") != written.encounter_id:
            raise DomainError("his.prescription-differs", "conflict", line=at)
        return kept


def _filing(lines: Sequence[MedicationRequest]) -> Filing:
    """Of the whole: as little as the least of its lines."""
    states = {line.status for line in lines}
    for state in (Filing.CANCELLED, Filing.ON_HOLD, Filing.ACTIVE):
        if state in states:
            return state
    if states == {Filing.COMPLETED.value}:
        return Filing.COMPLETED
    raise Unknown(f"lines that are {', '.join(sorted(states))}")


def _request(written: Written, line: WrittenLine) -> Json:
    item, drug = line.item, line.drug
    reason = {"coding": [{"system": names.ICD_10, "code": written.diagnosis_code}], "text": written.diagnosis_text}
    resource: Json = {
        "resourceType": "MedicationRequest",
        "status": Filing.ON_HOLD.value,
        "intent": "order",
        "medicationReference": {"reference": f"Medication/{item.drug_code}", "display": drug.name},
        "subject": {"reference": f"Patient/{written.his_patient_id}"},
        "encounter": {"reference": f"Encounter/{written.encounter_id}"},
        "authoredOn": instant(written.written_at),
        "requester": {"reference": f"Practitioner/{written.practitioner_id}"},
        "reasonCode": [reason],
        "groupIdentifier": {"system": names.PRESCRIPTION, "value": written.number.hex},
        "dosageInstruction": [
            {
                "timing": {"code": {"coding": [{"system": names.FREQUENCY, "code": item.frequency.value}]}},
                "route": {"coding": [{"system": names.ROUTE, "code": item.route.value}]},
                "doseAndRate": [{"doseQuantity": {"value": item.dose, "unit": drug.dose_unit}}],
            }
            | ({"asNeededBoolean": True} if item.frequency is Frequency.PRN else {})
        ],
        "dispenseRequest": {
            "validityPeriod": {"end": instant(written.valid_until)},
            "quantity": {"value": item.packs, "unit": drug.pack_unit},
            "expectedSupplyDuration": {"value": item.days, "unit": "天", "system": names.UCUM, "code": "d"},
        },
    }
    return resource | ({"note": [{"text": written.note}]} if written.note else {})


def _activated(found: Json) -> Json | None:
    return None if found.get("status") in {Filing.ACTIVE, Filing.COMPLETED} else found | {"status": Filing.ACTIVE.value}


def _provenance(written: Written, lines: Sequence[MedicationRequest]) -> Json:
    doctor: Json = {"reference": f"Practitioner/{written.practitioner_id}"}
    pharmacist: Json = {"identifier": {"system": names.STAFF, "value": written.pharmacist_id}}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"MedicationRequest/{line.id}"} for line in lines],
        "recorded": instant(written.by_pharmacist.signed_at),
        "agent": [{"who": doctor}, {"who": pharmacist}],
        "signature": [
            signature_of(names.AUTHOR, doctor, written.by_doctor),
            signature_of(names.VERIFICATION, pharmacist, written.by_pharmacist),
        ],
    }


def _until(found: Json) -> datetime | None:
    return MedicationRequest.model_validate(found).dispense_request.validity_period.end
