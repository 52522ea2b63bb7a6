"""电子签名: confirmed on the signer's own phone and proved here (D-6.1), the same for every document; and a prescription's signatures."""

import asyncio
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from activities.steps import Guard, Step, step
from gateways.signature.port import SignatureService
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.message import Template
from models.policy import Policy
from models.prescription import Prescription, PrescriptionState
from models.process import Alarm
from models.record import RecordSigning
from models.revisit import PRESCRIBING
from models.signature import Signature, SignatureReported, SignatureTask, TaskState, Trusted, doubt
from models.stores import notices
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import prescription_signing as signing
from models.stores import prescription_timeline as reading
from models.stores import revisit as revisits
from models.stores import signature as signatures
from models.stores.signature import Side, ToSign

_S = PrescriptionState
_SKEW = timedelta(seconds=60)
"""By how much the CA's clock and ours may differ."""
UNTIMELY = "signature.untimely"
EXPIRED = "signature.expired"
R = TypeVar("R", Prescription, RecordSigning)
log = structlog.get_logger()


async def broken(guard: Guard[Prescription], now: Prescription, trusted: Trusted, *sides: Side) -> DomainError | None:
    """Whether what these sides signed proves of this prescription, this round and content as they stand now; the refusal where it does not.

    `signature.broken`, with the side and why.
    """
    for side in sides:
        async with guard.database.reading() as db:
            claim = await signing.standing(db, now, side)
        why = "signature.missing" if claim is None else await asyncio.to_thread(claim.doubt, trusted)
        if why:
            log.error("signature.broken", prescription_id=str(now.id), side=side, trouble=why)
            return DomainError("signature.broken", "conflict", side=side, why=why)
    return None


def queued(step: Step[Prescription], policy: Policy) -> dict[str, object]:
    """The clocks of what comes to the pharmacists' queue now: no signature is waited for, and who waits long is told of."""
    valid_until = known(step.now.valid_until)
    return {"task_id": None, "due_at": valid_until, "wake_at": policy.review_told_at(step.at, valid_until)}


async def given_back(step: Step[Prescription], reason: str) -> Prescription:
    """By no person, to its doctor, who is told."""
    async with step.move(_S.RETURNED, reason=reason, wake_at=step.now.due_at) as db:
        await notices.tell_doctor(db, step.now.visit_id, step.at, about=step.now.id)
    return step.row


class Signing(ABC, Generic[R]):
    """How a document of a process is signed. Nothing counts that cannot be proved from what is stored: text, signature, certificate.

    The process's row has a `task_id`, and a `due_at` until which the signer may confirm.
    """

    request_name: str
    """The step that asks, by its name in the timeline."""

    def __init__(self, guard: Guard[R], service: SignatureService, trusted: Trusted) -> None:
        self._guard, self._service, self._trusted = guard, service, trusted

    @abstractmethod
    async def _to_sign(self, db: AsyncSession, now: R) -> ToSign:
        """Who signs what in this state."""

    @abstractmethod
    async def _signed(self, step: Step[R], number: UUID, signature: Signature) -> R:
        """It is proved: kept with the move that it makes."""

    @abstractmethod
    async def _refused(self, step: Step[R], reason: str) -> R:
        """By its signer, by time, for want of a certificate, or because it does not prove."""

    async def _ask(self, step: Step[R]) -> R:
        """The text is kept first, then its signer is asked, under one number. Without a certificate it is as if the signer had refused."""
        now, number = step.now, ids.derived("signature", step.now.id, step.key)
        try:
            async with self._guard.database.reading() as db:
                what = await self._to_sign(db, now)
            async with step.fence() as db:
                text = await signatures.asked(db, number, what)
            await self._service.request_sign(number, what.signer.staff_id, title=what.title, text=text, expires_at=known(now.due_at))
        except DomainError as refused:
            return await self._refused(step, refused.code)
        async with step.move(now.state, task_id=number, wake_at=await self._next(step, step.at)):
            return step.row

    async def _hear(self, step: Step[R], number: UUID) -> R:
        """A report or the time to ask: what the service answers counts, once it is proved."""
        now = step.now
        until: datetime = known(now.due_at)
        task = await self._service.query(number)
        match task:
            case SignatureTask(state=TaskState.SIGNED, signature=Signature() as signature):
                if trouble := await self._trouble(step, number, signature):
                    log.error("signature.not_proved", signature_id=str(number), visit_id=str(now.visit_id), trouble=trouble)
                    return await self._refused(step, trouble)
                return await self._signed(step, number, signature)
            case SignatureTask(state=TaskState.PENDING):
                if step.at >= until:
                    return await self._refused(step, EXPIRED)
                async with self._guard.database.reading() as db:
                    since = await signatures.asked_after(db, now.id, self.request_name)
                async with step.move(now.state, wake_at=await self._next(step, since)) as db:
                    await self._waits(db, step)
                return step.row
            case None:  # the CA has no such task: its signer is asked anew
                async with step.move(now.state, task_id=None):
                    return step.row
            case _:
                return await self._refused(step, f"signature.{task.state}")

    async def _trouble(self, step: Step[R], number: UUID, signature: Signature) -> str | None:
        """Why it does not count. The time that the CA says lies between the request and now: certificates are judged by it."""
        try:
            async with self._guard.database.reading() as db:
                staff_id, text = await signatures.to_prove(db, number)
                earliest = await signatures.asked_after(db, step.now.id, self.request_name)
        except DomainError as refused:
            return refused.code
        if not earliest - _SKEW <= signature.signed_at <= step.at + _SKEW:
            return UNTIMELY
        return await asyncio.to_thread(doubt, text, signature, self._trusted, by=staff_id)

    async def _waits(self, db: AsyncSession, step: Step[R]) -> None:
        """Not confirmed yet: whoever is to be reminded is."""

    async def _next(self, step: Step[R], since: datetime) -> datetime:
        """When the CA is asked again; at the end in any case."""
        policy = await self._policy(step.now)
        return min(policy.signature_asked_at(step.at, since), known(step.now.due_at))

    async def _policy(self, now: R) -> Policy:
        """A document has the rules that its visit began with."""
        async with self._guard.database.reading() as db:
            return await policies.pinned(db, (await revisits.facts(db, now.visit_id)).policy)


class SignatureActivities(Signing[Prescription]):
    """A prescription's: the doctor's, then the pharmacist's."""

    request_name = "signature.request"

    @step("signature.request")
    async def request(self, now: Prescription) -> Prescription:
        """Who is to sign in this state is asked on their phone."""
        return await self._ask(self._guard.step(now, "signature.request"))

    @step("signature.query")
    async def query(self, now: Prescription, why: SignatureReported | Alarm) -> Prescription:
        """The CA is asked what became of it."""
        return await self._hear(self._guard.step(now, "signature.query", why), known(now.task_id))

    async def _to_sign(self, db: AsyncSession, now: Prescription) -> ToSign:
        return await signing.to_sign(db, now)

    async def _trouble(self, step: Step[Prescription], number: UUID, signature: Signature) -> str | None:
        """And it is of what stands there now: nobody writes it anew while it is being signed."""
        if trouble := await super()._trouble(step, number, signature):
            return trouble
        try:
            async with self._guard.database.reading() as db:
                _, confirmed = await signatures.to_prove(db, number)
                wanted = await self._to_sign(db, step.now)
        except DomainError as refused:
            return refused.code
        return None if confirmed == wanted.text else "signature.invalid"

    async def _signed(self, step: Step[Prescription], number: UUID, signature: Signature) -> Prescription:
        now = step.now
        if now.state is _S.COUNTERSIGNING:
            async with step.move(_S.PRICING, task_id=None, due_at=now.valid_until, wake_at=None) as db:
                await signatures.proved(db, number, signature)
            return step.row
        async with self._guard.database.reading() as db:
            if (await revisits.facts(db, now.visit_id)).state not in PRESCRIBING:
                return await self._refused(step, "prescription.visit_over")
        async with step.move(_S.QUEUED, queued_at=step.at, reason=None, **queued(step, await self._policy(now))) as db:
            await signatures.proved(db, number, signature)
        return step.row

    async def _refused(self, step: Step[Prescription], reason: str) -> Prescription:
        """Back to its doctor, or unapproved to the pharmacist who holds it; not confirmed in time, to all of them."""
        if step.now.state is not _S.COUNTERSIGNING:
            async with step.move(_S.DRAFTING, task_id=None, wake_at=step.now.due_at, reason=reason):
                return step.row
        free: dict[str, object] = {"pharmacist_id": None, "held_until": None} if reason == EXPIRED else {}
        async with step.move(_S.QUEUED, reason=reason, **queued(step, await self._policy(step.now)), **free):
            return step.row

    async def _waits(self, db: AsyncSession, step: Step[Prescription]) -> None:
        """The pharmacist who approved it is reminded once, when half of their time is over."""
        if step.now.state is not _S.COUNTERSIGNING:
            return
        facts = await prescriptions.facts(db, step.now.id)
        remind_at = (await policies.pinned(db, facts.policy)).approval_remind_at(await reading.entered_at(db, step.now.id))
        if step.at >= remind_at:
            await notices.tell_one(db, step.now.visit_id, Template.REVIEW_WAITING, known(facts.pharmacist_id), remind_at, about=step.now.id)

    async def _next(self, step: Step[Prescription], since: datetime) -> datetime:
        """And to remind."""
        asked_at, now = await super()._next(step, since), step.now
        if now.state is not _S.COUNTERSIGNING:
            return asked_at
        policy = await self._policy(now)
        async with self._guard.database.reading() as db:
            remind_at = policy.approval_remind_at(await reading.entered_at(db, now.id))
        return min(asked_at, remind_at) if remind_at > step.at else asked_at
