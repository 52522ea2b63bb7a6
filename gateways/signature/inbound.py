"""What the CA sends to us: verified and read; no I/O. A notify is only a reason to ask by query, so it brings no signature."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from gateways.signature.account import SignatureAccount
from gateways.signature.signing import distrust_notify
from models.kernel.errors import DomainError

__all__ = ["SignatureAccount", "SignatureNotify", "open_notify"]


class SignatureNotify(BaseModel):
    """A task that has ended, as reported. `notify_id` stays the same when the CA repeats it: by it a replay is nothing new."""

    model_config = ConfigDict(frozen=True)
    notify_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    task_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    number: UUID
    state: Literal["SIGNED", "REFUSED", "EXPIRED"]
    """The wire's own word; only the query decides."""
    ended_at: AwareDatetime


def open_notify(account: SignatureAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> SignatureNotify:
    """The notify in `body`, the raw bytes as they came.

    Refused `signature.notify_forged` (another's, changed, more than 5 minutes off), `signature.notify_malformed` (the CA's and unreadable).
    Each is answered 4xx, so it comes again.
    """
    if reason := distrust_notify(account, {name.lower(): value for name, value in headers.items()}, body, now):
        raise DomainError("signature.notify_forged", "anonymous", reason=reason)
    try:
        return SignatureNotify.model_validate_json(body)
    except ValidationError:
        raise DomainError("signature.notify_malformed", "malformed") from None  # its text quotes what came
