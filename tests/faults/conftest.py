"""One sandbox and one API for all cases; each case has their first morning, and a database of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.app import create_app
from api.webhooks.wechat_pay import PATH
from models.kernel.vault import Vault
from models.stores.database import Database
from tests.client import wiring
from tests.database import Server
from tests.faults.hospital import Town, Wires, founded
from tests.process.outside import World, listening, served


@pytest_asyncio.fixture(scope="module")
async def town(server: Server, vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    clock = World()
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:9/none", vault)
    api = create_app(await wiring(nowhere, clock))
    with pytest.MonkeyPatch.context() as patch:
        async with (
            listening(api, lifespan=False) as address,  # nobody looks at screens here
            served(tmp_path_factory.mktemp("sandbox"), clock, patch, f"{address}{PATH}", Wires) as outside,
            founded(server, vault, outside, api) as prepared,
        ):
            yield prepared
    await nowhere.close()
