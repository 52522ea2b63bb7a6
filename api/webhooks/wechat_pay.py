"""What WeChat Pay tells us: verified, kept in the inbox, answered; only then a knock. A lost knock is the relay's."""

from functools import cache
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api.act import request_id
from api.pathways import AskPathways
from api.problems import STATUS
from api.wiring import Now, Wired
from gateways.wechat_pay.inbound import Notify, RefundNotify, WeChatPayAccount, open_notify
from models.charge import Reported
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import charge as charges
from models.stores import inbox

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/wechat-pay"
log = structlog.get_logger()


@router.post(PATH, status_code=204, response_class=Response, responses={401: {"description": "Not signed by WeChat Pay."}})
async def notified(request: Request, wiring: Wired, now: Now, pathways: AskPathways) -> Response:
    """A payment or a refund's end is reported: 204 once it is kept; 4xx with WeChat Pay's error body when it can't be trusted or read."""
    account = _account(wiring.settings.public_url + PATH, *wiring.settings.wechat_pay.plain().items())
    try:
        notify = open_notify(account, request.headers, await request.body(), now)
    except DomainError as refused:
        log.warning("wechat_pay.notify_refused", code=refused.code, **refused.params)
        return JSONResponse({"code": "FAIL", "message": refused.code}, STATUS[refused.kind])
    if isinstance(notify, RefundNotify):  # kept by nobody: whoever wants money back asks the channel by the refund's number
        log.info("wechat_pay.refund_notified", notify_id=notify.notify_id, refund_no=notify.refund_no, refund_status=notify.refund_status)
        return Response(status_code=204)
    event = Reported(id=ids.derived("inbox", "wechat_pay", notify.notify_id), order_no=notify.order_no, request=request_id())
    async with wiring.database.transaction() as db:
        charge_id = await charges.of_order(db, order_id) if (order_id := _order_id(notify)) else None
        await inbox.bring(db, "charge", charge_id, event, party="wechat_pay", external_id=notify.notify_id)
    if charge_id is None:  # money for a charge that we don't know: kept, and for a person to see
        log.error("wechat_pay.unknown_order", notify_id=notify.notify_id, order_no=notify.order_no)
        return Response(status_code=204)
    return Response(status_code=204, background=BackgroundTask(pathways.runs.knock, "charge", charge_id, event))


@cache
def _account(notify_url: str, *fields: tuple[str, str]) -> WeChatPayAccount:
    """Keys are parsed once."""
    return WeChatPayAccount(**dict(fields), notify_url=notify_url)


def _order_id(notify: Notify) -> UUID | None:
    try:
        return UUID(hex=notify.order_no)
    except ValueError:
        return None
