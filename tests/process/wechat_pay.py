"""A payment channel in memory, written by hand: orders, and the money that people pay for them."""

from dataclasses import dataclass
from datetime import datetime

from models.charge import ChannelOrder, Scene, Trade, TradeState
from models.kernel.clock import Clock
from models.kernel.errors import DomainError
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


class InMemoryWeChatPay(Line):
    """The port `WeChatPay`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.orders: dict[str, Placed] = {}

    def pay(self, number: str, *, amount_fen: int | None = None) -> None:
        """A person pays in the channel's own cashier."""
        order = self.orders[number]
        if order.state is not TradeState.NOT_PAID:
            raise AssertionError(f"the cashier has no open order, it is {order.state}")
        order.state, order.paid_at = TradeState.PAID, self._clock()
        order.transaction_id = f"42000{len(self.orders):023d}"
        order.amount_fen = amount_fen or order.amount_fen

    @property
    def payable(self) -> list[Placed]:
        return [one for one in self.orders.values() if one.state is TradeState.NOT_PAID]

    @property
    def takings_fen(self) -> int:
        return sum(one.amount_fen for one in self.orders.values() if one.state is TradeState.PAID)

    async def order(
        self, order_no: str, *, scene: Scene, amount_fen: int, description: str, expires_at: datetime, openid: str | None = None
    ) -> ChannelOrder:
        def place() -> ChannelOrder:
            placed = self.orders.setdefault(order_no, Placed(order_no, scene, amount_fen, expires_at))
            if placed.state is not TradeState.NOT_PAID:
                raise DomainError("wechat_pay.order_paid" if placed.state is TradeState.PAID else "wechat_pay.order_closed", "conflict")
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

    def _trade(self, order_no: str) -> Trade:
        order = self.orders.get(order_no)
        if order is None:
            return Trade(order_no=order_no, state=TradeState.ABSENT)
        paid = order.amount_fen if order.transaction_id else 0
        return Trade(order_no=order_no, state=order.state, transaction_id=order.transaction_id, amount_fen=paid, paid_at=order.paid_at)
