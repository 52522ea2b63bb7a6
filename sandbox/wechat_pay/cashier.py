"""The person's phone: pays what the merchant ordered. A wire of the sandbox alone, so it carries no signature and meets no fault."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from sandbox import clock
from sandbox.wechat_pay.bank import Bank, Order
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.notify import Notifier
from sandbox.wechat_pay.wire import WeChatPayError, signed_by_merchant


class JsapiInvocation(BaseModel):
    """What a mini-program or an official-account page hands to `wx.requestPayment`; the 4th signed line is `prepay_id=wx…` [C]."""

    appId: str  # noqa: N815  the wire's own name
    timeStamp: str  # noqa: N815
    nonceStr: str  # noqa: N815
    package: Annotated[str, Field(pattern="^prepay_id=")]
    signType: Literal["RSA"]  # noqa: N815
    paySign: str  # noqa: N815

    def signed(self) -> tuple[tuple[str, str, str, str], str]:
        """The four lines and their signature."""
        return (self.appId, self.timeStamp, self.nonceStr, self.package), self.paySign


class AppInvocation(BaseModel):
    """What an App hands to the SDK; the 4th signed line is the bare prepay_id [C]."""

    appId: str  # noqa: N815  the wire's own name
    partnerId: str  # noqa: N815
    prepayId: str  # noqa: N815
    packageValue: Literal["Sign=WXPay"]  # noqa: N815
    nonceStr: str  # noqa: N815
    timeStamp: str  # noqa: N815
    sign: str

    def signed(self) -> tuple[tuple[str, str, str, str], str]:
        """The four lines and their signature."""
        return (self.appId, self.timeStamp, self.nonceStr, self.prepayId), self.sign


class PayIn(BaseModel):
    """Who pays, and what their front end was given: when given, its signature is checked as a phone checks it."""

    payer_openid: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    invocation: JsapiInvocation | AppInvocation | None = None


class PersonsRoute(APIRoute):
    """A call of a person: unsigned, a refusal in the same words as on the signed wire."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except WeChatPayError as refusal:
                return refusal.response()

        return handler


def router(bank: Bank, notifier: Notifier, keys: Keys) -> APIRouter:
    """Routes for `{sandbox}/wechat/cashier`; a refusal has the same body as on the signed wire."""
    phone = APIRouter(prefix="/cashier", route_class=PersonsRoute, tags=["cashier"])

    def pay(order: Order, wish: PayIn | None) -> dict[str, object]:
        wish = wish or PayIn()
        if wish.invocation is not None:
            _check_invocation(keys, order, wish.invocation)
        return bank.pay(order.out_trade_no, wish.payer_openid, clock.now()).transaction()

    @phone.get("/{out_trade_no}")
    async def show(out_trade_no: str) -> dict[str, object]:
        return bank.order(out_trade_no, clock.now()).transaction()

    @phone.post("/{out_trade_no}/pay")
    async def pay_order(out_trade_no: str, wish: PayIn | None = None) -> dict[str, object]:
        return pay(bank.order(out_trade_no, clock.now()), wish)

    @phone.post("/prepay/{prepay_id}/pay")
    async def pay_prepaid(prepay_id: str, wish: PayIn | None = None) -> dict[str, object]:
        return pay(bank.by_prepay(prepay_id, clock.now()), wish)

    @phone.post("/{out_trade_no}/notify", status_code=202)
    async def notify_again(out_trade_no: str) -> dict[str, int]:
        return {"due": notifier.again(bank.order(out_trade_no, clock.now()).out_trade_no)}

    return phone


def _check_invocation(keys: Keys, order: Order, invocation: JsapiInvocation | AppInvocation) -> None:
    lines, signature = invocation.signed()
    names = {order.prepay_id, f"prepay_id={order.prepay_id}"}
    if lines[0] != order.appid or lines[3] not in names or not signed_by_merchant(keys, lines, signature):
        raise WeChatPayError(409, "SIGN_ERROR", "支付验证签名失败")
