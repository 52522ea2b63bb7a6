"""What the HIS tells us: verified, kept in the inbox, answered; only then a knock. A lost knock is the relay's."""

from datetime import datetime
from functools import cache
from typing import Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask

from api.act import request_id
from api.pathways import AskPathways
from api.problems import of_a_machine
from api.wiring import Now, Wired, Wiring
from gateways.his.inbound import BillTold, DrugsTold, HisAccount, HisMessage, ScheduleTold, open_message
from models.kernel import ids
from models.kernel.errors import DomainError
from models.prescription import DrugsReported
from models.process import News
from models.stores import directory, inbox, steps
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import suspension as suspensions
from models.stores.database import Database
from models.suspension import is_newer

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/his"
PARTY = "his"
log = structlog.get_logger()


class Noted(News):
    """What no process waits for yet: kept by its ids, for whoever looks back."""

    kind: Literal["his_told"] = "his_told"
    event: str
    about: str
    """The HIS's id of what it is about."""
    version: str | None = None


@router.post(
    PATH,
    status_code=204,
    response_class=Response,
    responses=of_a_machine(anonymous=("his.signature",), malformed=("his.malformed",), invalid=("his.unknown_event",)),
)
async def told(request: Request, wiring: Wired, now: Now, pathways: AskPathways) -> Response:
    """Something happened in the hospital: 204 once it is kept; a problem when it cannot be trusted or read, and the HIS comes again."""
    his = wiring.settings.his
    account = _account(his.base_url, his.client_id, his.client_secret.get_secret_value(), his.webhook_key.get_secret_value())
    try:
        message = open_message(account, request.headers, await request.body(), now)
    except DomainError as refused:
        log.warning("his.message_refused", code=refused.code, **refused.params)
        raise
    log.info("his.message", told=message.event, message_id=message.message_id)
    if isinstance(message, DrugsTold | BillTold) and message.prescription is not None:
        kept = await _reported(wiring.database, message, message.prescription)
        return Response(status_code=204, background=BackgroundTask(pathways.runs.knock, *kept) if kept else None)
    if isinstance(message, ScheduleTold) and (begun := await _changed(wiring, message, now)):
        return Response(status_code=204, background=BackgroundTask(pathways.runs.begin, "suspension", begun, begun))
    async with wiring.database.transaction() as db:
        event = _noted(message)
        await inbox.bring(db, PARTY, None, event, party=PARTY, external_id=message.message_id)
        await steps.handled(db, event.id, now, "noted")
    return Response(status_code=204)


async def _reported(database: Database, message: HisMessage, number: UUID) -> tuple[str, UUID, News] | None:
    """Our number at the HIS is that of what was written, and names the prescription. The same message again is nothing new."""
    event = DrugsReported(id=_id(message), request=request_id())
    async with database.transaction() as db:
        prescription_id = await prescriptions.of_number(db, number)
        new = await inbox.bring(db, "prescription", prescription_id, event, party=PARTY, external_id=message.message_id)
    return ("prescription", prescription_id, event) if new and prescription_id else None


async def _changed(wiring: Wiring, message: ScheduleTold, now: datetime) -> UUID | None:
    """停诊, 替诊, another time, 恢复: one suspension for a version, whether it is told or pulled. None: that, or a later one, is known."""
    async with wiring.database.transaction() as db:
        ours = await directory.version(db, message.schedule_id)
        if ours is not None and not is_newer(message.version, than=ours):
            return None
        policy = (await policies.in_force(db, wiring.settings.policy, now)).version
        return await suspensions.begin(db, message.schedule_id, message.version, now, policy=policy, request=request_id())


def _noted(message: HisMessage) -> Noted:
    match message:
        case ScheduleTold():
            about, version = message.schedule_id, message.version
        case BillTold():
            about, version = message.invoice_id, None
        case DrugsTold():
            about, version = "", None
        case _:
            about, version = message.report_id, None
    return Noted(id=_id(message), request=request_id(), event=message.event, about=about, version=version)


def _id(message: HisMessage) -> UUID:
    return ids.derived("inbox", PARTY, message.message_id)


@cache
def _account(base_url: str, client_id: str, client_secret: str, webhook_key: str) -> HisAccount:
    return HisAccount(base_url=base_url, client_id=client_id, client_secret=client_secret, webhook_key=webhook_key)
