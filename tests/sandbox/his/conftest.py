"""A HIS of its own for each test, with a clock that the test holds."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from sandbox import his
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.store import Store
from tests.sandbox.his.client import Client, Clock

LOCK_S = 900


@pytest.fixture
def clock() -> Clock:
    """Stands until the test moves it."""
    return Clock()


@pytest.fixture
def hospital(tmp_path: Path, clock: Clock) -> Iterator[his.His]:
    """A HIS on a fresh file."""
    store = Store(tmp_path / "sandbox.sqlite")
    yield his.build(store, Faults(store), Settings(data=tmp_path, lock_s=LOCK_S, his_retry_s=(0.02, 0.05)), clock)
    store.close()


@pytest_asyncio.fixture
async def client(hospital: his.His) -> AsyncIterator[Client]:
    """Signed in, over ASGI."""
    app = FastAPI()
    app.include_router(hospital.router, prefix="/his")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://his.test") as http:
        client = Client(http)
        await client.sign_in(hospital.client_id, hospital.client_secret)
        yield client
