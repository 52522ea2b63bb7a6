"""Money that goes back: one process for every cause, from requested over accepted to arrived.

The HIS lets go first (`cleared`), then the channel takes the refund under our number (`accepted`), and its query says when it has
`arrived`. What no machine can finish is `stuck`: a task with an owner.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.kernel.money import FenAmount
from models.process import Alarm, Command, Moves, News, Row


class RefundState(StrEnum):
    REQUESTED = "requested"
    CLEARED = "cleared"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    STUCK = "stuck"
    PAID_OUT = "paid_out"
    WITHDRAWN = "withdrawn"


def _to(*after: RefundState) -> frozenset[RefundState]:
    return frozenset(after)


_AT_THE_CHANNEL = (RefundState.ACCEPTED, RefundState.ARRIVED, RefundState.STUCK)

MOVES = Moves[RefundState](
    {
        RefundState.REQUESTED: _to(RefundState.CLEARED, RefundState.STUCK),
        RefundState.CLEARED: _to(RefundState.CLEARED, *_AT_THE_CHANNEL),
        RefundState.ACCEPTED: _to(*_AT_THE_CHANNEL),
        RefundState.STUCK: _to(
            *(RefundState.REQUESTED, RefundState.CLEARED, RefundState.ARRIVED, RefundState.STUCK),
            *(RefundState.PAID_OUT, RefundState.WITHDRAWN),
        ),
        RefundState.ARRIVED: _to(),
        RefundState.PAID_OUT: _to(),
        RefundState.WITHDRAWN: _to(),
    }
)
"""Only a person's retry goes back, to the half that was not done: to the HIS, or to the channel."""


class Cause(StrEnum):
    """Why money goes back. A charge gives back once for each cause, and never more than was paid."""

    PATIENT = "patient"
    ABSENT = "absent"
    NOT_ACCEPTED = "not_accepted"
    DECLINED = "declined"
    SUSPENDED = "suspended"
    UNSETTLED = "unsettled"
    MANAGEMENT = "management"
    RETURNED = "returned"
    """Drugs that came back, or never went, and a person decided that the money goes back."""
    LATE = "late"
    """Paid after the channel had confirmed that it was closed."""
    SECOND = "second"
    """Paid on two orders of one charge."""
    OTHER_AMOUNT = "other_amount"
    """Not the sum that the charge asked for."""
    UNKNOWN_ORDER = "unknown_order"
    """Paid on an order that we don't know."""


UNWANTED: Final = (Cause.LATE, Cause.SECOND, Cause.OTHER_AMOUNT, Cause.UNKNOWN_ORDER)
"""Money that no charge wanted: it stands in suspense until it has gone back, and the HIS knows nothing of it."""

CHANNEL_REASONS: Final[dict[Cause, str]] = {
    Cause.PATIENT: "退号退费",
    Cause.ABSENT: "未就诊退费",
    Cause.NOT_ACCEPTED: "未接诊退费",
    Cause.DECLINED: "退诊退费",
    Cause.SUSPENDED: "停诊退费",
    Cause.UNSETTLED: "预约未成功退费",
    Cause.MANAGEMENT: "医院退费",
    Cause.RETURNED: "退药退费",
    Cause.LATE: "逾期缴费退回",
    Cause.SECOND: "重复缴费退回",
    Cause.OTHER_AMOUNT: "金额不符退回",
    Cause.UNKNOWN_ORDER: "误缴退回",
}
"""What the payer reads at the channel; never a diagnosis. The same words on every repeat, or the channel takes it for another refund."""


class Office(StrEnum):
    """Who owns a refund that no machine can finish."""

    FINANCE = "finance"
    INSURANCE = "insurance"
    OUTPATIENT = "outpatient"


_MENDED_BY: Final = {"his.executed": Office.OUTPATIENT}
"""Troubles that are no matter of finance: a window of 门诊办 undoes the execution of a visit that took place."""


def office_of(trouble: str, handed_to: Office | None) -> Office:
    """Whose task a refund is that has got stuck: whom a person gave it to, or else who can mend the trouble."""
    return handed_to or _MENDED_BY.get(trouble, Office.FINANCE)


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


class ChannelRefund(BaseModel):
    """A refund as the channel has it: the only authority on whether money went back."""

    model_config = ConfigDict(frozen=True)
    refund_no: str
    """Ours, 32 hex digits."""
    status: RefundStatus
    refund_id: str | None = None
    """The channel's own number, once it has accepted."""
    amount_fen: FenAmount = 0
    arrived_at: datetime | None = None
    """Only of `success`."""


class RefundReported(News):
    """The channel reported something about a refund of ours: only a reason to ask it."""

    kind: Literal["refund_reported"] = "refund_reported"


class Retry(Command):
    """Tried again where it stands: at the HIS, or at the channel. A refund that the channel closed gets a new number there."""

    kind: Literal["retry"] = "retry"
    allowed_in = _to(RefundState.STUCK)


class HandOver(Command):
    """Another office owns it from now on."""

    kind: Literal["hand_over"] = "hand_over"
    allowed_in = _to(RefundState.STUCK)
    office: Office


VOUCHER: Final = r"^[A-Za-z0-9-]{4,64}$"
Voucher = Annotated[str, StringConstraints(pattern=VOUCHER)]
"""The number of the hospital's own transfer."""


class PayOut(Command):
    """线下退费: the hospital has given the money back by a transfer of its own."""

    kind: Literal["pay_out"] = "pay_out"
    allowed_in = _to(RefundState.STUCK)
    voucher: Voucher


class Withdraw(Command):
    """The HIS does not let go and the money stays, or was given back at a window."""

    kind: Literal["withdraw"] = "withdraw"
    allowed_in = _to(RefundState.STUCK)


RefundEvent = Annotated[RefundReported | Retry | HandOver | PayOut | Withdraw | Alarm, Field(discriminator="kind")]
COMMANDS: tuple[type[Command], ...] = (Retry, HandOver, PayOut, Withdraw)


GIVEN_BACK_AT_THE_HIS: Final = "his.already-reversed"
NOT_ENOUGH: Final = "wechat_pay.not_enough"
DIFFERS: Final = "wechat_pay.parameters_differ"
CLOSED: Final = "wechat_pay.refund_closed"
ABNORMAL: Final = "wechat_pay.refund_abnormal"
ABSENT: Final = "wechat_pay.refund_absent"
OVERDUE: Final = "refund.overdue"
"""Troubles that rules turn on; the others are refusals of the HIS or the channel."""

_MAY_STILL_PAY: Final = frozenset({ABNORMAL, DIFFERS, OVERDUE})
"""Troubles of a refund that the channel has under its present number."""


def still_stuck(trouble: str, *, absent: bool) -> str:
    """Why a refund goes on being stuck that the channel was asked about, and has neither paid nor given up."""
    if absent:
        return ABSENT if trouble in _MAY_STILL_PAY else trouble
    return trouble if trouble in _MAY_STILL_PAY else OVERDUE


def may_pay_out(trouble: str | None, *, cleared: bool) -> bool:
    """Only what the HIS has let go, and what the channel does not have: it refused it, closed it, or knows nothing of it."""
    return cleared and trouble not in _MAY_STILL_PAY


def may_withdraw(cause: Cause, trouble: str | None, *, cleared: bool) -> bool:
    """Only before the HIS let go: what the hospital itself wanted, or what the HIS says a window gave back. All else is owed."""
    return not cleared and (cause is Cause.MANAGEMENT or trouble == GIVEN_BACK_AT_THE_HIS)


def overdue(state: RefundState, promised_at: datetime | None, now: datetime) -> bool:
    """Whether the promised day has passed while the money is still on its way, whoever has the next step."""
    return state not in MOVES.ends() and promised_at is not None and now >= promised_at


class Refund(Row[RefundState, RefundEvent]):
    """The row of `refund/<id>`; its id is that of payment and cause, so that a cause gives back once."""

    visit_id: UUID
    cause: Cause
    cleared_at: datetime | None = None
    """When the HIS let go; that it had nothing to let go counts from the start."""
    trouble: str | None = None
    """Why it is stuck."""
    office: Office | None = None
    """Whose task it is then."""
