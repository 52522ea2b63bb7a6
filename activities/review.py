"""审方: pharmacists take prescriptions from one queue, approve, question or reject them; a time-out never approves (D-3.1)."""

from datetime import timedelta

import structlog

from activities.signature import broken, queued
from activities.steps import Guard, Step, step
from models.account import Role
from models.kernel.errors import DomainError, known
from models.policy import Policy
from models.prescription import (
    Answer,
    Approve,
    ClaimReview,
    Prescription,
    PrescriptionState,
    Question,
    Reject,
    ReleaseReview,
)
from models.process import Command
from models.signature import Trusted
from models.stores import notices
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import revisit as revisits

log = structlog.get_logger()


class ReviewActivities:
    def __init__(self, guard: Guard[Prescription], trusted: Trusted) -> None:
        self._guard, self._trusted = guard, trusted

    @step("review.claim")
    async def claim(self, now: Prescription, wish: ClaimReview) -> Prescription:
        """Held for its pharmacist until it lapses; what another holds is taken over only by who says so. Taken over while its approval
        waits to be signed, it is unapproved.

        Raises `review.own` for the prescriber, `review.held`, `prescription.not_now` for who is to sign it.
        """
        step = self._guard.step(now, "review.claim", wish, take_over=wish.take_over)
        facts, policy = await self._facts(now)
        until = step.at + timedelta(seconds=policy.rules.review_hold_s)
        async with step.move(PrescriptionState.QUEUED, pharmacist_id=wish.by, held_until=until, **self._unapproved(step, policy)):
            if facts.account_id == wish.by:
                raise DomainError("review.own", "forbidden")
            if now.state is not PrescriptionState.QUEUED and facts.pharmacist_id == wish.by:
                raise DomainError("prescription.not_now", "conflict")
            held = facts.held_until is not None and facts.held_until > step.at and facts.pharmacist_id != wish.by
            if held and not wish.take_over:
                raise DomainError("review.held", "conflict")
        return step.row

    @step("review.release")
    async def release(self, now: Prescription, wish: ReleaseReview) -> Prescription:
        """Back into the queue, at its old place; an approval that is not signed is taken back. Raises `review.not_held`."""
        facts, policy = await self._facts(now)
        step = self._guard.step(now, "review.release", wish)
        async with step.move(PrescriptionState.QUEUED, pharmacist_id=None, held_until=None, **self._unapproved(step, policy)):
            _must_hold(facts, wish)
        return step.row

    @step("review.approve")
    async def approve(self, now: Prescription, wish: Approve) -> Prescription:
        """审方通过, of what its doctor signed; it counts with the pharmacist's signature, for which there is a time.

        Raises `review.not_held`, `review.own`, `signature.broken` where the doctor's signature does not prove: it may still be given back.
        """
        facts, policy = await self._facts(now)
        step = self._guard.step(now, "review.approve", wish)
        unproved = await broken(self._guard, now, self._trusted, "doctor")
        until = policy.approval_until(step.at, known(now.valid_until))
        values = {"task_id": None, "due_at": until, "wake_at": until, "held_until": until, "reason": None}
        async with step.move(PrescriptionState.COUNTERSIGNING, **values):
            _must_hold(facts, wish)
            if unproved:
                raise unproved
        return step.row

    @step("review.question")
    async def question(self, now: Prescription, wish: Question) -> Prescription:
        """The doctor is asked; the pharmacist's words are stored. Raises `review.not_held`."""
        facts, _ = await self._facts(now)
        step = self._guard.step(now, "review.question", wish, note_id=str(wish.note_id))
        async with step.move(PrescriptionState.QUESTIONED, note_id=wish.note_id) as db:
            _must_hold(facts, wish)
            await notices.tell_doctor(db, now.visit_id, step.at, about=now.id)
        return step.row

    @step("review.reject")
    async def reject(self, now: Prescription, wish: Reject) -> Prescription:
        """Given back with a remark; amended, it is reviewed and signed again. Raises `review.not_held`."""
        facts, _ = await self._facts(now)
        step = self._guard.step(now, "review.reject", wish, remark=wish.remark, note_id=str(wish.note_id))
        values = {"remark": wish.remark, "note_id": wish.note_id, "pharmacist_id": wish.by, "held_until": None}
        async with step.move(PrescriptionState.RETURNED, **values) as db:
            _must_hold(facts, wish)
            await notices.tell_doctor(db, now.visit_id, step.at, about=now.id)
        return step.row

    @step("review.answer")
    async def answer(self, now: Prescription, wish: Answer) -> Prescription:
        """The doctor has answered: back in the queue at its old place, for the pharmacist who asked as for any other."""
        step = self._guard.step(now, "review.answer", wish, note_id=str(wish.note_id))
        async with step.move(PrescriptionState.QUEUED, note_id=wish.note_id, held_until=None):
            return step.row

    @step("review.escalate")
    async def escalate(self, now: Prescription) -> Prescription:
        """It has waited long: the pharmacists are told, then the management, of all that waits and at most once in as long. Nothing is
        decided by time."""
        step = self._guard.step(now, "review.escalate")
        async with self._guard.database.reading() as db:
            facts = await prescriptions.facts(db, now.id)
            rules = (await policies.pinned(db, facts.policy)).rules
            told = await revisits.times_done(db, now.id, "review.escalate")
        pause = timedelta(seconds=rules.review_remind_s)
        next_at = step.at + pause
        wake_at = next_at if told == 0 and (now.due_at is None or next_at < now.due_at) else now.due_at
        async with step.move(now.state, wake_at=wake_at) as db:
            if now.state is PrescriptionState.QUEUED:
                office = Role.PHARMACIST if told == 0 else Role.MANAGEMENT
                await notices.tell_queue(db, now.visit_id, office, step.at, pause)
            else:
                await notices.tell_doctor(db, now.visit_id, step.at, about=now.id)
        log.warning("review.waits", prescription_id=str(now.id), state=now.state, told=told)
        return step.row

    async def _facts(self, now: Prescription) -> tuple[prescriptions.Facts, Policy]:
        async with self._guard.database.reading() as db:
            facts = await prescriptions.facts(db, now.id)
            return facts, await policies.pinned(db, facts.policy)

    def _unapproved(self, step: Step[Prescription], policy: Policy) -> dict[str, object]:
        """The queue's clocks again for what was approved; what stands in the queue keeps its own."""
        return queued(step, policy) if step.now.state is PrescriptionState.COUNTERSIGNING else {}


def _must_hold(facts: prescriptions.Facts, wish: Command) -> None:
    """Asked inside the move, of what was read before it, so that the same wish again finds that it was done."""
    if facts.account_id == wish.by:
        raise DomainError("review.own", "forbidden")
    if facts.pharmacist_id != wish.by or facts.held_until is None:
        raise DomainError("review.not_held", "conflict")
