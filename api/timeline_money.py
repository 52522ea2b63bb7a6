"""Money as the timeline of a visit tells it: what was paid, and what goes back."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, computed_field

from models.charge import ChargeState
from models.refund import Cause, RefundState, overdue
from models.stores.timeline_revisit import Money
from models.timeline import MONEY_TEXTS
from models.timeline_refund import CAUSE_TEXTS, OVERDUE_TEXT, PAYABLE_TEXTS, REFUND_TEXTS, given_back_text


class RefundProgressOut(BaseModel):
    """退费进度: requested, accepted by the channel, arrived; in fen."""

    id: UUID
    cause: Cause
    amount_fen: int
    state: RefundState
    requested_at: datetime
    promised_at: Annotated[datetime | None, Field(description="When it will have arrived at the latest, in all likelihood.")]
    accepted_at: datetime | None
    arrived_at: datetime | None
    overdue_text: Annotated[str | None, Field(description="Once the promised day has passed without arrival.")] = None

    @classmethod
    def of(cls, one: object, now: datetime) -> Self:
        """As its person reads it now: of a promise that was not kept the sentence, and no day in the past."""
        told = cls.model_validate(one, from_attributes=True)
        late = {"overdue_text": OVERDUE_TEXT, "promised_at": None} if overdue(told.state, told.promised_at, now) else {}
        return told.model_copy(update=late)

    @computed_field(examples=["您已退号"])
    @property
    def cause_text(self) -> str:
        """Why, in the words of screens."""
        return CAUSE_TEXTS[self.cause]

    @computed_field(examples=["退费中"])
    @property
    def state_text(self) -> str:
        """How far, in the words of screens."""
        return REFUND_TEXTS[self.state]


class MoneyOut(BaseModel):
    """A charge of the visit, in fen."""

    charge_id: UUID
    payable: Annotated[str, Field(description="What it is for: `revisit` or `prescription`.")]
    payable_text: Annotated[str, Field(examples=["医事服务费"])]
    state: str
    state_text: Annotated[str, Field(examples=["已缴费"])]
    amount_fen: int
    pay_until: datetime | None
    paid_at: datetime | None


def money_out(one: Money, now: datetime) -> MoneyOut:
    """As its payer reads it: a time to pay that has passed is none."""
    back = given_back_text(one.paid_fen or 0, reserved_fen=one.reserved_fen or 0, refunded_fen=one.refunded_fen or 0)
    text = back or MONEY_TEXTS[ChargeState(one.state)]
    times = {"pay_until": one.pay_until if one.pay_until and now < one.pay_until else None, "paid_at": one.paid_at}
    return MoneyOut(
        charge_id=one.id,
        payable=one.payable,
        payable_text=PAYABLE_TEXTS[one.payable],
        state=one.state,
        state_text=text,
        amount_fen=one.amount_fen,
        **times,
    )
