"""A hospital for each test, and one with a worker on a real Temporal for those whose runs walk."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from models.kernel.vault import Vault
from models.stores.database import Database
from stack.temporal import embedded_temporal
from tests.client import Hands
from tests.database import Server
from tests.process.hospital import MORNING, Hospital, Unheard
from tests.process.running import Running


@pytest.fixture
def clock() -> Hands:
    """It is nine on a Monday until the test moves it."""
    return Hands(MORNING)


@pytest.fixture
def runs() -> Unheard:
    return Unheard()


@pytest.fixture
def hospital(database: Database, clock: Hands, runs: Unheard) -> Hospital:
    return Hospital(database, clock, runs)


@pytest_asyncio.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """One server for each test process."""
    async with embedded_temporal(tmp_path_factory.mktemp("temporal")) as address:
        yield await Client.connect(address, data_converter=pydantic_data_converter)


@pytest_asyncio.fixture(scope="session", params=[pytest.param(1000, marks=pytest.mark.long), 0], ids=["cached", "replayed"])
async def worked(server: Server, vault: Vault, temporal: Client, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    """Each test with every task replayed from its history, and once more with workflows kept in memory, which asks less of them."""
    async with server.clone() as url:
        database = Database(url, vault)
        async with Running(database, temporal).working(workflow_cache=request.param) as running:
            yield running
            failed = await running.failed_tasks()
        await database.close()
    assert not failed


@pytest_asyncio.fixture
async def running(worked: Running) -> AsyncIterator[Running]:
    yield worked
    await worked.dismiss()
