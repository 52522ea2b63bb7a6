"""The FHIR adapter on the sandbox's HIS."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.port import HIS
from tests.gateways.his.hospital import Hospital

LIMIT_S = 5.0


@pytest.fixture
def account(credentials: dict[str, Any]) -> HisAccount:
    return HisAccount(**credentials["his"])


@pytest.fixture
async def his(account: HisAccount) -> AsyncIterator[FhirHIS]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = FhirHIS(account, limit_s=LIMIT_S)
    _: HIS = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()


@pytest.fixture
def hospital(outside: httpx.Client, his: FhirHIS) -> Hospital:
    return Hospital(outside, his)
