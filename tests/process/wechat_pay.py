"""A payment channel in memory, written by hand: orders, the money that people pay for them, and what goes back."""

from dataclasses import dataclass
from datetime import datetime

from models.charge import ChannelOrder, Scene, Trade, TradeState
from models.kernel.clock import Clock
from models.kernel.errors import DomainError
from models.refund import ChannelRefund, RefundStatus
from tests.process.line import Line


@dataclass
class Placed:
    """An order as the channel has it."""

    number: str
    scene: Scene
    amount_fen: int
    expires_at: datetime
    state: TradeState = TradeState.NOT_PAID
    transaction_id: str | None = None
    paid_at: datetime | None = None


@dataclass
class Given:
    """A refund as the channel has it."""

    refund_id: str
    order_no: str
    amount_fen: int
    reason: str
    status: RefundStatus = RefundStatus.PROCESSING
    arrived_at: datetime | None = None


CAME = frozenset({TradeState.PAID, TradeState.REFUNDED})


class InMemoryWeChatPay(Line):
    """The port `WeChatPay`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.orders: dict[str, Placed] = {}
        self.refunds: dict[str, Given] = {}

    def pay(self, number: str, *, amount_fen: int | None = None) -> None:
        """A person pays in the channel's own cashier."""
        order = self.orders[number]
        if order.state is not TradeState.NOT_PAID:
            raise AssertionError(f"the cashier has no open order, it is {order.state}")
        order.state, order.paid_at = TradeState.PAID, self._clock()
        order.transaction_id = f"42{number}"  # an order is paid once
        order.amount_fen = amount_fen or order.amount_fen

    @property
    def payable(self) -> list[Placed]:
        return [one for one in self.orders.values() if one.state is TradeState.NOT_PAID]

    @property
    def takings_fen(self) -> int:
        return sum(one.amount_fen for one in self.orders.values() if one.state in CAME)

    async def order(
        self, order_no: str, *, scene: Scene, amount_fen: int, description: str, expires_at: datetime, openid: str | None = None
    ) -> ChannelOrder:
        def place() -> ChannelOrder:
            placed = self.orders.setdefault(order_no, Placed(order_no, scene, amount_fen, expires_at))
            if placed.state is not TradeState.NOT_PAID:
                raise DomainError("wechat_pay.order_paid" if placed.state in CAME else "wechat_pay.order_closed", "conflict")
            if (placed.scene, placed.amount_fen, placed.expires_at) != (scene, amount_fen, expires_at):
                raise DomainError("wechat_pay.parameters_differ", "conflict")
            return ChannelOrder(prepay_id=f"wx{order_no}") if scene is Scene.JSAPI else ChannelOrder(code_url=f"weixin://pay/{order_no}")

        return await self.answer("order", place)

    async def query(self, order_no: str) -> Trade:
        return await self.answer("query", lambda: self._trade(order_no))

    async def close(self, order_no: str) -> bool:
        def close() -> bool:
            order = self.orders.get(order_no)
            if order and order.state is TradeState.NOT_PAID:
                order.state = TradeState.CLOSED
            return order is None or order.state is TradeState.CLOSED

        return await self.answer("close", close)

    async def refund(self, refund_no: str, *, order_no: str, amount_fen: int, total_fen: int, reason: str) -> ChannelRefund:
        def accept() -> ChannelRefund:
            if refund_no not in self.refunds:
                self._check_refund(order_no, amount_fen, total_fen)
                self.refunds[refund_no] = Given(f"50300{len(self.refunds):024d}", order_no, amount_fen, reason)
                self.orders[order_no].state = TradeState.REFUNDED
            given = self.refunds[refund_no]
            if (given.order_no, given.amount_fen, given.reason) != (order_no, amount_fen, reason):
                raise DomainError("wechat_pay.parameters_differ", "conflict")
            return self._refund(refund_no)

        return await self.answer("refund", accept)

    async def query_refund(self, refund_no: str) -> ChannelRefund:
        return await self.answer("query_refund", lambda: self._refund(refund_no))

    def ends(self, refund_no: str, status: RefundStatus = RefundStatus.SUCCESS) -> None:
        """The channel has carried a refund out, or gives it up."""
        given = self.refunds[refund_no]
        given.status = status
        given.arrived_at = self._clock() if status is RefundStatus.SUCCESS else None
        if all(one.status is RefundStatus.CLOSED for one in self.refunds.values() if one.order_no == given.order_no):
            self.orders[given.order_no].state = TradeState.PAID

    @property
    def given_back_fen(self) -> int:
        """What has left the merchant."""
        return sum(one.amount_fen for one in self.refunds.values() if one.status is not RefundStatus.CLOSED)

    def _check_refund(self, order_no: str, amount_fen: int, total_fen: int) -> None:
        order = self.orders.get(order_no)
        if order is None or order.state not in CAME:
            raise DomainError("wechat_pay.order_not_paid", "conflict")
        if total_fen != order.amount_fen:
            raise DomainError("wechat_pay.parameters_differ", "conflict")
        gone = sum(one.amount_fen for one in self.refunds.values() if one.order_no == order_no and one.status is not RefundStatus.CLOSED)
        if gone + amount_fen > order.amount_fen:
            raise DomainError("wechat_pay.refund_exceeded", "conflict")

    def _refund(self, refund_no: str) -> ChannelRefund:
        given = self.refunds.get(refund_no)
        if given is None:
            return ChannelRefund(refund_no=refund_no, status=RefundStatus.ABSENT)
        return ChannelRefund(
            refund_no=refund_no,
            status=given.status,
            refund_id=given.refund_id,
            amount_fen=given.amount_fen,
            arrived_at=given.arrived_at,
        )

    def _trade(self, order_no: str) -> Trade:
        order = self.orders.get(order_no)
        if order is None:
            return Trade(order_no=order_no, state=TradeState.ABSENT)
        paid = order.amount_fen if order.transaction_id else 0
        return Trade(order_no=order_no, state=order.state, transaction_id=order.transaction_id, amount_fen=paid, paid_at=order.paid_at)
