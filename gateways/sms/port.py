"""Short messages by approved templates. A text never carries a diagnosis."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Fate:
    """What the carrier knows of a message that it took."""

    receipt: str
    """Its own number; a wire that does not tell it again answers our number's 32 hex digits."""
    arrived: bool | None = None
    """On the phone, or given up; None: the phone's network has not said."""
    code: str | None = None
    """`sms.<code>` of why it was given up."""
    at: datetime | None = None
    """When the network said so."""


class SMS(Protocol):
    """`send` ends done, refused (`DomainError` `sms.<code>`) or unknown (`Unknown`); then `sent` tells by our number."""

    async def send(self, number: UUID, phone: str, template: str, params: dict[str, str]) -> str:
        """Sends under our number (the wire's OutId); answers the carrier's receipt. The wire does not deduplicate by it."""
        ...

    async def sent(self, number: UUID, phone: str, at: datetime) -> Fate | None:
        """A message sent under our number on the day of `at`, or None: asked before a repeat, and what became of it."""
        ...
