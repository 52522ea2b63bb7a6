"""How a person plays the bank with a refund, and the merchant on its platform. No wire of WeChat Pay: no signature, no fault."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from sandbox import clock
from sandbox.wechat_pay.cashier import PersonsRoute
from sandbox.wechat_pay.fates import FateIn, Fates
from sandbox.wechat_pay.messages import Outcome
from sandbox.wechat_pay.notify import Notifier
from sandbox.wechat_pay.refunds import Refunds

OTHER_CARD = "用户其他银行卡"
"""Where a refund goes whose own card takes no money."""


class EndIn(BaseModel):
    """How a refund under way ends, now."""

    status: Outcome


def router(refunds: Refunds, fates: Fates, notifier: Notifier) -> APIRouter:
    """Routes for `{sandbox}/wechat/cashier/refunds`, hung before the cashier's own, which would take `refunds` for an order's number."""
    desk = APIRouter(prefix="/cashier/refunds", route_class=PersonsRoute, tags=["cashier"])

    @desk.post("/next", status_code=201)
    async def order(wish: FateIn) -> list[dict[str, object]]:
        fates.order(wish)
        return fates.left()

    @desk.get("/next")
    async def left() -> list[dict[str, object]]:
        return fates.left()

    @desk.delete("/next", status_code=204)
    async def clear() -> Response:
        fates.clear()
        return Response(status_code=204)

    @desk.get("/{out_refund_no}")
    async def show(out_refund_no: str) -> dict[str, object]:
        return refunds.refund(out_refund_no, clock.now()).shown()

    @desk.post("/{out_refund_no}/end")
    async def end(out_refund_no: str, wish: EndIn) -> dict[str, object]:
        return refunds.end(out_refund_no, wish.status, clock.now()).shown()

    @desk.post("/{out_refund_no}/other-card")
    async def other_card(out_refund_no: str) -> dict[str, object]:
        return refunds.retry_abnormal(out_refund_no, OTHER_CARD, clock.now()).shown()

    @desk.post("/{out_refund_no}/notify", status_code=202)
    async def notify_again(out_refund_no: str) -> dict[str, int]:
        refund = refunds.refund(out_refund_no, clock.now())
        return {"due": notifier.again(refund.out_trade_no, out_refund_no=refund.out_refund_no)}

    return desk
