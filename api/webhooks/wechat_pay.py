"""What WeChat Pay tells us: verified, kept in the inbox, answered; only then a knock. A lost knock is the relay's."""

from functools import cache
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api.act import request_id
from api.pathways import AskPathways
from api.problems import STATUS, on_its_wire
from api.wiring import Now, Wired
from gateways.wechat_pay.inbound import Notify, RefundNotify, WeChatPayAccount, open_notify
from models.charge import Reported
from models.kernel import ids
from models.kernel.errors import DomainError
from models.process import News
from models.refund import RefundReported
from models.stores import charge as charges
from models.stores import inbox
from models.stores import refund as refunds
from models.stores.database import Database

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/wechat-pay"
log = structlog.get_logger()


def _said(code: str) -> dict[str, str | int]:
    return {"code": "FAIL", "message": code}


@router.post(
    PATH,
    status_code=204,
    response_class=Response,
    responses=on_its_wire(_said, anonymous=("wechat_pay.signature",), malformed=("wechat_pay.malformed",), invalid=("wechat_pay.foreign",)),
)
async def notified(request: Request, wiring: Wired, now: Now, pathways: AskPathways) -> Response:
    """A payment or a refund's end is reported: 204 once it is kept; 4xx with WeChat Pay's error body when it can't be trusted or read."""
    account = _account(wiring.settings.public_url + PATH, *wiring.settings.wechat_pay.plain().items())
    try:
        notify = open_notify(account, request.headers, await request.body(), now)
    except DomainError as refused:
        log.warning("wechat_pay.notify_refused", code=refused.code, **refused.params)
        return JSONResponse(_said(refused.code), STATUS[refused.kind])
    if isinstance(notify, RefundNotify):
        kept = await _refund_reported(wiring.database, notify)
    else:
        kept = await _reported(wiring.database, notify)
    return Response(status_code=204, background=BackgroundTask(pathways.runs.knock, *kept) if kept else None)


async def _reported(database: Database, notify: Notify) -> tuple[str, UUID, News] | None:
    """Money of an unknown order has no desk: kept, and the relay looks after it. Another sum is only said: the query decides."""
    event = Reported(id=ids.derived("inbox", "wechat_pay", notify.notify_id), order_no=notify.order_no, request=request_id())
    async with database.transaction() as db:
        charge_id = await charges.of_order_no(db, notify.order_no)
        charge = await charges.facts(db, charge_id) if charge_id else None
        await inbox.bring(db, "charge", charge_id, event, party="wechat_pay", external_id=notify.notify_id)
    if charge is None:
        log.error("wechat_pay.unknown_order", notify_id=notify.notify_id, order_no=notify.order_no)
        return None
    if notify.amount_fen != charge.amount_fen:
        sums = {"amount_fen": notify.amount_fen, "asked_fen": charge.amount_fen}
        log.error("wechat_pay.other_amount", notify_id=notify.notify_id, order_no=notify.order_no, **sums)
    return "charge", charge.id, event


async def _refund_reported(database: Database, notify: RefundNotify) -> tuple[str, UUID, News] | None:
    """A refund that somebody made at the channel's own desk is none of ours: its lines are found when the day is reconciled."""
    event = RefundReported(id=ids.derived("inbox", "wechat_pay", notify.notify_id), request=request_id())
    async with database.transaction() as db:
        refund_id = await refunds.of_number(db, notify.refund_no)
        if refund_id is not None:
            await inbox.bring(db, "refund", refund_id, event, party="wechat_pay", external_id=notify.notify_id)
    if refund_id is None:
        log.error("wechat_pay.unknown_refund", notify_id=notify.notify_id, refund_no=notify.refund_no)
        return None
    return "refund", refund_id, event


@cache
def _account(notify_url: str, *fields: tuple[str, str]) -> WeChatPayAccount:
    """Keys are parsed once."""
    return WeChatPayAccount(**dict(fields), notify_url=notify_url)
