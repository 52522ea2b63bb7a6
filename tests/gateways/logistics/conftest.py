"""The SF adapter on the sandbox's carrier, and the person there who moves parcels."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateways.logistics.account import SfAccount
from gateways.logistics.port import Logistics
from gateways.logistics.sf import SfLogistics
from models.delivery import Receiver

LIMIT_S = 2.0


@dataclass(frozen=True)
class Carrier:
    """The desk and the books on the other side."""

    outside: httpx.Client

    def moves(self, number: str, *moves: str, **more: float) -> None:
        for move in moves:
            self.outside.post(f"/logistics/desk/parcels/{number}/moves", json={"move": move} | more).raise_for_status()

    def books(self) -> Any:
        return self.outside.get("/books/logistics").json()

    def orders(self, number: str) -> list[dict[str, Any]]:
        """All that the books have under a number."""
        return [one for one in self.books()["orders"] if one["order_id"] == number]


def a_receiver(**changes: str) -> Receiver:
    plain = {"name": "张秀英", "phone": "13800100001", "province": "北京市", "city": "北京市", "county": "东城区", "detail": "演示路 2号~"}
    return Receiver.model_validate(plain | changes)


@pytest.fixture
def carrier(outside: httpx.Client) -> Carrier:
    return Carrier(outside)


@pytest.fixture
def account(credentials: dict[str, Any]) -> SfAccount:
    return SfAccount(**credentials["logistics"])


@pytest.fixture
async def sf(account: SfAccount) -> AsyncIterator[SfLogistics]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = SfLogistics(account, limit_s=LIMIT_S)
    _: Logistics = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()
