"""Money that goes back: what the channel says of one refund."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from models.kernel.money import FenAmount


class RefundStatus(StrEnum):
    """The channel's word on a refund; a word we don't know is `unknown`, never arrived and never failed.

    `processing` may become any of the three others. `success` has arrived. `abnormal` has left the merchant and cannot arrive the way it
    came (a card that is gone): it goes another way, by hand. `closed` gave nothing back, and only a new number may try again. `absent`: the
    channel has no such refund, so the same number may be asked for.
    """

    PROCESSING = "processing"
    SUCCESS = "success"
    ABNORMAL = "abnormal"
    CLOSED = "closed"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Refund(BaseModel):
    """A refund as the channel has it: the only authority on whether money went back."""

    model_config = ConfigDict(frozen=True)
    refund_no: str
    """Ours: the refund's id, 32 hex digits."""
    status: RefundStatus
    refund_id: str | None = None
    """The channel's own number, once it has accepted."""
    amount_fen: FenAmount = 0
    arrived_at: datetime | None = None
    """Only of `success`."""
