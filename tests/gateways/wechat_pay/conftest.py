"""The APIv3 adapter on the sandbox's bank, and the person with the phone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.port import WeChatPay
from gateways.wechat_pay.signing import JsapiPay
from gateways.wechat_pay.v3 import WeChatPayV3

LIMIT_S = 0.8


@dataclass(frozen=True)
class Cashier:
    """The person's side, and the bank's books."""

    outside: httpx.Client

    def pay(self, order_no: str, invocation: JsapiPay | None = None) -> httpx.Response:
        body = {"invocation": invocation.model_dump()} if invocation else None
        return self.outside.post(f"/wechat/cashier/{order_no}/pay", json=body)

    def orders(self, order_no: str) -> list[dict[str, Any]]:
        books = self.outside.get("/books/wechat_pay").raise_for_status().json()
        return [row for row in books["orders"] if row["out_trade_no"] == order_no]


@pytest.fixture
def cashier(outside: httpx.Client) -> Cashier:
    return Cashier(outside)


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
