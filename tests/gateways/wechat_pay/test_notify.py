"""The sandbox's own notify, caught on our side of the wire and opened."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.inbound import open_notify
from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import Scene
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError
from tests.gateways.conftest import Misbehaving, answering
from tests.gateways.wechat_pay.conftest import Cashier


async def test_what_the_bank_reports_is_what_the_query_says(misbehaving: Misbehaving, merchant: WeChatPayAccount, cashier: Cashier) -> None:
    came: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def webhook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        headers = dict(line.split(": ", 1) for line in raw if line)
        length = next(value for name, value in headers.items() if name.lower() == "content-length")
        await came.put((headers, await reader.readexactly(int(length))))
        writer.write(answering(204, b""))

    order_no = ids.new().hex
    async with misbehaving(webhook) as address:
        adapter = WeChatPayV3(replace(merchant, notify_url=f"{address}/v1/webhooks/wechat-pay"))
        expires_at = now() + timedelta(minutes=10)
        await adapter.order(order_no, scene=Scene.NATIVE, amount_fen=5000, description="线上复诊", expires_at=expires_at)
        cashier.pay(order_no).raise_for_status()
        headers, body = await came.get()
        trade = await adapter.query(order_no)
        await adapter.aclose()

    seen = open_notify(merchant, headers, body, now())
    assert (seen.order_no, seen.transaction_id, seen.amount_fen, seen.paid_at) == (
        trade.order_no,
        trade.transaction_id,
        trade.amount_fen,
        trade.paid_at,
    )
    with pytest.raises(DomainError, match=r"wechat_pay\.signature"):
        open_notify(merchant, headers, body + b" ", now())
    with pytest.raises(DomainError, match=r"wechat_pay\.signature"):
        open_notify(merchant, headers, body, now() + timedelta(minutes=6))
