"""A carrier in memory, written by hand: orders that exist once for a number, and parcels that people move."""

from dataclasses import dataclass, field
from datetime import timedelta

from models.delivery import Mark, Reach, Receiver, TrackEvent, Waybill
from models.kernel.clock import Clock
from models.kernel.errors import DomainError
from tests.process.line import Line


@dataclass
class Parcel:
    """An order as the carrier has it."""

    receiver: Receiver
    waybill: str
    reach: Reach
    cancelled: bool = False
    events: list[TrackEvent] = field(default_factory=list[TrackEvent])


class InMemoryLogistics(Line):
    """The port `Logistics`. Who lives in `far` is not reached, who in `unclear` is looked at first."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.parcels: dict[str, Parcel] = {}
        self.far, self.unclear = "三沙市", "待核实市"

    def moves(self, number: str, *marks: Mark, earlier: timedelta = timedelta()) -> None:
        """A person at the carrier scans the parcel, one second after the other; `earlier`: told now, though it was so long ago."""
        parcel = self.parcels[number]
        if parcel.cancelled:
            raise AssertionError("nothing is carried under this number")
        for mark in marks:
            at = self._clock() - earlier + timedelta(seconds=len(parcel.events))
            parcel.events.append(
                TrackEvent(at=at, sequence=len(parcel.events), mark=mark, code=mark, place="北京市", text="李强 13911110000")
            )

    def _reach(self, receiver: Receiver) -> Reach:
        return {self.far: Reach.NO, self.unclear: Reach.PENDING}.get(receiver.city, Reach.YES)

    async def reaches(self, receiver: Receiver) -> Reach:
        return await self.answer("reaches", lambda: self._reach(receiver))

    async def create(self, number: str, receiver: Receiver) -> Waybill:
        def order() -> Waybill:
            parcel = self.parcels.setdefault(number, Parcel(receiver, f"SF{len(self.parcels):013d}", self._reach(receiver)))
            if parcel.receiver != receiver:
                raise DomainError("logistics.8016", "conflict")
            return _waybill(parcel)

        return await self.answer("create", order)

    async def find(self, number: str) -> Waybill | None:
        return await self.answer("find", lambda: _waybill(self.parcels[number]) if number in self.parcels else None)

    async def cancel(self, number: str) -> bool:
        def take_back() -> bool:
            parcel = self.parcels.get(number)
            if parcel and not parcel.events:
                parcel.cancelled = True
            return parcel is None or parcel.cancelled

        return await self.answer("cancel", take_back)

    async def track(self, number: str) -> tuple[TrackEvent, ...]:
        return await self.answer("track", lambda: tuple(self.parcels[number].events) if number in self.parcels else ())


def _waybill(parcel: Parcel) -> Waybill:
    return Waybill(number=None if parcel.reach is Reach.NO else parcel.waybill, reach=parcel.reach)
