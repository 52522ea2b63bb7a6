"""The outside of the stateful test: what its people and its forger do there beyond what every outside of a test can."""

import json
from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateways.his.port import HIS
from gateways.wechat_pay.port import WeChatPay
from gateways.wechat_pay.signing import authorization
from sandbox.wechat_pay.keys import load
from sandbox.wechat_pay.wire import dump, seal, signed_headers
from tests.process import outside
from tests.process.outside import World
from tests.settings import NOWHERE

REFUND_S = 60.0
"""How long the bank takes for a refund that goes well, by the clock of the test."""


@dataclass(frozen=True)
class Letter:
    """A notify as the bank has written it; signed when it leaves."""

    id: str
    event_type: str
    order_no: str
    body: bytes


class Outside(outside.Outside):
    """With the lines to HIS and bank open, and the bank's own keys in the hands of who forges."""

    his: HIS
    wechat_pay: WeChatPay

    def __init__(
        self, address: str, data: Path, clock: World, credentials: dict[str, Any], http: httpx.AsyncClient, notify_url: str
    ) -> None:
        super().__init__(address, data, clock, credentials, http, notify_url)
        self.keys = load(data / "wechat_pay")

    @property
    def written(self) -> int:
        """Another number as soon as somebody has written in the books."""
        return self._books.execute("PRAGMA data_version").fetchone()[0]

    async def mends(self) -> None:
        (await self.http.delete("/faults")).raise_for_status()
        (await self.http.delete("/wechat/cashier/refunds/next")).raise_for_status()

    async def tries_to_pay(self, order_no: str) -> None:
        """A person at the cashier, who may be told that it is too late."""
        await self.http.post(f"/wechat/cashier/{order_no}/pay")

    async def next_refund(self, fate: str) -> None:
        """What the next new refund comes to."""
        (await self.http.post("/wechat/cashier/refunds/next", json={"fate": fate})).raise_for_status()

    async def ends_refund(self, refund_no: str, status: str) -> int:
        return (await self.http.post(f"/wechat/cashier/refunds/{refund_no}/end", json={"status": status})).status_code

    async def sends_another_way(self, refund_no: str, refund_id: str) -> None:
        """财务处 at the merchant's platform: a refund that could not arrive goes to the hospital's own account, to be handed on."""
        target = f"/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund"
        body = json.dumps({"out_refund_no": refund_no, "type": "MERCHANT_BANK_CARD"}).encode()
        signature = authorization(self.merchant, "POST", target, body, self.clock())
        headers = {"Authorization": signature, "Content-Type": "application/json"}
        (await self.http.post(f"{self.merchant.base_url}{target}", content=body, headers=headers)).raise_for_status()

    async def stops(self, slot_id: str) -> None:
        (await self.http.post(f"/his/desk/slots/{slot_id}/stop")).raise_for_status()

    def letters(self) -> list[Letter]:
        """What the bank has to tell."""
        return [Letter(row["id"], row["event_type"], row["out_trade_no"], row["body"]) for row in self.rows("wechat_notify")]

    def sign(self, body: bytes) -> dict[str, str]:
        """As the bank signs now."""
        return signed_headers(self.keys, body) | {"Content-Type": "application/json"}

    def rewritten(self, letter: Letter, id: str, **changes: Any) -> bytes:
        """What the bank's own keys sealed, saying something else."""
        envelope: dict[str, Any] = json.loads(letter.body)
        sealed = envelope["resource"]
        cipher, aad = AESGCM(self.keys.apiv3_key.encode()), sealed["associated_data"].encode()
        resource = json.loads(cipher.decrypt(sealed["nonce"].encode(), b64decode(sealed["ciphertext"]), aad))
        return dump(envelope | {"id": id, "resource": seal(self.keys, sealed["original_type"], resource | changes)})


@asynccontextmanager
async def served(data: Path, clock: World, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Outside]:
    """Its bank writes down each notify and reaches nobody: the test brings what it likes of them."""
    reports_to = f"{NOWHERE}/webhooks/wechat-pay"
    async with (
        outside.served(data, clock, monkeypatch, reports_to, Outside, retry_s=(), refund_s=REFUND_S) as town,
        town.parties() as lines,
    ):
        town.his, town.wechat_pay = lines.his, lines.wechat_pay
        yield town
