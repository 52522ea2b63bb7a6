"""What we ask of a carrier. The order number is our delivery's id as 32 hex digits: constant on every repeat, so an order exists once."""

from typing import Protocol

from models.delivery import Reach, Receiver, TrackEvent, Waybill


class Logistics(Protocol):
    """Every call ends done, refused (`DomainError` `logistics.<code>`) or unknown (`Unknown`)."""

    async def reaches(self, receiver: Receiver) -> Reach:
        """Whether it goes to a place, before anything is ordered: NO is its plain word, and what it cannot say at once is PENDING.

        Leaves nothing behind. Its answer is waited for shortly, since a person waits. Never refuses.
        """
        ...

    async def create(self, number: str, receiver: Receiver) -> Waybill:
        """Orders a parcel of ours to be picked up, or answers with the order that has this number already.

        What is in it is said in two words that name no drug. Refused: `invalid` for what the receiver's data is refused for, `unavailable`
        for a fault of ours or of the carrier's.
        """
        ...

    async def find(self, number: str) -> Waybill | None:
        """The order of this number; None when the carrier has none. Never refuses."""
        ...

    async def cancel(self, number: str) -> bool:
        """True when nothing is carried under this number any more (or never was); False when the parcel was picked up. Never refuses."""
        ...

    async def track(self, number: str) -> tuple[TrackEvent, ...]:
        """Where the parcel was seen, as told now; nothing for a number that the carrier does not know. Never refuses."""
        ...
