"""The charge: one payable thing, from open to settled, closed or unsettled."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.charge import ChargeActivities
    from models.charge import Charge, ChargeState, Close, Order, Reported
    from models.process import Alarm


@workflow.defn(name="charge")
class ChargeWorkflow(Process[Charge]):
    order = command(Order, Charge)
    reported = news(Reported)
    close = news(Close)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, charge_id: UUID, begun: Charge | None) -> Charge:
        return await self.walk(ChargeActivities.load, charge_id, begun)

    async def _open(self, now: Charge) -> None:
        match await self.next(until=now.wake_at):
            case Order() as wish:
                await self.step(ChargeActivities.order, wish)
            case Reported() as knock:
                await self.step(ChargeActivities.query, knock)
            case Close() | Alarm() as why:  # asked to close, the channel may answer that it was paid after all
                await self.step(ChargeActivities.close, why)
            case _:
                raise not_now()

    async def _paid(self, now: Charge) -> None:
        await self.step(ChargeActivities.settle)

    PATHWAY = {ChargeState.OPEN: _open, ChargeState.PAID: _paid}
