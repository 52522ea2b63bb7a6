from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.invoice.hospital import Hospital


@pytest.fixture
def hospital(outside: httpx.Client) -> Iterator[Hospital]:
    yield Hospital(outside.get("/credentials").json()["invoice"], outside)
    outside.delete("/faults").raise_for_status()
