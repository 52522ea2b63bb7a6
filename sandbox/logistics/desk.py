"""How a person plays the carrier with a parcel. No wire of SF: no digest, no fault."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from sandbox import clock
from sandbox.logistics.carrier import Carrier, Move
from sandbox.logistics.push import Pusher
from sandbox.logistics.wire import ServiceError


class MoveIn(BaseModel):
    """What became of a parcel; `earlier_s`: it is told only now, though it was so many seconds ago."""

    move: Move
    earlier_s: Annotated[float, Field(ge=0, le=30 * 86400)] = 0


class LookIn(BaseModel):
    deliverable: bool


class UrlIn(BaseModel):
    """Where routes are pushed to; empty: nowhere."""

    url: Annotated[str, Field(max_length=500)]


def router(carrier: Carrier, pusher: Pusher) -> APIRouter:
    """Routes for `{sandbox}/logistics/desk`."""
    desk = APIRouter(prefix="/desk", tags=["parcels"])

    @desk.get("/parcels/{order_id}")
    async def show(order_id: str) -> dict[str, object]:
        return _shown(carrier, order_id)

    @desk.post("/parcels/{order_id}/moves")
    async def move(order_id: str, wish: MoveIn) -> dict[str, object]:
        try:
            carrier.move(order_id, wish.move, clock.now(), earlier=timedelta(seconds=wish.earlier_s))
        except ServiceError as refused:
            raise HTTPException(409, {"code": refused.code, "message": refused.message}) from refused
        return _shown(carrier, order_id)

    @desk.post("/parcels/{order_id}/look")
    async def look(order_id: str, wish: LookIn) -> dict[str, object]:
        try:
            carrier.looked_at(order_id, deliverable=wish.deliverable)
        except ServiceError as refused:
            raise HTTPException(409, {"code": refused.code, "message": refused.message}) from refused
        return _shown(carrier, order_id)

    @desk.put("/push")
    async def register(wish: UrlIn) -> dict[str, str]:
        pusher.register(wish.url)
        return {"url": pusher.url}

    return desk


def _shown(carrier: Carrier, order_id: str) -> dict[str, object]:
    try:
        order = carrier.find(order_id)
    except ServiceError as unknown:
        raise HTTPException(404, {"code": unknown.code, "message": unknown.message}) from unknown
    shown: dict[str, object] = dict(order)
    return shown | {"routes": [dict(row) for row in carrier.routes(order_id)]}
