"""The APIv3 calls on their real paths [C]: orders and refunds. Bills come later."""

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute

from sandbox import clock
from sandbox.faults import Faults
from sandbox.wechat_pay.bank import Bank
from sandbox.wechat_pay.keys import Keys
from sandbox.wechat_pay.messages import AbnormalIn, CloseIn, Kind, OrderIn, RefundIn
from sandbox.wechat_pay.refunds import Refunds
from sandbox.wechat_pay.wire import WeChatPayError, signed_route, unsealed


def router(bank: Bank, refunds: Refunds, keys: Keys, faults: Faults) -> APIRouter:
    """Routes for `{sandbox}/wechat`."""
    route = signed_route(faults, keys)
    calls = APIRouter(tags=["wechat_pay"])
    calls.include_router(_orders(bank, keys, route))
    calls.include_router(_refunds(refunds, keys, route))
    return calls


def _orders(bank: Bank, keys: Keys, route: type[APIRoute]) -> APIRouter:
    calls = APIRouter(prefix="/v3/pay/transactions", route_class=route)

    def check_mchid(mchid: str) -> None:
        if mchid != keys.mchid:
            raise WeChatPayError(403, "NO_AUTH", "商户号与签名的商户号不一致")

    @calls.post("/{kind}")
    async def place(kind: Kind, wish: OrderIn) -> dict[str, object]:
        check_mchid(wish.mchid)
        if wish.appid != keys.appid:
            raise WeChatPayError(400, "APPID_MCHID_NOT_MATCH", "AppID和mch_id不匹配")
        if kind == "jsapi" and wish.payer is None:
            raise _missing("/payer/openid")
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


def _refunds(refunds: Refunds, keys: Keys, route: type[APIRoute]) -> APIRouter:
    calls = APIRouter(prefix="/v3/refund/domestic/refunds", route_class=route)

    @calls.post("")
    async def apply(wish: RefundIn) -> dict[str, object]:
        if wish.transaction_id is None and wish.out_trade_no is None:
            raise _missing("/transaction_id")
        return refunds.apply(wish, clock.now()).shown()

    @calls.get("/{out_refund_no}")
    async def query(out_refund_no: str) -> dict[str, object]:
        return refunds.refund(out_refund_no, clock.now()).shown()

    @calls.post("/{refund_id}/apply-abnormal-refund")
    async def apply_abnormal(refund_id: str, wish: AbnormalIn) -> dict[str, object]:
        return refunds.retry_abnormal(wish.out_refund_no, _received_by(keys, wish), clock.now(), refund_id=refund_id).shown()

    return calls


def _received_by(keys: Keys, wish: AbnormalIn) -> str:
    """Where an abnormal refund goes: the merchant's own account, or a card whose number and owner came sealed [C]."""
    if wish.type == "MERCHANT_BANK_CARD":
        return "商户结算银行账户"
    for field in ("bank_type", "bank_account", "real_name"):
        if getattr(wish, field) is None:
            raise _missing(f"/{field}")
    card, owner = (unsealed(keys, sealed or "") for sealed in (wish.bank_account, wish.real_name))
    if not card or not owner:
        raise WeChatPayError(400, "PARAM_ERROR", "敏感信息解密失败")
    return f"银行卡{card[-4:]}"


def _missing(field: str) -> WeChatPayError:
    return WeChatPayError(400, "PARAM_ERROR", "参数错误", {"location": "body", "field": field, "issue": "Field required"})
