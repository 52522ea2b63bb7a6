"""The refund: from requested over the HIS's leave to the channel's arrival, or to a person."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.refund import RefundActivities
    from models.process import Alarm
    from models.refund import HandOver, PayOut, Refund, RefundReported, RefundState, Retry, Withdraw


@workflow.defn(name="refund")
class RefundWorkflow(Process[Refund]):
    retry = command(Retry, Refund)
    hand_over = command(HandOver, Refund)
    pay_out = command(PayOut, Refund)
    withdraw = command(Withdraw, Refund)
    refund_reported = news(RefundReported)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, refund_id: UUID, begun: Refund | None) -> Refund:
        return await self.walk(RefundActivities.load, refund_id, begun)

    async def _reverse(self, now: Refund) -> None:
        """The HIS first: what it does not let go never leaves the channel."""
        await self.step(RefundActivities.reverse)

    async def _apply(self, now: Refund) -> None:
        if now.wake_at is not None:  # the merchant's balance did not suffice: after a pause
            match await self.next(until=now.wake_at):
                case Alarm():
                    pass
                case _:
                    raise not_now()
        await self.step(RefundActivities.apply)

    async def _await_arrival(self, now: Refund) -> None:
        match await self.next(until=now.wake_at):
            case RefundReported() | Alarm() as why:
                await self.step(RefundActivities.query, why)
            case _:
                raise not_now()

    async def _await_person(self, now: Refund) -> None:
        """Nothing here is decided by time: at most the channel has a better word."""
        match await self.next(until=now.wake_at):
            case Retry() as wish:
                await self.step(RefundActivities.retry, wish)
            case HandOver() as wish:
                await self.step(RefundActivities.hand_over, wish)
            case PayOut() as wish:
                await self.step(RefundActivities.pay_out, wish)
            case Withdraw() as wish:
                await self.step(RefundActivities.withdraw, wish)
            case RefundReported() | Alarm() as why:
                await self.step(RefundActivities.query, why)
            case _:
                raise not_now()

    PATHWAY = {
        RefundState.REQUESTED: _reverse,
        RefundState.CLEARED: _apply,
        RefundState.ACCEPTED: _await_arrival,
        RefundState.STUCK: _await_person,
    }
