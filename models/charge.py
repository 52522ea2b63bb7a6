"""One payable thing and the money that came for it. The charge says paid, closed or unknown; the pathway says wanted or not."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.kernel.money import FenAmount
from models.process import Alarm, Command, Moves, News, Row


class ChargeState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    SETTLED = "settled"
    CLOSED = "closed"
    UNSETTLED = "unsettled"


MOVES = Moves[ChargeState](
    {
        ChargeState.OPEN: frozenset({ChargeState.OPEN, ChargeState.PAID, ChargeState.CLOSED}),
        ChargeState.PAID: frozenset({ChargeState.SETTLED, ChargeState.UNSETTLED}),
        ChargeState.SETTLED: frozenset(),
        ChargeState.CLOSED: frozenset(),
        ChargeState.UNSETTLED: frozenset(),
    }
)


class Scene(StrEnum):
    """Where the person pays: inside WeChat, or by a code that any WeChat scans."""

    JSAPI = "jsapi"
    NATIVE = "native"


class OrderState(StrEnum):
    """A channel order below the charge. `opening` until the channel has answered."""

    OPENING = "opening"
    OPEN = "open"
    PAID = "paid"
    CLOSED = "closed"


class Bill(BaseModel):
    """The HIS's own price and state of a payable: it prices, we never do."""

    model_config = ConfigDict(frozen=True)
    invoice_id: str
    amount_fen: FenAmount
    open: bool
    """Issued and not yet paid or cancelled."""
    paid: bool
    """Settled there, by whomever."""


class Payment(BaseModel):
    """What we tell the HIS when money has come. The numbers are ours and the channel's, the amount is the cash leg."""

    model_config = ConfigDict(frozen=True)
    payment_no: str
    """The charge's id, 32 hex digits: the same on every repeat."""
    channel: Literal["wechat_pay"] = "wechat_pay"
    channel_no: str
    amount_fen: FenAmount
    paid_at: datetime


class ChannelOrder(BaseModel):
    """An order as the channel opened it: one of the two is what the front end pays with."""

    model_config = ConfigDict(frozen=True)
    prepay_id: str | None = None
    code_url: str | None = None


class TradeState(StrEnum):
    """The channel's word on an order; a word we don't know is `unknown`, never paid and never failed."""

    NOT_PAID = "not_paid"
    PAID = "paid"
    REFUNDED = "refunded"
    CLOSED = "closed"
    ABSENT = "absent"
    UNKNOWN = "unknown"


CAME: Final = frozenset({TradeState.PAID, TradeState.REFUNDED})
"""Money came; that it went back at the channel since is another story."""


class Trade(BaseModel):
    """The channel's query, the only authority on money."""

    model_config = ConfigDict(frozen=True)
    order_no: str
    state: TradeState
    transaction_id: str | None = None
    amount_fen: FenAmount = 0
    paid_at: datetime | None = None


class Order(Command):
    """A person wants to pay: opens a channel order, or answers with the open one."""

    kind: Literal["order"] = "order"
    allowed_in = frozenset({ChargeState.OPEN})
    scene: Scene


class Reported(News):
    """The channel reported something about one of our orders: only a reason to ask it."""

    kind: Literal["reported"] = "reported"
    order_no: str = ""
    """The order's number at the channel: by it the channel is asked, above all for money of a charge that we don't know."""


class Close(News):
    """Whoever wanted the money wants it no more; the channel has the last word."""

    kind: Literal["close"] = "close"


ChargeEvent = Annotated[Order | Reported | Close | Alarm, Field(discriminator="kind")]
COMMANDS: tuple[type[Command], ...] = (Order,)


class Charge(Row[ChargeState, ChargeEvent]):
    """The row of `charge/<id>`."""

    visit_id: UUID
