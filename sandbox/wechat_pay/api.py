"""The APIv3 order calls on their real paths [C]; refunds and bills come later."""

from fastapi import APIRouter, Response

from sandbox import clock
from sandbox.faults import Faults
from sandbox.wechat_pay.bank import Bank
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.messages import CloseIn, Kind, OrderIn
from sandbox.wechat_pay.wire import WeChatPayError, signed_route


def router(bank: Bank, keys: Keys, faults: Faults) -> APIRouter:
    """Routes for `{sandbox}/wechat`."""
    calls = APIRouter(prefix="/v3/pay/transactions", route_class=signed_route(faults, keys), tags=["wechat_pay"])

    def check_mchid(mchid: str) -> None:
        if mchid != keys.mchid:
            raise WeChatPayError(403, "NO_AUTH", "商户号与签名的商户号不一致")

    @calls.post("/{kind}")
    async def place(kind: Kind, wish: OrderIn) -> dict[str, object]:
        check_mchid(wish.mchid)
        if wish.appid != keys.appid:
            raise WeChatPayError(400, "APPID_MCHID_NOT_MATCH", "AppID和mch_id不匹配")
        if kind == "jsapi" and wish.payer is None:
            detail = {"location": "body", "field": "/payer/openid", "issue": "Field required"}
            raise WeChatPayError(400, "PARAM_ERROR", "参数错误", detail)
        order = bank.place(kind, wish, clock.now())
        return {"code_url": order.code_url} if kind == "native" else {"prepay_id": order.prepay_id}

    @calls.get("/out-trade-no/{out_trade_no}")
    async def by_our_number(out_trade_no: str, mchid: str) -> dict[str, object]:
        check_mchid(mchid)
        return bank.order(out_trade_no, clock.now()).transaction()

    @calls.get("/id/{transaction_id}")
    async def by_their_number(transaction_id: str, mchid: str) -> dict[str, object]:
        check_mchid(mchid)
        return bank.by_transaction(transaction_id, clock.now()).transaction()

    @calls.post("/out-trade-no/{out_trade_no}/close")
    async def close(out_trade_no: str, wish: CloseIn) -> Response:
        check_mchid(wish.mchid)
        bank.close(out_trade_no, clock.now())
        return Response(status_code=204)

    return calls
