"""What WeChat Pay reports over HTTP: kept before it is answered, with the number by which the channel can be asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpx
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import insert, select

from models.charge import OrderState, Scene
from models.kernel.clock import now
from models.stores.database import Database
from models.tables.charge import ChargeOrderRow
from models.tables.process import InboxRow
from tests.builders import FEE_FEN, a_charge, a_visit
from tests.client import speaking, wiring
from tests.gateways.wechat_pay.channel import account, notify, paid, signed, told_refund
from tests.settings import NOWHERE, settings

PATH = "/webhooks/wechat-pay"
ORDER_NO = str(paid()["out_trade_no"])


@pytest_asyncio.fixture
async def webhook(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An API that knows the channel's key."""
    merchant = account()
    keys = {"private_key": SecretStr(merchant.private_key), "apiv3_key": SecretStr(merchant.apiv3_key), "public_key": merchant.public_key}
    names = {"appid": merchant.appid, "mchid": merchant.mchid, "serial_no": merchant.serial_no, "public_key_id": merchant.public_key_id}
    known = settings()
    trusting = known.model_copy(update={"wechat_pay": known.wechat_pay.model_copy(update=keys | names), "public_url": NOWHERE})
    async with speaking(replace(await wiring(database), settings=trusting)) as client:
        yield client


async def reports(webhook: httpx.AsyncClient) -> int:
    body = notify(paid())
    return (await webhook.post(PATH, content=body, headers=signed(body, now()))).status_code


async def kept(database: Database) -> list[InboxRow]:
    async with database.reading() as db:
        return list(await db.scalars(select(InboxRow)))


async def test_a_report_is_kept_once_for_its_charge(webhook: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as db:
        charge_id = await a_charge(db, await a_visit(db))
        order = {"id": UUID(ORDER_NO), "charge_id": charge_id, "channel": "wechat_pay", "scene": Scene.NATIVE, "state": OrderState.OPEN}
        await db.execute(insert(ChargeOrderRow).values(**order, amount_fen=FEE_FEN, expires_at=now()))

    assert [await reports(webhook) for _ in range(2)] == [204, 204]

    [row] = await kept(database)
    assert (row.process, row.process_id, row.event["order_no"]) == ("charge", charge_id, ORDER_NO)


async def test_money_of_a_charge_that_nobody_knows_is_kept_with_its_number(webhook: httpx.AsyncClient, database: Database) -> None:
    """The channel does not report it again after a 204: without the number nobody could ask what was paid."""
    assert await reports(webhook) == 204

    [row] = await kept(database)
    assert (row.process_id, row.handled_at, row.event["order_no"]) == (None, None, ORDER_NO)


async def test_a_refunds_end_is_heard_and_waits_for_nobody(webhook: httpx.AsyncClient, database: Database) -> None:
    body = notify(told_refund(), event_type="REFUND.SUCCESS", aad="refund")

    assert (await webhook.post(PATH, content=body, headers=signed(body, now()))).status_code == 204

    assert await kept(database) == []
