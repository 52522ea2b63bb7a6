"""Whether the process serves, and whether it can do its work."""

from dataclasses import replace
from pathlib import Path

import httpx
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from models.stores.database import Database
from models.tables.directory import MirrorRow
from stack.temporal import embedded_temporal
from tests.client import Hands, speaking, wiring


async def test_alive_asks_nobody(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/live")).json() == {"status": "live"}


async def test_not_ready_without_temporal(api: httpx.AsyncClient, db: AsyncSession, clock: Hands) -> None:
    await db.execute(insert(MirrorRow), [{"part": "slot", "synced_at": clock()}, {"part": "department", "synced_at": None}])
    clock.forward(seconds=90)

    answer = await api.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "database": True,
        "temporal": False,
        "mirror_age_s": {"department": None, "slot": 90},
    }


async def test_ready_with_both_and_not_once_temporal_is_gone(database: Database, tmp_path: Path) -> None:
    async with embedded_temporal(tmp_path) as address:
        parts = replace(await wiring(database), temporal=await Client.connect(address, lazy=True))
        async with speaking(parts) as api:
            ready = await api.get("/health/ready")

    async with speaking(parts) as api:
        gone = await api.get("/health/ready")

    assert (ready.status_code, ready.json()) == (200, {"ready": True, "database": True, "temporal": True, "mirror_age_s": {}})
    assert (gone.status_code, gone.json()["temporal"]) == (503, False)
