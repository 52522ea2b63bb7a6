"""Whether this process lives, and whether it reaches what it needs."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from temporalio.service import RPCError

from api.wiring import Wired, Wiring
from models.stores import mirror
from models.stores.outage import SUSPECTS

router = APIRouter(prefix="/health", tags=["health"])

_WITHIN_S = 2.0


class Live(BaseModel):
    status: Literal["live"]


class Ready(BaseModel):
    """Ready when database and Temporal answer. The mirror's age is told and decides nothing: screens show it with what they show."""

    ready: bool
    database: bool
    temporal: bool
    mirror_age_s: dict[str, int | None] = Field(description="Seconds since each part of the HIS's mirror was pulled in full.")


@router.get("/live")
async def live() -> Live:
    """The process serves."""
    return Live(status="live")


@router.get("/ready", responses={503: {"model": Ready, "description": "Database or Temporal cannot be reached."}})
async def ready(wiring: Wired, response: Response) -> Ready:
    """The process can do its work."""
    (database, ages), temporal = await asyncio.gather(_database(wiring), _temporal(wiring))
    if not (database and temporal):
        response.status_code = 503
    return Ready(ready=database and temporal, database=database, temporal=temporal, mirror_age_s=ages)


async def _database(wiring: Wiring) -> tuple[bool, dict[str, int | None]]:
    try:
        async with asyncio.timeout(_WITHIN_S), wiring.database.reading() as db:
            return True, await mirror.ages_s(db, wiring.clock())
    except SUSPECTS:
        return False, {}


async def _temporal(wiring: Wiring) -> bool:
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await wiring.temporal.service_client.check_health()
    except (RPCError, RuntimeError, TimeoutError):  # RuntimeError is what the SDK's bridge raises for a connection that fails
        return False
