"""The Aliyun adapter on the sandbox's operator, and the phones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from gateways.sms.port import SMS

LIMIT_S = 2.0


@dataclass(frozen=True)
class Phones:
    """What people read."""

    outside: httpx.Client

    def messages(self, phone: str) -> list[dict[str, Any]]:
        """A phone's texts, newest first."""
        return self.outside.get(f"/sms/phones/{phone}/messages").raise_for_status().json()

    def switch(self, phone: str, state: str) -> None:
        """`on`, `off`, or `away`: out of reach."""
        assert self.outside.post("/console/phones", data={"phone": phone, "state": state}).status_code == 303


@pytest.fixture
def phones(outside: httpx.Client) -> Phones:
    return Phones(outside)


@pytest.fixture
def aliyun(credentials: dict[str, Any]) -> AliyunAccount:
    return AliyunAccount(**credentials["sms"])


@pytest.fixture
async def sms(aliyun: AliyunAccount) -> AsyncIterator[AliyunSMS]:
    """With less patience than in production, so that silence costs a test little."""
    adapter = AliyunSMS(aliyun, limit_s=LIMIT_S)
    _: SMS = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()
