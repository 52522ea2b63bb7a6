"""The parcel: ordered, followed until it is signed for, and decided by a person when it is not."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.delivery import DeliveryActivities
    from models.delivery import Decide, Delivery, DeliveryPushed, DeliveryState
    from models.process import Alarm


@workflow.defn(name="delivery")
class DeliveryWorkflow(Process[Delivery]):
    decide = command(Decide, Delivery)
    delivery_pushed = news(DeliveryPushed)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, delivery_id: UUID, begun: Delivery | None) -> Delivery:
        return await self.walk(DeliveryActivities.load, delivery_id, begun)

    async def _create(self, now: Delivery) -> None:
        if now.wake_at is not None:  # somebody at the carrier looks at the address: asked after a pause
            match await self.next(until=now.wake_at):
                case Alarm():
                    pass
                case _:
                    raise not_now()
        await self.step(DeliveryActivities.create)

    async def _await_pickup(self, now: Delivery) -> None:
        match await self.next(until=now.wake_at):
            case Decide() as wish:
                await self.step(DeliveryActivities.decide, wish)
            case DeliveryPushed() | Alarm() as why:
                await self.step(DeliveryActivities.poll, why)
            case _:
                raise not_now()

    async def _follow(self, now: Delivery) -> None:
        match await self.next(until=now.wake_at):
            case DeliveryPushed() | Alarm() as why:
                await self.step(DeliveryActivities.poll, why)
            case _:
                raise not_now()

    async def _await_person(self, now: Delivery) -> None:
        """Nothing here is decided by time: at most the carrier has a better word."""
        match await self.next(until=now.wake_at):
            case Decide() as wish:
                await self.step(DeliveryActivities.decide, wish)
            case DeliveryPushed() | Alarm() as why:
                await self.step(DeliveryActivities.poll, why)
            case _:
                raise not_now()

    PATHWAY = {
        DeliveryState.CREATING: _create,
        DeliveryState.CREATED: _await_pickup,
        DeliveryState.PICKED_UP: _follow,
        DeliveryState.IN_TRANSIT: _follow,
        DeliveryState.OUT_FOR_DELIVERY: _follow,
        DeliveryState.REFUSED: _follow,
        DeliveryState.RETURNING: _follow,
        DeliveryState.OVERDUE: _await_person,
        DeliveryState.UNDELIVERABLE: _await_person,
        DeliveryState.RETURNED: _await_person,
    }
