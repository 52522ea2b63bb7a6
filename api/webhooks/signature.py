"""What the hospital's CA tells us of a signature: verified, kept in the inbox, answered; only then a knock, and the CA is asked."""

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api.act import request_id
from api.pathways import AskPathways
from api.problems import STATUS, on_its_wire
from api.wiring import Now, Wired
from gateways.signature.inbound import SignatureAccount, open_notify
from models.kernel import ids
from models.kernel.errors import DomainError
from models.signature import SignatureReported
from models.stores import inbox
from models.stores import signature as signatures

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/signature"
log = structlog.get_logger()


def _said(code: str) -> dict[str, str | int]:
    return {"code": code}


@router.post(
    PATH,
    status_code=204,
    response_class=Response,
    responses=on_its_wire(_said, anonymous=("signature.notify_forged",), malformed=("signature.notify_malformed",)),
)
async def notified(request: Request, wiring: Wired, now: Now, pathways: AskPathways) -> Response:
    """A task has ended: 204 once it is kept; 4xx when it can't be trusted or read. Of a task that we don't know nothing is kept."""
    account = SignatureAccount(**wiring.settings.signature.plain(), notify_url=wiring.settings.public_url + PATH)
    try:
        notify = open_notify(account, request.headers, await request.body(), now)
    except DomainError as refused:
        log.warning("signature.notify_refused", code=refused.code, **refused.params)
        return JSONResponse(_said(refused.code), STATUS[refused.kind])
    event = SignatureReported(id=ids.derived("inbox", "signature", notify.notify_id), request=request_id())
    async with wiring.database.transaction() as db:
        whose = await signatures.of_task(db, notify.number)
        if whose is not None:
            await inbox.bring(db, *whose, event, party="signature", external_id=notify.notify_id)
    if whose is None:
        log.error("signature.unknown_task", notify_id=notify.notify_id, number=str(notify.number))
        return Response(status_code=204)
    return Response(status_code=204, background=BackgroundTask(pathways.runs.knock, *whose, event))
