"""The sandbox's own notifies, caught on our side of the wire and opened."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.inbound import Notify, RefundNotify, open_notify
from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import Scene
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError
from models.refund import RefundStatus
from tests.gateways.conftest import Misbehaving, answering
from tests.gateways.wechat_pay.conftest import Cashier

Came = tuple[dict[str, str], bytes]


@dataclass
class Door:
    """Our webhook as a bare socket, and the adapter that names it to the channel."""

    wechat_pay: WeChatPayV3
    cashier: Cashier
    came: "asyncio.Queue[Came]" = field(default_factory=asyncio.Queue["Came"])

    async def paid(self) -> str:
        """The number of a new order that somebody has paid."""
        order_no, expires_at = ids.new().hex, now() + timedelta(minutes=10)
        await self.wechat_pay.order(order_no, scene=Scene.NATIVE, amount_fen=5000, description="线上复诊", expires_at=expires_at)
        self.cashier.pay(order_no).raise_for_status()
        return order_no


@pytest.fixture
async def door(misbehaving: Misbehaving, merchant: WeChatPayAccount, cashier: Cashier) -> AsyncIterator[Door]:
    came: asyncio.Queue[Came] = asyncio.Queue()

    async def webhook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        headers = dict(line.split(": ", 1) for line in raw if line)
        length = next(value for name, value in headers.items() if name.lower() == "content-length")
        await came.put((headers, await reader.readexactly(int(length))))
        writer.write(answering(204, b""))

    async with misbehaving(webhook) as address:
        adapter = WeChatPayV3(replace(merchant, notify_url=f"{address}/v1/webhooks/wechat-pay"))
        yield Door(adapter, cashier, came)
        await adapter.aclose()


async def test_what_the_bank_reports_is_what_the_query_says(door: Door, merchant: WeChatPayAccount) -> None:
    order_no = await door.paid()
    headers, body = await door.came.get()
    trade = await door.wechat_pay.query(order_no)

    seen = open_notify(merchant, headers, body, now())
    assert isinstance(seen, Notify)
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


@pytest.mark.parametrize("status", [RefundStatus.SUCCESS, RefundStatus.ABNORMAL, RefundStatus.CLOSED])
async def test_what_the_bank_reports_of_a_refund_is_what_the_query_says(
    door: Door, merchant: WeChatPayAccount, cashier: Cashier, status: RefundStatus
) -> None:
    order_no, refund_no = await door.paid(), ids.new().hex
    await door.came.get()
    if status is not RefundStatus.SUCCESS:
        cashier.next_refund(status.upper(), order_no)
    await door.wechat_pay.refund(refund_no, order_no=order_no, amount_fen=1234, total_fen=5000, reason="患者退号")
    headers, body = await door.came.get()
    refund = await door.wechat_pay.query_refund(refund_no)

    seen = open_notify(merchant, headers, body, now())
    assert isinstance(seen, RefundNotify)
    assert (seen.event_type, seen.refund_status) == (f"REFUND.{status.upper()}", status.upper())
    assert (seen.order_no, seen.total_fen) == (order_no, 5000)
    assert (seen.refund_no, seen.refund_id, seen.amount_fen, seen.arrived_at, status) == (
        refund.refund_no,
        refund.refund_id,
        refund.amount_fen,
        refund.arrived_at,
        refund.status,
    )


async def test_a_notify_changed_on_the_way_is_not_the_channels_and_its_repeat_is(
    door: Door, merchant: WeChatPayAccount, fault: Callable[..., None]
) -> None:
    fault("wechat_pay", "NOTIFY TRANSACTION.SUCCESS", "tampered", 0)
    fault("wechat_pay", "NOTIFY TRANSACTION.SUCCESS", "duplicated", 0)
    order_no = await door.paid()
    with pytest.raises(DomainError, match=r"wechat_pay\.signature"):
        open_notify(merchant, *await door.came.get(), now())  # our bare socket takes it all the same
    door.cashier.notify_again(order_no)
    twice = [open_notify(merchant, *await door.came.get(), now()) for _ in range(2)]
    assert twice[0] == twice[1]
