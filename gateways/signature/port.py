"""What we ask of the hospital's CA (协同签名): a person confirms on their own phone, so a signature comes later, or never.

Whatever comes is proved by `models.signature.verify` before it counts; here only the line is.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from models.signature import SignatureTask, Signer


class SignatureService(Protocol):
    """Every call ends done, refused (`DomainError` `signature.<code>`) or unknown (`Unknown`). `query` and `certificate` never refuse."""

    async def request_sign(self, number: UUID, staff_id: str, *, title: str, text: str, expires_at: datetime) -> SignatureTask:
        """Asks a member of staff to sign exactly this text before `expires_at` (kept to the second), under our number.

        The same number with the same text and signer answers the first task, whatever has become of it. `title` is shown in a list on the
        phone: a few fixed words, no name. The text reaches the CA, which shows it to its signer.

        Refused `signature.no_certificate` (the CA knows no valid certificate of theirs), `signature.number_used` (the number stands for
        another text or signer); then there is no task that we asked for.
        """
        ...

    async def query(self, number: UUID) -> SignatureTask | None:
        """What has become of it; None when the CA has no such task: then it may be asked for again under the same number."""
        ...

    async def certificate(self, staff_id: str) -> Signer | None:
        """Whose certificate the CA would sign with, unproved; None when they have none: known before a doctor is asked to sign."""
        ...
