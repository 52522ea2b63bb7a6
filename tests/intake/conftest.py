"""The application with a folder of its own for files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from api.wiring import Wiring
from models.stores.database import Database
from tests.client import Hands, speaking, wiring


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


async def _parts(database: Database, clock: Hands, folder: Path) -> Wiring:
    parts = await wiring(database, clock)
    return replace(parts, settings=parts.settings.model_copy(update={"files_dir": folder}))


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(await _parts(database, clock, folder)) as client:
        yield client


@pytest_asyncio.fixture
async def own_api(own_database: Database, clock: Hands, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(await _parts(own_database, clock, folder)) as client:
        yield client
