"""A real Temporal Server, a hospital whose visits run there, and a folder for what is archived of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from models.kernel.vault import Vault
from models.stores.database import Database
from models.stores.history import HistoryFiles
from stack.temporal import embedded_temporal
from tests.database import Server
from tests.process.running import Running
from worker.archive import Archive
from worker.provision import provision

WITHIN_S = 60.0


@pytest_asyncio.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with embedded_temporal(tmp_path_factory.mktemp("temporal")) as address:
        yield await Client.connect(address, data_converter=pydantic_data_converter)


@pytest_asyncio.fixture(scope="session")
async def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """Another one, as when the store of the first was lost; it knows of no run."""
    async with embedded_temporal(tmp_path_factory.mktemp("elsewhere")) as address:
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        await provision(client)
        yield client


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are kept."""
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture(scope="module")
async def running(server: Server, vault: Vault, temporal: Client) -> AsyncIterator[Running]:
    async with server.clone() as url:
        database = Database(url, vault)
        async with Running(database, temporal).working(workflow_cache=1000) as hospital:
            yield hospital
            await hospital.dismiss()
        await database.close()


def archive_of(running: Running, folder: Path) -> Archive:
    """As a worker that has just taken the loop over."""
    return Archive(running.database, running.client, HistoryFiles(folder), running.clock)


async def closed(client: Client, visit_id: UUID, number: int) -> None:
    """So many runs of a visit are over, and the engine says so."""
    await listed(client, f"Visit = '{visit_id}' and ExecutionStatus != 'Running'", number)


async def listed(client: Client, query: str, number: int) -> None:
    """The engine lists so many runs: it does so some moments after they are, and tells nobody."""
    async with asyncio.timeout(WITHIN_S):
        while (await client.count_workflows(query)).count < number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
