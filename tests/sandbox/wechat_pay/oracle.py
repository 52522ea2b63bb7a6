"""The outside oracle: the public library `wechatpayv3`, written by others against the real WeChat Pay, as the merchant's client.

It signs with the merchant's key, refuses an answer whose signature is not the platform's, and opens the sealed notify. Its host is
private, hence the one reach into `_core._gate_way`.
"""

from typing import Any, Protocol, cast

from wechatpayv3 import WeChatPay, WeChatPayType

from tests.sandbox.wechat_pay.merchant import Merchant


class Client(Protocol):
    """The part of the library's client that these tests call."""

    def pay(self, *, description: str, out_trade_no: str, amount: dict[str, Any], **rest: Any) -> tuple[int, str]: ...
    def query(self, *, transaction_id: str | None = None, out_trade_no: str | None = None) -> tuple[int, str]: ...
    def close(self, *, out_trade_no: str) -> tuple[int, str]: ...
    def refund(
        self, out_refund_no: str, amount: dict[str, Any], transaction_id: str | None = None, out_trade_no: str | None = None, **rest: Any
    ) -> tuple[int, str]: ...
    def query_refund(self, out_refund_no: str) -> tuple[int, str]: ...
    def abnormal_refund(self, refund_id: str, out_refund_no: str, type: str, **card: str) -> tuple[int, str]: ...
    def callback(self, headers: dict[str, str], body: bytes) -> dict[str, Any] | None: ...
    def sign(self, data: list[str]) -> str: ...


def client_of(merchant: Merchant) -> Client:
    """The library with our merchant's keys, on our bank's address."""
    keys = merchant.keys
    made = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=keys["mchid"],
        private_key=keys["private_key"],
        cert_serial_no=keys["serial_no"],
        appid=keys["appid"],
        apiv3_key=keys["apiv3_key"],
        notify_url="http://127.0.0.1:9/notify",
        public_key=keys["public_key"],
        public_key_id=keys["public_key_id"],
        timeout=10,
    )
    made._core._gate_way = keys["base_url"]  # pyright: ignore[reportPrivateUsage]
    return cast("Client", made)
