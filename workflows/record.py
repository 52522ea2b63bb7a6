"""病历 signed by its doctor and filed at the HIS. Nobody waits for the filing: the visit ends once it is signed."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.record import RecordActivities
    from models.process import Alarm
    from models.record import RecordSigning, RecordState, RetryFiling, WithdrawRecord
    from models.signature import SignatureReported


@workflow.defn(name="record")
class RecordWorkflow(Process[RecordSigning]):
    withdraw = command(WithdrawRecord, RecordSigning)
    retry = command(RetryFiling, RecordSigning)
    signature_reported = news(SignatureReported)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, record_id: UUID, begun: RecordSigning | None) -> RecordSigning:
        return await self.walk(RecordActivities.load, record_id, begun)

    async def _sign(self, now: RecordSigning) -> None:
        """The doctor confirms on their phone. At the deadline the CA is asked once more; unsigned, it is a draft again."""
        if now.task_id is None:
            await self.step(RecordActivities.request)
            return
        match await self.next(until=now.wake_at):
            case SignatureReported() | Alarm() as why:
                await self.step(RecordActivities.query, why)
            case WithdrawRecord() as wish:
                await self.step(RecordActivities.withdraw, wish)
            case _:
                raise not_now()

    async def _file(self, now: RecordSigning) -> None:
        """As long as the HIS is away this step is repeated."""
        await self.step(RecordActivities.file)

    async def _await_office(self, now: RecordSigning) -> None:
        """The HIS has refused it: nothing here goes on by time."""
        match await self.next():
            case RetryFiling() as wish:
                await self.step(RecordActivities.retry, wish)
            case SignatureReported() as late:
                await self.step(RecordActivities.note, late)
            case _:
                raise not_now()

    PATHWAY = {
        RecordState.SIGNING: _sign,
        RecordState.FILING: _file,
        RecordState.STUCK: _await_office,
    }
