"""处方 on the doctor's side: written, judged by the law's floors and the rational-drug review, withdrawn, or run out unused (D-3.1)."""

from datetime import timedelta
from uuid import UUID

import structlog
from temporalio import activity

from activities.steps import Guard, step
from gateways.his.port import HIS
from gateways.review.port import Review
from models.kernel.clock import business_day, end_of
from models.kernel.errors import DomainError, Unknown, known
from models.message import Template
from models.prescription import Amend, Extend, Prescription, PrescriptionEnded, PrescriptionState, Submit, Withdraw
from models.prescription_rules import breaches
from models.process import Alarm, Runs
from models.review import Level, Verdict
from models.revisit import PRESCRIBING, State
from models.stores import drug as drugs
from models.stores import notices
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import prescription_signing as signing
from models.stores import revisit as revisits

log = structlog.get_logger()
TRIES = 3
"""How often the rational-drug review is asked for an answer; then a person judges without it."""


class PrescriptionActivities:
    def __init__(self, guard: Guard[Prescription], his: HIS, review: Review, runs: Runs) -> None:
        self._guard, self._his, self._review, self._runs = guard, his, review, runs

    @activity.defn(name="prescription.load")
    async def load(self, prescription_id: UUID) -> Prescription:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await prescriptions.load(db, prescription_id)

    @step("prescription.amend")
    async def amend(self, now: Prescription, wish: Amend) -> Prescription:
        """Written anew: it is judged, reviewed and signed again. Raises `prescription.content`."""
        step = self._guard.step(now, "prescription.amend", wish)
        async with step.move(PrescriptionState.DRAFTING, content_id=wish.content_id, pharmacist_id=None, held_until=None) as db:
            if not await prescriptions.belongs(db, wish.content_id, now.id, wish.by):
                raise DomainError("prescription.content", "invalid")
        return step.row

    @step("prescription.submit")
    async def submit(self, now: Prescription, wish: Submit) -> Prescription:
        """The law's floors first, whatever the review would say; valid to the end of the day on which it was first submitted.

        Raises `prescription.visit_over`, `prescription.rounds_exhausted`, `prescription.rules` with what it breaks, `prescription.content`
        for words of somebody else, `sealed.broken`.
        """
        said = {"content_id": str(now.content_id)} | ({"note_id": str(wish.note_id)} if wish.note_id else {})
        step = self._guard.step(now, "prescription.submit", wish, **said)
        valid_until = now.valid_until or end_of(business_day(step.at))
        values = {"round": now.round + 1, "valid_until": valid_until, "due_at": valid_until, "wake_at": valid_until}
        async with step.move(PrescriptionState.CHECKING, **values) as db:
            visit = await revisits.facts(db, now.visit_id)
            if visit.state not in PRESCRIBING or (visit.state == State.ENDED and now.round == 0):
                raise DomainError("prescription.visit_over", "conflict")
            if now.round >= prescriptions.ROUNDS_MAX:
                raise DomainError("prescription.rounds_exhausted", "conflict", most=prescriptions.ROUNDS_MAX)
            if wish.note_id and not await prescriptions.noted(db, wish.note_id, now.id, wish.by):
                raise DomainError("prescription.content", "invalid")
            asked = (await prescriptions.content(db, now.content_id)).judged
            known_drugs = await drugs.catalogue(db, [item.drug_code for item in asked.items])
            window = (await policies.pinned(db, visit.policy)).rules.window_months
            broken = breaches(asked, known_drugs, await prescriptions.past_codes(db, now.visit_id, step.at, window))
            if broken:
                raise DomainError("prescription.rules", "invalid", findings=[one.model_dump(mode="json") for one in broken])
        return step.row

    @step("prescription.check")
    async def check(self, now: Prescription) -> Prescription:
        """合理用药. What it denies goes back to the doctor, and what it restricts (慎用) unless they have justified it; where it gives no
        answer what it said of the same content before stands, or a person judges without it, and is told so."""
        step = self._guard.step(now, "prescription.check")
        try:
            async with self._guard.database.reading() as db:
                facts, lines = await signing.to_review(db, now, business_day(step.at))
                verdict = await prescriptions.verdict(db, now.content_id)
                justified = await prescriptions.justification(db, now.id, now.content_id) is not None
        except DomainError as refused:
            async with step.move(PrescriptionState.DRAFTING, task_id=None, wake_at=now.due_at, reason=refused.code):
                return step.row
        async with step.fence():
            pass
        try:
            verdict = await self._review.check(now.content_id, facts, lines)
        except (DomainError, Unknown) as failure:
            if isinstance(failure, Unknown) and _attempt() < TRIES:
                raise
            log.error("review.no_answer", prescription_id=str(now.id), failure=type(failure).__name__)
        reason = _objection(verdict, justified=justified)
        to = PrescriptionState.DRAFTING if reason else PrescriptionState.SIGNING
        async with step.move(to, task_id=None, wake_at=now.due_at, reason=reason) as db:
            await prescriptions.reviewed(db, now.content_id, verdict)
        return step.row

    @step("prescription.extend")
    async def extend(self, now: Prescription, wish: Extend) -> Prescription:
        """Valid to the end of the second or third day, counted from the first (处方管理办法 art. 18 [C]); the HIS is told."""
        step = self._guard.step(now, "prescription.extend", wish, days=wish.days)
        async with step.fence() as db:
            first = business_day(await prescriptions.first_submitted_at(db, now.id))
        until = max(end_of(first + timedelta(days=wish.days - 1)), known(now.valid_until))
        if now.state is not PrescriptionState.QUEUED:
            async with step.asking():
                await self._his.extend_prescription(now.content_id, until)
        wake_at = min(known(now.wake_at), until) if now.state is PrescriptionState.QUEUED else until
        async with step.move(now.state, valid_until=until, due_at=until, wake_at=wake_at):
            return step.row

    @step("prescription.withdraw")
    async def withdraw(self, now: Prescription, why: Withdraw | Alarm) -> Prescription:
        """Taken back by its doctor, or never signed in its time."""
        step = self._guard.step(now, "prescription.withdraw", why)
        reason = "withdrawn" if isinstance(why, Withdraw) else "unsigned"
        async with step.move(PrescriptionState.WITHDRAWN, due_at=None, wake_at=None, reason=reason) as db:
            ended = await prescriptions.tell_visit(db, now.visit_id, now.id)
        await self._knock(now, ended)
        return step.row

    @step("prescription.expire")
    async def expire(self, now: Prescription) -> Prescription:
        """Its time is over and nobody approved or paid: it is not valid any more, and the patient is told."""
        step = self._guard.step(now, "prescription.expire")
        async with step.move(PrescriptionState.EXPIRED, due_at=None, wake_at=None, reason="expired") as db:
            await notices.tell_patient(db, now.visit_id, Template.PRESCRIPTION_EXPIRED, step.at, about=now.id)
            ended = await prescriptions.tell_visit(db, now.visit_id, now.id)
        await self._knock(now, ended)
        return step.row

    async def _knock(self, now: Prescription, ended: PrescriptionEnded | None) -> None:
        if ended:
            await self._runs.knock("revisit", now.visit_id, ended)


def _objection(verdict: Verdict | None, *, justified: bool) -> str | None:
    """Why the review lets it not be signed; None: it does."""
    if verdict is None:
        return None
    if verdict.level is Level.DENY:
        return "review.denied"
    return "review.restricted" if verdict.level is Level.RESTRICT and not justified else None


def _attempt() -> int:
    """Of this step; at a stand-in desk the last."""
    return activity.info().attempt if activity.in_activity() else TRIES
