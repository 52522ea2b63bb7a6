"""停诊: the clinic is closed to newcomers first, then everybody who is booked there is told and let go, until nobody is left."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, not_now

with workflow.unsafe.imports_passed_through():
    from activities.suspension import SuspensionActivities
    from models.process import Alarm
    from models.suspension import Suspension, SuspensionState


@workflow.defn(name="suspension")
class SuspensionWorkflow(Process[Suspension]):
    @workflow.run  # the SDK wants it on the class itself
    async def run(self, suspension_id: UUID, begun: Suspension | None) -> Suspension:
        return await self.walk(SuspensionActivities.load, suspension_id, begun)

    async def _learn(self, now: Suspension) -> None:
        await self.step(SuspensionActivities.look)

    async def _clear(self, now: Suspension) -> None:
        match await self.next(until=now.wake_at):
            case Alarm():
                await self.step(SuspensionActivities.clear)
            case _:
                raise not_now()

    PATHWAY = {
        SuspensionState.LOOKING: _learn,
        SuspensionState.CLEARING: _clear,
    }
