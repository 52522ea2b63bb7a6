"""A migrated database of the test's own, and the outside's pages with books written by hand."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.auditor.hospital import Hospital
from tests.auditor.outside import Outside, serving
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.wire import connect
from tests.database import Server


@pytest_asyncio.fixture
async def hospital(server: Server) -> AsyncIterator[Hospital]:
    """Open, and nobody has been there yet."""
    outside = Outside()
    async with server.clone() as database_url, serving(outside) as sandbox_url:
        wire = await connect(database_url)
        opened = Hospital(wire, database_url, outside, sandbox_url)
        await opened.open()
        yield opened
        await wire.close()


@pytest_asyncio.fixture
async def pharmacy(hospital: Hospital) -> Pharmacy:
    """Open, with a doctor and a pharmacist."""
    opened = Pharmacy(hospital)
    await opened.open()
    return opened
