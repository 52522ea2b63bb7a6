"""电子签名 on a prescription: the doctor's, then the pharmacist's; each confirmed on the signer's own phone and proved here (D-6.1)."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from activities.steps import Guard, Step, step
from gateways.signature.port import SignatureService
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.prescription import Prescription, PrescriptionState, SignatureReported
from models.process import Alarm
from models.revisit import PRESCRIBING
from models.signature import Signature, SignatureTask, TaskState, Trusted, verify
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import prescription_signing as signing
from models.stores import revisit as revisits
from models.stores import signature as signatures

_S = PrescriptionState
_ASKED_AGAIN = timedelta(seconds=5)
_SKEW = timedelta(seconds=60)
"""By how much the CA's clock and ours may differ."""
UNTIMELY = "signature.untimely"
TITLES = {_S.SIGNING: "处方签名", _S.COUNTERSIGNING: "审方签名"}
log = structlog.get_logger()


class SignatureActivities:
    """Nothing counts that cannot be proved from what is stored: text, signature, certificate."""

    def __init__(self, guard: Guard[Prescription], service: SignatureService, trusted: Trusted) -> None:
        self._guard, self._service, self._trusted = guard, service, trusted

    @step("signature.request")
    async def request(self, now: Prescription) -> Prescription:
        """The text is kept first, then its signer is asked, under one number. Without a certificate it is as if the signer had refused."""
        step = self._guard.step(now, "signature.request")
        number = ids.derived("signature", now.id, step.key)
        async with step.fence() as db:
            signer, text = await signing.to_sign(db, now)
            await signatures.asked(db, number, now, signer.account_id, text)
        try:
            await self._service.request_sign(number, signer.staff_id, title=TITLES[now.state], text=text, expires_at=known(now.due_at))
        except DomainError as refused:
            return await self._refused(step, refused.code)
        async with step.move(now.state, task_id=number, wake_at=self._next(step)):
            return step.row

    @step("signature.query")
    async def query(self, now: Prescription, why: SignatureReported | Alarm) -> Prescription:
        """A report or the time to ask: what the service answers counts, once it is proved."""
        step = self._guard.step(now, "signature.query", why)
        number = known(now.task_id)
        task = await self._service.query(number)
        match task:
            case SignatureTask(state=TaskState.SIGNED, signature=Signature() as signature):
                async with self._guard.database.reading() as db:
                    signer, text = await signing.to_sign(db, now)
                    earliest = await signing.asked_after(db, now.id)
                if trouble := await self._trouble(text, signature, signer, earliest, step.at):
                    log.error("signature.not_proved", signature_id=str(number), prescription_id=str(now.id), trouble=trouble)
                    return await self._refused(step, trouble)
                return await self._signed(step, number, signature)
            case SignatureTask(state=TaskState.PENDING):
                async with step.move(now.state, wake_at=self._next(step)):
                    return step.row
            case None:  # the CA has no such task: its signer is asked anew
                async with step.move(now.state, task_id=None):
                    return step.row
            case _:
                return await self._refused(step, f"signature.{task.state}")

    async def _trouble(self, text: str, signature: Signature, signer: signing.Signer, earliest: datetime, at: datetime) -> str | None:
        """Why it does not count. The time that the CA says lies between the request and now: certificates are judged by it."""
        if not earliest - _SKEW <= signature.signed_at <= at + _SKEW:
            return UNTIMELY
        try:
            await asyncio.to_thread(verify, text, signature, self._trusted, by=signer.staff_id)
        except DomainError as refused:
            return refused.code
        return None

    async def _signed(self, step: Step[Prescription], number: UUID, signature: Signature) -> Prescription:
        now = step.now
        if now.state is _S.COUNTERSIGNING:
            async with step.move(_S.PRICING, task_id=None, wake_at=None) as db:
                await signatures.proved(db, number, signature)
            return step.row
        async with self._guard.database.reading() as db:
            if (await revisits.facts(db, now.visit_id)).state not in PRESCRIBING:
                return await self._refused(step, "prescription.visit_over")
            facts = await prescriptions.facts(db, now.id)
            rules = (await policies.pinned(db, facts.policy)).rules
        wake_at = min(step.at + timedelta(seconds=rules.review_remind_s), known(now.due_at))
        async with step.move(_S.QUEUED, task_id=None, queued_at=step.at, wake_at=wake_at, reason=None) as db:
            await signatures.proved(db, number, signature)
        return step.row

    async def _refused(self, step: Step[Prescription], reason: str) -> Prescription:
        """Back to its doctor, or to the pharmacist who holds it."""
        to = _S.QUEUED if step.now.state is _S.COUNTERSIGNING else _S.DRAFTING
        async with step.move(to, task_id=None, wake_at=step.now.due_at, reason=reason):
            return step.row

    def _next(self, step: Step[Prescription]) -> datetime:
        return min(step.at + _ASKED_AGAIN, known(step.now.due_at))
