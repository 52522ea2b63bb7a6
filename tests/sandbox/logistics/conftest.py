import httpx
import pytest

from tests.sandbox.logistics.partner import Partner


@pytest.fixture
def partner(outside: httpx.Client) -> Partner:
    return Partner(outside.get("/credentials").json()["logistics"], outside)
