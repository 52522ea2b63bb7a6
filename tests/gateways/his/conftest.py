"""The FHIR adapter on the sandbox's HIS."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.port import HIS
from models.drug import Drug
from models.kernel import ids
from models.prescription_his import Written
from tests.gateways.his.hospital import Hospital
from tests.gateways.his.prescription import TIOTROPIUM, a_prescription, an_item

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


@pytest_asyncio.fixture
async def catalogue(his: FhirHIS) -> dict[str, Drug]:
    return {drug.code: drug for drug in await his.drugs()}


@pytest_asyncio.fixture
async def written(hospital: Hospital, catalogue: dict[str, Drug]) -> AsyncIterator[Written]:
    """A prescription of a visit that is open, signed by both."""
    patient, encounter = await hospital.open_visit()
    items = (an_item(), TIOTROPIUM)
    yield a_prescription(ids.new(), patient, *(catalogue[one.drug_code] for one in items), encounter=encounter, items=items)


@pytest.fixture
def listening(outside: httpx.Client) -> Callable[[str | None], None]:
    """Says where the HIS tells what happens."""

    def listen(url: str | None) -> None:
        outside.put("/his/desk/listener", json={"url": url}).raise_for_status()

    return listen
