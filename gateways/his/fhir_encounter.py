"""接诊, 结束 and 退诊: the online encounter under our visit's number."""

from datetime import datetime
from uuid import UUID

from gateways.his import names
from gateways.his.resources import Encounter, Json
from gateways.his.rest import FhirRest, parsed
from models.kernel.clock import SHANGHAI
from models.kernel.errors import Unknown


class Encounters:
    """`Encounter` of class VR."""

    _rest: FhirRest

    async def begin_encounter(self, visit_id: UUID, appointment_id: str, his_patient_id: str, practitioner_id: str, at: datetime) -> str:
        """`POST /Encounter` `in-progress`, conditional on our visit's number; refused `his.not-booked` unless checked in."""
        begun: Json = {
            "resourceType": "Encounter",
            "status": "in-progress",
            "class": {"system": names.ACT_CODE, "code": "VR"},
            "subject": {"reference": f"Patient/{his_patient_id}"},
            "appointment": [{"reference": f"Appointment/{appointment_id}"}],
            "participant": [{"individual": {"reference": f"Practitioner/{practitioner_id}"}}],
            "period": {"start": _instant(at)},
        }
        async with self._rest.call("begin_encounter", visit_no=visit_id.hex, appointment_id=appointment_id) as call:
            encounter = parsed(call, Encounter, await self._rest.create(call, begun, names.VISIT, visit_id.hex))
            call.note(encounter_id=encounter.id)
            return encounter.id

    async def finish_encounter(self, encounter_id: str, at: datetime) -> None:
        """`PUT /Encounter` `finished`; the appointment becomes `fulfilled`."""
        await self._end("finish_encounter", encounter_id, "finished", at)

    async def cancel_encounter(self, encounter_id: str, at: datetime) -> None:
        """`PUT /Encounter` `cancelled` (Encounter.status of FHIR R4 [C]); the appointment stays as it is."""
        await self._end("cancel_encounter", encounter_id, "cancelled", at)

    async def _end(self, name: str, encounter_id: str, status: str, at: datetime) -> None:
        def edit(found: Json) -> Json | None:
            if found.get("status") == status:
                return None
            return found | {"status": status, "period": found.get("period", {}) | {"end": _instant(at)}}

        async with self._rest.call(name, encounter_id=encounter_id) as call:
            encounter = await self._rest.change(call, Encounter, encounter_id, edit)
            if encounter.status != status:
                raise Unknown(f"asked for {status}, answered {encounter.status}")


def _instant(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
