"""What we ask of the payment channel. `out_trade_no` is our order's id, `out_refund_no` our refund's, each as 32 hex digits."""

from datetime import datetime
from typing import Protocol

from models.charge import ChannelOrder, Scene, Trade
from models.kernel.money import FenAmount
from models.refund import ChannelRefund


class WeChatPay(Protocol):
    """Every call ends done, refused (`DomainError` `wechat_pay.<code>`) or unknown (`Unknown`).

    The queries are the only authority on money; they and `close` never refuse.
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

    async def refund(self, refund_no: str, *, order_no: str, amount_fen: FenAmount, total_fen: FenAmount, reason: str) -> ChannelRefund:
        """Gives back `amount_fen` of what the order took, `total_fen`. Accepted is not arrived: the query says when it has.

        The same number with the same parameters is the same refund, whatever became of it, and answers what it is now. `reason` is read
        by the payer: a few fixed words, at most 80 characters, never a diagnosis.

        Refused, and then there is no refund of this number and the same may be tried again: `wechat_pay.not_enough` (the merchant's
        balance), `wechat_pay.account_abnormal` (the payer's account is gone), `wechat_pay.refund_exceeded` (more than is left of the
        payment, or nothing is), `wechat_pay.refund_too_late` (a year after the payment), `wechat_pay.order_not_paid` (or unknown). Refused
        `wechat_pay.parameters_differ` when the number stands for another refund.
        """
        ...

    async def query_refund(self, refund_no: str) -> ChannelRefund:
        """`RefundStatus.ABSENT` when the channel has no such refund."""
        ...
