"""病历 signed by its doctor, and told to the HIS (D-4, D-6.1)."""

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.signature import EXPIRED, Signing
from activities.steps import Guard, Step, step
from gateways.his.port import HIS
from gateways.signature.port import SignatureService
from models.kernel.errors import DomainError, known
from models.process import Alarm
from models.record import RecordSigning, RecordState, RetryFiling, WithdrawRecord
from models.revisit import PRESCRIBING
from models.signature import Signature, SignatureReported, Trusted
from models.stores import record as records
from models.stores import revisit as revisits
from models.stores import signature as signatures
from models.stores.signature import ToSign

_S = RecordState
log = structlog.get_logger()


class RecordActivities(Signing[RecordSigning]):
    """Whatever is refused or runs out is a draft again; what is signed stays, and the HIS is told until it has it."""

    request_name = "record.request"

    def __init__(self, guard: Guard[RecordSigning], service: SignatureService, trusted: Trusted, his: HIS) -> None:
        super().__init__(guard, service, trusted)
        self._his = his

    @activity.defn(name="record.load")
    async def load(self, record_id: UUID) -> RecordSigning:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await records.load(db, record_id)

    @step("record.request")
    async def request(self, now: RecordSigning) -> RecordSigning:
        """The doctor is asked on their phone."""
        return await self._ask(self._guard.step(now, "record.request"))

    @step("record.query")
    async def query(self, now: RecordSigning, why: SignatureReported | Alarm) -> RecordSigning:
        """The CA is asked what became of it; at the deadline for the last time."""
        return await self._hear(self._guard.step(now, "record.query", why), known(now.task_id))

    @step("record.withdraw")
    async def withdraw(self, now: RecordSigning, wish: WithdrawRecord) -> RecordSigning:
        """To be written anew; what the phone may still confirm is nobody's any more."""
        step = self._guard.step(now, "record.withdraw", wish)
        async with step.move(_S.WITHDRAWN, task_id=None, due_at=None, wake_at=None, reason="withdrawn"):
            pass
        return step.row

    @step("record.file")
    async def file(self, now: RecordSigning) -> RecordSigning:
        """The HIS takes it under our number. A silent HIS is asked until it answers; what it refuses is a task, told once by its alarm."""
        step = self._guard.step(now, "record.file")
        async with step.fence() as db:
            written = await records.written(db, now)
        try:
            await self._his.write_record(written)
        except DomainError as refused:
            async with step.move(_S.STUCK, reason=refused.code):
                pass
            log.error("record.not_filed", record_id=str(now.id), visit_id=str(now.visit_id), trouble=refused.code)
            return step.row
        async with step.move(_S.FILED, reason=None):
            pass
        return step.row

    @step("record.retry")
    async def retry(self, now: RecordSigning, wish: RetryFiling) -> RecordSigning:
        """A person says that the HIS will take it now."""
        step = self._guard.step(now, "record.retry", wish)
        async with step.move(_S.FILING):
            pass
        return step.row

    @step("record.note")
    async def note(self, now: RecordSigning, news: SignatureReported) -> RecordSigning:
        """A report that comes after the answer it is about."""
        step = self._guard.step(now, "record.note", news)
        async with step.move(now.state):
            pass
        return step.row

    async def _to_sign(self, db: AsyncSession, now: RecordSigning) -> ToSign:
        return await records.to_sign(db, now)

    async def _signed(self, step: Step[RecordSigning], number: UUID, signature: Signature) -> RecordSigning:
        """Only of a visit that was not left meanwhile: what is signed of a 退诊 goes nowhere."""
        async with self._guard.database.reading() as db:
            over = (await revisits.facts(db, step.now.visit_id)).state not in PRESCRIBING
        if over:
            return await self._refused(step, "record.visit_over")
        async with step.move(_S.FILING, task_id=None, due_at=None, wake_at=None, reason=None) as db:
            await signatures.proved(db, number, signature)
        return step.row

    async def _refused(self, step: Step[RecordSigning], reason: str) -> RecordSigning:
        to = _S.EXPIRED if reason == EXPIRED else _S.REFUSED
        async with step.move(to, task_id=None, due_at=None, wake_at=None, reason=reason):
            return step.row
