"""What Aliyun pushes of messages that it took: a knock, and no more. It carries no signature, so only both numbers of a message of ours
open the door, and only the carrier, asked, is believed. A report that never comes is made good by asking anyway.
"""

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.problems import STATUS, on_its_wire
from api.wiring import Now, Wired
from gateways.sms.inbound import read_push
from models.kernel.errors import DomainError
from models.stores import message as messages

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/sms"
UNKNOWN = "sms.unknown_message"
log = structlog.get_logger()


def _said(code: str) -> dict[str, str | int]:
    return {"code": 1, "msg": code}


@router.post(PATH, responses=on_its_wire(_said, malformed=("sms.malformed",), missing=(UNKNOWN,)))
async def reported(request: Request, wiring: Wired, now: Now) -> JSONResponse:
    """Something became of messages. With 200 they do not come again [C]; of none of ours, as before we know the receipt, they shall."""
    try:
        told = read_push(await request.body())
        async with wiring.database.transaction() as db:
            ours = [one.message_id is not None and await messages.knocked(db, one.message_id, one.receipt, now) for one in told]
        if not any(ours):
            raise DomainError(UNKNOWN, "missing", pushed=len(told))
    except DomainError as refused:
        log.warning("sms.report_refused", code=refused.code, **refused.params)
        return JSONResponse(_said(refused.code), STATUS[refused.kind])
    if not all(ours):
        log.warning("sms.report_refused", code=UNKNOWN, pushed=len(told) - sum(ours))
    return JSONResponse({"code": 0, "msg": "接收成功"})
