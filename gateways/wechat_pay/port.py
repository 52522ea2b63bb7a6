"""What we ask of the payment channel. `out_trade_no` is our order's id as 32 hex digits."""

from datetime import datetime
from typing import Protocol

from models.charge import ChannelOrder, Scene, Trade
from models.kernel.money import FenAmount


class WeChatPay(Protocol):
    """Every call ends done, refused (`DomainError` `wechat_pay.<code>`) or unknown (`Unknown`).

    The query is the only authority on money; it and `close` never refuse.
    """

    async def order(
        self, order_no: str, *, scene: Scene, amount_fen: FenAmount, description: str, expires_at: datetime, openid: str | None = None
    ) -> ChannelOrder:
        """Opens an order; the same number with the same parameters answers the same order.

        Refused `wechat_pay.order_paid`, `wechat_pay.order_closed` (a closed order needs a new number), `wechat_pay.parameters_differ`.
        """
        ...

    async def query(self, order_no: str) -> Trade:
        """`TradeState.ABSENT` when the channel has no such order."""
        ...

    async def close(self, order_no: str) -> bool:
        """True when the channel confirmed that the order can't be paid any more (or knows no such order); False when it was paid."""
        ...
