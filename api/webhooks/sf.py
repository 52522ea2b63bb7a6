"""What SF pushes: a knock, and no more. It carries no signature, so only both numbers of an order of ours open the door, and only the
carrier, asked, is believed. A lost knock is the relay's; a push that never comes is made good by asking anyway.
"""

from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api.act import request_id
from api.pathways import AskPathways, Pathways
from api.problems import STATUS, on_its_wire
from api.wiring import Wired
from gateways.logistics.inbound import Pushed, read_push
from models.delivery import DeliveryPushed
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import delivery as deliveries
from models.stores import inbox
from models.stores.database import Database

router = APIRouter(tags=["webhooks"])
PATH = "/webhooks/sf"
UNKNOWN = "logistics.unknown_waybill"
log = structlog.get_logger()
Knock = tuple[UUID, DeliveryPushed]


def _said(code: str) -> dict[str, str | int]:
    return {"return_code": "1000", "return_msg": code}


@router.post(PATH, responses=on_its_wire(_said, malformed=("logistics.malformed",), missing=(UNKNOWN,)))
async def pushed(request: Request, wiring: Wired, pathways: AskPathways) -> JSONResponse:
    """Something happened to a parcel: return_code 0000 once it is kept; another code, and SF comes again, for what is not ours."""
    try:
        told = read_push(await request.body())
        kept = await _kept(wiring.database, told)
    except DomainError as refused:
        log.warning("logistics.push_refused", code=refused.code, **refused.params)
        return JSONResponse(_said(refused.code), STATUS[refused.kind])
    return JSONResponse({"return_code": "0000", "return_msg": "OK"}, background=BackgroundTask(_knock, pathways, kept))


async def _kept(database: Database, told: list[Pushed]) -> list[Knock]:
    """For each parcel of ours an inbox row, in one transaction; others that came with it are told in the log. None of ours is refused."""
    kept: list[Knock] = []
    async with database.transaction() as db:
        found = [(one, await deliveries.of_push(db, one.order_no, one.waybill)) for one in told]
        for one, delivery_id in found:
            if delivery_id is not None:
                event = DeliveryPushed(id=ids.derived("inbox", "sf", delivery_id, one.push_id), request=request_id())
                if await inbox.bring(db, "delivery", delivery_id, event, party="sf"):
                    kept.append((delivery_id, event))
    unknown = sum(delivery_id is None for _, delivery_id in found)
    if unknown == len(told):
        raise DomainError(UNKNOWN, "missing", pushed=len(told))
    if unknown:
        log.warning("logistics.push_refused", code=UNKNOWN, pushed=unknown)
    return kept


async def _knock(pathways: Pathways, kept: list[Knock]) -> None:
    for delivery_id, event in kept:
        await pathways.runs.knock("delivery", delivery_id, event)
