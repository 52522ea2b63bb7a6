"""The adapter on the sandbox's CA, and the signers' phones."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateways.signature.account import SignatureAccount
from gateways.signature.port import SignatureService
from gateways.signature.rest import RestSignature
from models.signature import Trusted

LIMIT_S = 2.0
DOCTOR, PHARMACIST = "doc-wangjianguo", "pha-qianyulan"


@dataclass(frozen=True)
class Phones:
    """What people do with what they are asked to sign."""

    outside: httpx.Client

    def confirm(self, number: UUID, how: str = "own") -> None:
        self.outside.post(f"/signature/phone/tasks/{number.hex}/confirm", json={"how": how}).raise_for_status()

    def deed(self, number: UUID, deed: str) -> None:
        """`refuse`, `expire`, `notify`."""
        self.outside.post(f"/signature/phone/tasks/{number.hex}/{deed}").raise_for_status()

    def tasks(self, number: UUID) -> list[dict[str, Any]]:
        books = self.outside.get("/books/signature").raise_for_status().json()
        return [row for row in books["tasks"] if row["number"] == number.hex]


@pytest.fixture
def phones(outside: httpx.Client) -> Phones:
    return Phones(outside)


@pytest.fixture
def ca_refuses(outside: httpx.Client) -> Callable[[str, str], None]:
    """The next call of that name is refused by the CA with that code."""

    def refuse(call: str, code: str) -> None:
        wish = {"system": "signature", "call": call, "kind": "refused", "code": code}
        outside.post("/faults", json=wish).raise_for_status()

    return refuse


@pytest.fixture
def hospital(credentials: dict[str, Any]) -> SignatureAccount:
    told = {name: value for name, value in credentials["signature"].items() if name != "trusted"}
    return SignatureAccount(notify_url="http://127.0.0.1:9/v1/webhooks/signature", **told)


@pytest.fixture
def trusted(credentials: dict[str, Any]) -> Trusted:
    return Trusted(credentials["signature"]["trusted"])


@pytest.fixture
async def signing(hospital: SignatureAccount) -> AsyncIterator[RestSignature]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = RestSignature(hospital, limit_s=LIMIT_S)
    _: SignatureService = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()
