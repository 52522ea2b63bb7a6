"""Short messages by approved templates. A text never carries a diagnosis."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class SMS(Protocol):
    """`send` ends done, refused (`DomainError` `sms.<code>`) or unknown (`Unknown`); then `sent` tells by our number."""

    async def send(self, number: UUID, phone: str, template: str, params: dict[str, str]) -> str:
        """Sends under our number (the wire's OutId); answers the carrier's receipt. The wire does not deduplicate by it."""
        ...

    async def sent(self, number: UUID, phone: str, at: datetime) -> str | None:
        """The receipt of a message sent under our number on the day of `at`, or None: asked before a repeat.

        A wire that does not tell the receipt again answers our number's 32 hex digits.
        """
        ...
