"""One stack for all journeys of a session, with the short deadlines of the test policy and a bank that repeats its notifies soon."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stack.supervisor import Stack
from tests.journeys.aftermath import all_is_well
from tests.journeys.hospital import Hospital

NOTIFY_RETRY_S = "0.5,1,1,2,2,4,4,8,8,15,15,30,30,60,60"


@pytest_asyncio.fixture(scope="session")
async def hospital(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hospital]:
    """Up, staffed, with room for everybody; nobody has been there yet."""
    data = tmp_path_factory.mktemp("stack")
    async with Stack(data, policy="test", settings={"SANDBOX_NOTIFY_RETRY_S": NOTIFY_RETRY_S}) as stack:
        opened = Hospital(stack, data)
        try:
            await opened.open()
            yield opened
            await all_is_well(opened)
        finally:
            await opened.aclose()
