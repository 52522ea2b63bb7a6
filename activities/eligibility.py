"""May this person revisit online: asked of the HIS, judged by the rule (P-2.1)."""

from datetime import timedelta

from activities.steps import Guard, step
from gateways.his.port import HIS
from models.eligibility import HisPatient, Refusal, counts, judge
from models.kernel.errors import DomainError
from models.revisit import Complete, Relate, Revisit, State
from models.stores import patient as patients
from models.stores import policy as policies
from models.stores import revisit as revisits

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
            rules = (await policies.pinned(db, visit.policy)).rules
            id_number, name = await patients.id_number(db, visit.patient_id), await patients.name(db, visit.patient_id)
        try:
            person = await self._his.patient(id_number)
            if person is not None and person.name != name:
                person = None
            past = await self._his.past_visits(person.ids, (step.at - LOOK_BACK).date()) if person else ()
            verdict = judge(person, past, visit.past_encounter_id, step.at, rules.window_months)
        except DomainError:
            person, past, verdict = None, (), Refusal.NOT_CHECKED
        if isinstance(verdict, Refusal) or person is None:
            async with step.move(State.REFUSED, refusal=verdict, due_at=None, wake_at=None):
                return step.row
        found = {"his_patient_id": person.ids[0], "past_encounter_id": verdict.encounter_id, "missing": list(person.missing)}
        async with step.move(_after(person), **found) as db:
            await revisits.keep_past_visits(db, now.id, past)
            await patients.keep_his_ids(db, visit.patient_id, person.ids)
        return step.row

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
