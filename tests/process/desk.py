"""A stand-in desk: a process's own phases without Temporal. The test says what happens, real activities do the steps."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from models.charge import Charge, ChargeState
from models.delivery import Delivery, DeliveryState
from models.invoice import Invoice, InvoiceState
from models.kernel.errors import DomainError, Unknown
from models.prescription import Prescription, PrescriptionState
from models.process import Alarm, AnyRow, Command, Event
from models.record import RecordSigning, RecordState
from models.refund import Refund, RefundState
from models.revisit import Revisit, State
from tests.client import Hands
from tests.process.hospital import Hospital
from workflows.charge import ChargeWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.prescription import PrescriptionWorkflow
from workflows.process import Process
from workflows.record import RecordWorkflow
from workflows.refund import RefundWorkflow
from workflows.revisit import RevisitWorkflow

R = TypeVar("R", bound=AnyRow)
PATIENCE = 10
"""How often a step whose outcome is not known is asked again before a test calls it stuck."""


class StandIn(Process[R]):
    """`next` yields the test's event, `step` calls the hospital's own activity; everything between is the pathway's."""

    def __init__(self, hospital: Hospital, id: UUID, load: Callable[[Any, UUID], Awaitable[R]]) -> None:
        super().__init__()
        self.hospital, self.id = hospital, id
        self._loading = load
        self._event: Event | Alarm | None = None

    async def begin(self) -> R:
        """From the row, as every run begins."""
        self.now = await self.hospital.work(self._loading)(self.id)
        return self.now

    async def happens(self, event: Event | Alarm | None = None) -> R:
        """One phase, served with the event; with None one that asks nobody. Refusals are raised as the activity raised them."""
        self._event = event
        try:
            await self.PATHWAY[self.now.state](self, self.now)
        finally:
            unheard, self._event = self._event, None
        if unheard is not None:
            raise AssertionError(f"nobody asked for {unheard}")
        return self.now

    async def alarm(self) -> R:
        """Time passes until the row wants to be woken."""
        due = cast(datetime, self.now.wake_at)
        clock = cast(Hands, self.hospital.clock)
        clock.at = max(clock.at, due)
        return await self.happens(Alarm())

    async def news(self) -> R:
        """The oldest news that waits in the inbox is acted on."""
        return await self.happens((await self.hospital.waiting(self.id))[0])

    async def next(self, *, until: datetime | None = None) -> Event | Alarm:
        event, self._event = self._event, None
        if event is None:
            raise AssertionError(f"{self.now.state} waits for somebody")
        if isinstance(event, Alarm) and (until is None or self.hospital.clock() < until):
            raise AssertionError(f"no alarm is set in {self.now.state} for now")
        if isinstance(event, Command) and self.now.state not in event.allowed_in:
            raise DomainError("not_now", "conflict", state=self.now.state)
        return event

    async def step(self, activity: Callable[..., Awaitable[R]], *args: Any) -> None:
        for _ in range(PATIENCE):
            try:
                self.now = await self.hospital.work(activity)(self.now, *args)
            except Unknown:
                await self.hospital.hand_time_is_up()
            else:
                return
        raise AssertionError(f"{activity.__qualname__} stays unknown")


class VisitDesk(StandIn[Revisit], RevisitWorkflow):
    """A visit at its desk."""

    @property
    def state(self) -> State:
        return self.now.state


class RefundDesk(StandIn[Refund], RefundWorkflow):
    """A refund at its desk."""

    @property
    def state(self) -> RefundState:
        return self.now.state


class DeliveryDesk(StandIn[Delivery], DeliveryWorkflow):
    """A parcel at its desk."""

    @property
    def state(self) -> DeliveryState:
        return self.now.state


class InvoiceDesk(StandIn[Invoice], InvoiceWorkflow):
    """An e-bill at its desk."""

    @property
    def state(self) -> InvoiceState:
        return self.now.state


class ChargeDesk(StandIn[Charge], ChargeWorkflow):
    """A charge at its desk."""

    @property
    def state(self) -> ChargeState:
        return self.now.state


class PrescriptionDesk(StandIn[Prescription], PrescriptionWorkflow):
    """A prescription at its desk."""

    @property
    def state(self) -> PrescriptionState:
        return self.now.state


class RecordDesk(StandIn[RecordSigning], RecordWorkflow):
    """The signing of a record at its desk."""

    @property
    def state(self) -> RecordState:
        return self.now.state
