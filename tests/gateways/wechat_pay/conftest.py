"""The APIv3 adapter on the sandbox's bank, and the person with the phone."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.port import WeChatPay
from gateways.wechat_pay.signing import JsapiPay
from gateways.wechat_pay.v3 import WeChatPayV3

LIMIT_S = 2.0


@dataclass(frozen=True)
class Cashier:
    """The person's side, and the bank's books."""

    outside: httpx.Client

    def pay(self, order_no: str, invocation: JsapiPay | None = None) -> httpx.Response:
        body = {"invocation": invocation.model_dump()} if invocation else None
        return self.outside.post(f"/wechat/cashier/{order_no}/pay", json=body)

    def next_refund(self, fate: str, order_no: str) -> None:
        """What the next refund of that order comes to."""
        self.outside.post("/wechat/cashier/refunds/next", json={"fate": fate, "out_trade_no": order_no}).raise_for_status()

    def end_refund(self, refund_no: str, status: str) -> None:
        """A refund under way ends now."""
        self.outside.post(f"/wechat/cashier/refunds/{refund_no}/end", json={"status": status}).raise_for_status()

    def notify_again(self, order_no: str) -> None:
        self.outside.post(f"/wechat/cashier/{order_no}/notify").raise_for_status()

    def refunds(self, order_no: str) -> list[dict[str, Any]]:
        books = self.outside.get("/books/wechat_pay").raise_for_status().json()
        return [row for row in books["refunds"] if row["out_trade_no"] == order_no]

    def orders(self, order_no: str) -> list[dict[str, Any]]:
        books = self.outside.get("/books/wechat_pay").raise_for_status().json()
        return [row for row in books["orders"] if row["out_trade_no"] == order_no]


@pytest.fixture
def cashier(outside: httpx.Client) -> Cashier:
    return Cashier(outside)


@pytest.fixture
def outside_refuses(outside: httpx.Client) -> Callable[[str, str], None]:
    """The next call of that name is refused by WeChat Pay with that code."""

    def refuse(call: str, code: str) -> None:
        wish = {"system": "wechat_pay", "call": call, "kind": "refused", "code": code}
        outside.post("/faults", json=wish).raise_for_status()

    return refuse


@pytest.fixture
def merchant(credentials: dict[str, Any]) -> WeChatPayAccount:
    return WeChatPayAccount(notify_url="http://127.0.0.1:9/v1/webhooks/wechat-pay", **credentials["wechat_pay"])


@pytest.fixture
async def wechat_pay(merchant: WeChatPayAccount) -> AsyncIterator[WeChatPayV3]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = WeChatPayV3(merchant, limit_s=LIMIT_S)
    _: WeChatPay = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()
