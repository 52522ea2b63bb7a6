"""A real Temporal Server, and the application that reaches it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from models.stores.database import Database
from stack.temporal import embedded_temporal
from tests.client import Hands, speaking, wiring


@pytest_asyncio.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with embedded_temporal(tmp_path_factory.mktemp("temporal")) as address:
        yield await Client.connect(address)


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands, temporal: Client) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(replace(await wiring(database, clock), temporal=temporal)) as client:
        yield client
