"""A place in a slot: our claim first, then the HIS's lock under the claim's number (P-2.3)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from models.kernel.money import FenAmount


class ClaimState(StrEnum):
    """A claim takes one place; live while held or booked. A released one gave the place back, a fulfilled one used it."""

    HELD = "held"
    BOOKED = "booked"
    FULFILLED = "fulfilled"
    RELEASED = "released"


class Lock(BaseModel):
    """The HIS's answer to our claim: a pending Appointment and its bill."""

    model_config = ConfigDict(frozen=True)
    appointment_id: str
    invoice_id: str
    fee_fen: FenAmount
    expires_at: datetime
    """The HIS's own expiry of the lock; our hold always ends before."""
    live: bool = True
    """Pending still: a repeat of our number may be answered with a lock that was released since."""
