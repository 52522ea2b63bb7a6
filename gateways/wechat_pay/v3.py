"""WeChat Pay APIv3 over its own wire; production and sandbox differ in the account alone."""

import json
from collections.abc import Mapping
from datetime import datetime

import structlog
from pydantic import BaseModel
from structlog.typing import FilteringBoundLogger

from gateways.wechat_pay import refund
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.refund import SeenRefund
from gateways.wechat_pay.signing import authorization, distrust
from gateways.wechat_pay.transaction import Transaction
from gateways.wire import LIMIT_S, Answer, Call, Wire
from models.charge import ChannelOrder, Scene, Trade, TradeState
from models.kernel.clock import SHANGHAI, Clock, now
from models.kernel.errors import DomainError, Unknown
from models.kernel.money import FenAmount
from models.refund import ChannelRefund, RefundStatus

_STATES = {
    "NOTPAY": TradeState.NOT_PAID,
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.REFUNDED,
    "CLOSED": TradeState.CLOSED,
}
"""USERPAYING, PAYERROR and REVOKED belong to code payment [G], which we don't use: unknown."""

_ORDER_REFUSALS = {
    "ORDERPAID": "order_paid",
    "ORDER_CLOSED": "order_closed",
    "OUT_TRADE_NO_USED": "parameters_differ",
}
"""Codes of a refused order [G] and our words for them."""

_ORDER_TEXTS = {
    "该订单已支付": "order_paid",
    "请求重入时参数与首次请求时不一致": "parameters_differ",
}
"""INVALID_REQUEST says which only in its text [C]: the wire leaves us no other sign."""

_REFUNDS = "/v3/refund/domestic/refunds"

_log: FilteringBoundLogger = structlog.get_logger()


class _Prepaid(BaseModel):
    prepay_id: str


class _Code(BaseModel):
    code_url: str


class _Refusal(BaseModel):
    code: str
    message: str = ""


class WeChatPayV3:
    """The port `WeChatPay` over APIv3: JSAPI and Native orders, query, close, refunds. One for the life of the process."""

    def __init__(self, account: WeChatPayAccount, *, clock: Clock = now, limit_s: float = LIMIT_S) -> None:
        self._account, self._clock = account, clock
        self._wire = Wire("wechat_pay", account.base_url, limit_s=limit_s)

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def order(
        self, order_no: str, *, scene: Scene, amount_fen: FenAmount, description: str, expires_at: datetime, openid: str | None = None
    ) -> ChannelOrder:
        """POST /v3/pay/transactions/{jsapi,native} [C]; the same number with the same parameters is the same order [C].

        Besides the port's refusals `wechat_pay.openid_missing`; a code of the wire that is none of these is our own fault or WeChat Pay's
        (SIGN_ERROR, NO_AUTH …): refused as `unavailable`, and loud.
        """
        order: dict[str, object] = {
            "appid": self._account.appid,
            "mchid": self._account.mchid,
            "description": description,
            "out_trade_no": order_no,
            "time_expire": expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
            "notify_url": self._account.notify_url,
            "amount": {"total": amount_fen, "currency": "CNY"},
        }
        if scene is Scene.JSAPI:
            if not openid:
                raise DomainError("wechat_pay.openid_missing", "invalid")
            order["payer"] = {"openid": openid}
        async with self._wire.call("order", order_no=order_no, scene=str(scene), amount_fen=amount_fen) as call:
            answer = await self._send(call, "POST", f"/v3/pay/transactions/{scene}", order)
            if not answer.granted:
                raise self._refused(call, answer, _ORDER_REFUSALS, _ORDER_TEXTS)
            match scene:
                case Scene.JSAPI:
                    return ChannelOrder(prepay_id=_Prepaid.model_validate(answer.json()).prepay_id)
                case Scene.NATIVE:
                    return ChannelOrder(code_url=_Code.model_validate(answer.json()).code_url)

    async def query(self, order_no: str) -> Trade:
        """GET /v3/pay/transactions/out-trade-no/{no} [C]: a trade or unknown, never a refusal: what is not understood decides nothing."""
        async with self._wire.call("query", order_no=order_no) as call:
            return await self._trade(call, order_no)

    async def close(self, order_no: str) -> bool:
        """POST …/close: 204 closes it for good [C]. Any other answer (paid, closed already, not there) is decided by the query."""
        async with self._wire.call("close", order_no=order_no) as call:
            path = f"/v3/pay/transactions/out-trade-no/{order_no}/close"
            answer = await self._send(call, "POST", path, {"mchid": self._account.mchid})
            if answer.granted:
                return True
            call.note(answered=_Refusal.model_validate(answer.json()).code)
            trade = await self._trade(call, order_no)
            match trade.state:
                case TradeState.CLOSED | TradeState.ABSENT:
                    return True
                case TradeState.PAID | TradeState.REFUNDED:
                    return False
                case TradeState.NOT_PAID | TradeState.UNKNOWN:
                    raise Unknown(f"not closed, and {trade.state}")

    async def refund(self, refund_no: str, *, order_no: str, amount_fen: FenAmount, total_fen: FenAmount, reason: str) -> ChannelRefund:
        """POST /v3/refund/domestic/refunds [C]; 200 is accepted, not arrived [C]. One number is one refund [C]."""
        wish: dict[str, object] = {
            "out_trade_no": order_no,
            "out_refund_no": refund_no,
            "reason": reason,
            "notify_url": self._account.notify_url,
            "amount": {"refund": amount_fen, "total": total_fen, "currency": "CNY"},
        }
        async with self._wire.call("refund", refund_no=refund_no, order_no=order_no, amount_fen=amount_fen) as call:
            answer = await self._send(call, "POST", _REFUNDS, wish)
            if not answer.granted:
                raise self._refused(call, answer, refund.REFUSALS, refund.TEXTS)
            seen = SeenRefund.model_validate(answer.json())
            if (seen.out_trade_no, seen.amount.refund, seen.amount.total) != (order_no, amount_fen, total_fen):
                raise self._puzzled(call, answer)
            return self._refund(call, answer, seen, refund_no)

    async def query_refund(self, refund_no: str) -> ChannelRefund:
        """GET /v3/refund/domestic/refunds/{out_refund_no} [C]: a refund or unknown, never a refusal."""
        async with self._wire.call("query_refund", refund_no=refund_no) as call:
            answer = await self._send(call, "GET", f"{_REFUNDS}/{refund_no}")
            if answer.status == 404 and _Refusal.model_validate(answer.json()).code == "RESOURCE_NOT_EXISTS":
                return ChannelRefund(refund_no=refund_no, status=RefundStatus.ABSENT)
            if not answer.granted:
                raise self._puzzled(call, answer)
            return self._refund(call, answer, SeenRefund.model_validate(answer.json()), refund_no)

    def _refund(self, call: Call, answer: Answer, seen: SeenRefund, refund_no: str) -> ChannelRefund:
        status = refund.STATUSES.get(seen.status, RefundStatus.UNKNOWN)
        arrived = status is RefundStatus.SUCCESS
        if seen.out_refund_no != refund_no or (arrived and seen.success_time is None):
            raise self._puzzled(call, answer)
        call.note(refund_status=seen.status, refund_id=seen.refund_id)
        return ChannelRefund(
            refund_no=refund_no,
            status=status,
            refund_id=seen.refund_id,
            amount_fen=seen.amount.refund,
            arrived_at=seen.success_time if arrived else None,
        )

    async def _trade(self, call: Call, order_no: str) -> Trade:
        answer = await self._send(call, "GET", f"/v3/pay/transactions/out-trade-no/{order_no}?mchid={self._account.mchid}")
        if answer.status == 404 and _Refusal.model_validate(answer.json()).code == "ORDER_NOT_EXIST":
            return Trade(order_no=order_no, state=TradeState.ABSENT)
        if not answer.granted:
            raise self._puzzled(call, answer)
        seen = Transaction.model_validate(answer.json())
        if (seen.out_trade_no, seen.mchid, seen.appid) != (order_no, self._account.mchid, self._account.appid):
            raise self._puzzled(call, answer)
        state = _STATES.get(seen.trade_state, TradeState.UNKNOWN)
        if state in {TradeState.PAID, TradeState.REFUNDED} and None in (seen.transaction_id, seen.success_time, seen.amount):
            raise self._puzzled(call, answer)
        call.note(trade_state=seen.trade_state, transaction_id=seen.transaction_id)
        return Trade(
            order_no=order_no,
            state=state,
            transaction_id=seen.transaction_id,
            amount_fen=seen.amount.total if seen.amount else 0,
            paid_at=seen.success_time,
        )

    async def _send(self, call: Call, method: str, target: str, message: object = None) -> Answer:
        """One signed request and an answer that is WeChat Pay's own. Every call here is repeatable: its number makes it one."""
        body = b"" if message is None else json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        at = self._clock()
        headers = {
            "Authorization": authorization(self._account, method, target, body, at),
            "Accept": "application/json",
            "Wechatpay-Serial": self._account.public_key_id,  # asks to be answered under this key, not the platform certificate [C]
        }
        if body:
            headers["Content-Type"] = "application/json"
        answer = await call.send(method, self._wire.base_url + target, repeatable=True, headers=headers, content=body or None)
        call.note(wire_request_id=answer.headers.get("request-id"))
        signed = "wechatpay-signature" in answer.headers
        if (answer.granted or signed) and (reason := distrust(self._account, answer.headers, answer.body, self._clock())):
            _log.error("wechat_pay.distrusted", reason=reason, status=answer.status, **call.numbers)
            raise Unknown("the answer is not WeChat Pay's")
        return answer  # the provider's own clients verify successes only: a refusal may come unsigned [B]

    def _refused(self, call: Call, answer: Answer, codes: Mapping[str, str], texts: Mapping[str, str]) -> DomainError:
        refusal = _Refusal.model_validate(answer.json())
        said = next((ours for text, ours in texts.items() if text in refusal.message), None)
        if ours := codes.get(refusal.code) or said:
            return DomainError(f"wechat_pay.{ours}", "conflict")
        _log.error("wechat_pay.misunderstood", answered=refusal.code, status=answer.status, **call.numbers)
        return DomainError(f"wechat_pay.{refusal.code.lower()}", "unavailable")

    def _puzzled(self, call: Call, answer: Answer) -> Unknown:
        _log.error("wechat_pay.misunderstood", status=answer.status, **call.numbers)
        return Unknown("an answer that decides nothing")
