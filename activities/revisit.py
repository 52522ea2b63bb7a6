"""The visit's own steps: loaded, ended, closed."""

from uuid import UUID

from temporalio import activity

from activities.steps import Guard, step
from gateways.his.port import HIS
from models.kernel.errors import DomainError, known
from models.message import Template
from models.prescription import PrescriptionEnded
from models.revisit import End, Revisit, State
from models.stores import booking as bookings
from models.stores import notices
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import record as records
from models.stores import revisit as revisits
from models.stores import survey as surveys


class RevisitActivities:
    def __init__(self, guard: Guard[Revisit], his: HIS) -> None:
        self._guard, self._his = guard, his

    @activity.defn(name="revisit.load")
    async def load(self, revisit_id: UUID) -> Revisit:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await revisits.load(db, revisit_id)

    @step("revisit.end")
    async def end(self, now: Revisit, wish: End) -> Revisit:
        """结束问诊: needs the patient in the room, a record signed as it stands, with a diagnosis, and no prescription unsigned.

        Signed is enough: that the HIS has the record is nobody's wait, neither the end's nor the close's. The patient is asked for the
        满意度调查, by the one message of the end.
        Raises `revisit.not_entered`, `record.missing`, `record.not_signed`, `prescription.unsigned`.
        """
        step = self._guard.step(now, "revisit.end", wish)
        async with step.fence() as db:
            if not now.entered:
                raise DomainError("revisit.not_entered", "conflict")
            record = await records.of_revisit(db, now.id)
            if record is None:
                raise DomainError("record.missing", "conflict")
            if not await records.signed(db, now.id, record[0]):
                raise DomainError("record.not_signed", "conflict")
            if await prescriptions.unsigned(db, now.id):
                raise DomainError("prescription.unsigned", "conflict")
            visit = await revisits.facts(db, now.id)
            survey_until = (await policies.pinned(db, visit.policy)).survey_until(step.at)
            waits = await prescriptions.running(db, now.id)
        async with step.asking():
            await self._his.finish_encounter(known(visit.encounter_id), step.at)
        async with step.move(State.ENDED, ended_at=step.at, waits=waits, due_at=survey_until, wake_at=survey_until) as db:
            await bookings.fulfil(db, known(now.claim_id))
            doctor_id, department_id = known(visit.doctor_id), known(visit.department_id)
            await surveys.ask(db, now.id, doctor_id=doctor_id, department_id=department_id, at=step.at, due_at=survey_until)
            await notices.tell_patient(db, now.id, Template.REVISIT_ENDED, step.at)
        return step.row

    @step("revisit.close")
    async def close(self, now: Revisit, ended: PrescriptionEnded | None) -> Revisit:
        """Closed once all of its prescriptions are at their end, each of which tells its own, unless its survey is open."""
        step = self._guard.step(now, "revisit.close", ended)
        async with self._guard.database.reading() as db:
            waits = await prescriptions.running(db, now.id)
        async with step.move(State.ENDED if waits or now.surveyed else State.CLOSED, waits=waits):
            pass
        return step.row
