"""A real Temporal Server, the application that reaches it, and a hospital whose visits run there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from models.kernel.vault import Vault
from models.stores.database import Database
from models.stores.history import HistoryFiles
from stack.temporal import embedded_temporal
from tests.client import Hands, speaking, wiring
from tests.database import Server
from tests.process.running import Running
from worker.archive import Archive

WITHIN_S = 60.0


@pytest_asyncio.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with embedded_temporal(tmp_path_factory.mktemp("temporal")) as address:
        yield await Client.connect(address, data_converter=pydantic_data_converter)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are kept."""
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands, temporal: Client, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    parts = await wiring(database, clock)
    settings = parts.settings.model_copy(update={"files_dir": folder})
    async with speaking(replace(parts, temporal=temporal, settings=settings)) as client:
        yield client


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
    """The engine lists so many closed runs of a visit: it does so some moments later, and tells nobody."""
    async with asyncio.timeout(WITHIN_S):
        while (await client.count_workflows(f"Visit = '{visit_id}' and ExecutionStatus != 'Running'")).count < number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def forgotten(client: Client, visit_id: UUID) -> None:
    """The engine has nothing more of a visit, as after its retention or with a new store."""
    runs = [WorkflowExecution(workflow_id=one.id, run_id=one.run_id) async for one in client.list_workflows(f"Visit = '{visit_id}'")]
    for run in runs:
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=run)
        )
    async with asyncio.timeout(WITHIN_S):
        while (  # noqa: ASYNC110
            any([await _kept(client, run) for run in runs]) or (await client.count_workflows(f"Visit = '{visit_id}'")).count
        ):
            await asyncio.sleep(0.05)


async def _kept(client: Client, run: WorkflowExecution) -> bool:
    try:
        await client.get_workflow_handle(run.workflow_id, run_id=run.run_id).describe()
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True
