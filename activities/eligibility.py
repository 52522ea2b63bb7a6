"""May this person revisit online: asked of the HIS, judged by the rule (P-2.1)."""

from datetime import datetime, timedelta
from uuid import UUID

from temporalio import activity

from activities.steps import Guard, outside, step
from gateways.his.port import HIS
from models.eligibility import HisPatient, PastVisit, Refusal, counts, judge
from models.kernel.errors import DomainError
from models.prescription_his import PastPrescription
from models.refill import Look, PastPrescriptions, judge_refill
from models.revisit import Complete, Relate, Revisit, State
from models.stores import drug as catalogue
from models.stores import patient as patients
from models.stores import policy as policies
from models.stores import refill as refills
from models.stores import revisit as revisits
from models.stores.revisit import Facts

LOOK_BACK = timedelta(days=3 * 365)
"""How far past visits are read, so that one out of the window can be named as such."""


class EligibilityActivities:
    """The booking gate. Reads at the HIS need no fence: they leave nothing there."""

    def __init__(self, guard: Guard[Revisit], his: HIS) -> None:
        self._guard, self._his = guard, his

    @step("eligibility.check")
    async def check(self, now: Revisit) -> Revisit:
        """Refusal is an outcome here, since nobody waits for an answer."""
        step = self._guard.step(now, "eligibility.check")
        async with self._guard.database.reading() as db:
            visit = await revisits.facts(db, now.id)
        try:
            told = await self._ask(visit.patient_id, step.at, prescriptions=visit.past_prescription is not None)
            verdict = await self._judge(visit, told, step.at)
        except DomainError:
            told, verdict = PastPrescriptions(patient=None), Refusal.NOT_CHECKED
        if isinstance(verdict, Refusal) or told.patient is None:
            async with step.move(State.REFUSED, refusal=verdict, due_at=None, wake_at=None):
                return step.row
        person = told.patient
        found = {"his_patient_id": person.ids[0], "past_encounter_id": verdict.encounter_id, "missing": list(person.missing)}
        async with step.move(_after(person), **found) as db:
            await revisits.keep_past_visits(db, now.id, told.visits)
            await patients.keep_his_ids(db, visit.patient_id, person.ids)
            if past := _chosen(told, visit.past_prescription):
                await refills.remember(db, now.id, past)
        return step.row

    @activity.defn(name="eligibility.look")
    async def look(self, wish: Look) -> None:
        """A person's past prescriptions as the HIS has them now, kept for the screen that asked. Done again it looks again."""
        at = self._guard.clock()
        told = await self._ask(wish.patient_id, at, prescriptions=True)
        async with self._guard.database.transaction() as db:
            await refills.keep(db, wish.patient_id, told, at)

    async def _ask(self, patient_id: UUID, at: datetime, *, prescriptions: bool) -> PastPrescriptions:
        """The person of that number, if the name is theirs too, with what is past. Raises what the port raises."""
        async with self._guard.database.reading() as db:
            id_number, name = await patients.id_number(db, patient_id), await patients.name(db, patient_id)
        async with outside():
            person = await self._his.patient(id_number)
            if person is None or person.name != name:
                return PastPrescriptions(patient=None)
            since = (at - LOOK_BACK).date()
            visits = await self._his.past_visits(person.ids, since)
            written = await self._his.past_prescriptions(person.ids, since) if prescriptions else ()
        return PastPrescriptions(patient=person, visits=visits, prescriptions=written)

    async def _judge(self, visit: Facts, told: PastPrescriptions, at: datetime) -> PastVisit | Refusal:
        async with self._guard.database.reading() as db:
            months = (await policies.pinned(db, visit.policy)).rules.window_months
            if visit.past_prescription is None:
                return judge(told.patient, told.visits, visit.past_encounter_id, at, months)
            past = _chosen(told, visit.past_prescription)
            drugs = await catalogue.catalogue(db, [line.drug_code for line in past.lines]) if past else {}
        return judge_refill(told, visit.past_prescription, drugs, at, months)

    @step("eligibility.relate")
    async def relate(self, now: Revisit, wish: Relate) -> Revisit:
        """关联既往就诊: one of the visits that the check found, judged by the same rule. Raises `eligibility.<refusal>`."""
        step = self._guard.step(now, "eligibility.relate", wish)
        async with step.move(now.state, past_encounter_id=wish.past_encounter_id) as db:
            visit = await revisits.facts(db, now.id)
            rules = (await policies.pinned(db, visit.policy)).rules
            past = await revisits.past_visits(db, now.id)
            chosen = next((one for one in past if one.encounter_id == wish.past_encounter_id), None)
            if chosen is None:
                raise DomainError("eligibility.not_theirs", "invalid")
            if not counts(chosen, step.at, rules.window_months):
                raise DomainError("eligibility.out_of_window", "conflict")
        return step.row

    @step("eligibility.complete")
    async def complete(self, now: Revisit, wish: Complete) -> Revisit:
        """Sends what the patient supplied to the HIS; what is still missing is named again."""
        step = self._guard.step(now, "eligibility.complete", wish)
        async with step.fence() as db:
            visit = await revisits.facts(db, now.id)
            phone, address = await patients.supplement(db, wish.supplement_id, visit.patient_id)
        async with step.asking():
            person = await self._his.complete_patient(visit.his_patient_id, phone=phone, address=address)
        async with step.move(_after(person), missing=list(person.missing)):
            pass
        return step.row


def _after(person: HisPatient) -> State:
    return State.COMPLETING if person.missing else State.CONSENTING


def _chosen(told: PastPrescriptions, number: str | None) -> PastPrescription | None:
    return next((one for one in told.prescriptions if one.number == number), None)
