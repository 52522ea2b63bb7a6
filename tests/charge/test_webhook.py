"""What WeChat Pay reports over HTTP: kept before it is answered, with the number by which the channel can be asked."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from models.charge import OrderState, Scene
from models.kernel.clock import now
from models.kernel.errors import known
from models.refund import Cause, RefundState
from models.stores.database import Database
from models.tables.charge import ChargeOrderRow, RefundRow
from models.tables.process import InboxRow
from tests.builders import FEE_FEN, a_charge, a_visit
from tests.client import speaking, wiring
from tests.gateways.wechat_pay.channel import account, notify, paid, signed, told_refund
from tests.refund.builders import a_sum, begin
from tests.settings import NOWHERE, settings

PATH = "/webhooks/wechat-pay"
ORDER_NO = str(paid()["out_trade_no"])
REFUND_NO = str(told_refund()["out_refund_no"])


@pytest_asyncio.fixture
async def webhook(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An API that knows the channel's key."""
    merchant = account()
    keys = {"private_key": SecretStr(merchant.private_key), "apiv3_key": SecretStr(merchant.apiv3_key), "public_key": merchant.public_key}
    names = {"appid": merchant.appid, "mchid": merchant.mchid, "serial_no": merchant.serial_no, "public_key_id": merchant.public_key_id}
    nowhere = settings()
    trusting = nowhere.model_copy(update={"wechat_pay": nowhere.wechat_pay.model_copy(update=keys | names), "public_url": NOWHERE})
    async with speaking(replace(await wiring(database), settings=trusting)) as client:
        yield client


async def reports(webhook: httpx.AsyncClient) -> int:
    body = notify(paid())
    return (await webhook.post(PATH, content=body, headers=signed(body, now()))).status_code


async def kept(database: Database) -> list[InboxRow]:
    async with database.reading() as db:
        return list(await db.scalars(select(InboxRow)))


async def an_order(database: Database) -> UUID:
    """The charge whose open order has the number that is reported."""
    async with database.transaction() as db:
        charge_id = await a_charge(db, await a_visit(db))
        order = {"id": UUID(ORDER_NO), "charge_id": charge_id, "channel": "wechat_pay", "scene": Scene.NATIVE, "state": OrderState.OPEN}
        await db.execute(insert(ChargeOrderRow).values(**order, amount_fen=FEE_FEN, expires_at=now()))
    return charge_id


async def test_a_report_is_kept_once_for_its_charge(webhook: httpx.AsyncClient, database: Database) -> None:
    charge_id = await an_order(database)

    assert [await reports(webhook) for _ in range(2)] == [204, 204]

    [row] = await kept(database)
    assert (row.process, row.process_id, row.event["order_no"]) == ("charge", charge_id, ORDER_NO)


async def test_money_of_a_charge_that_nobody_knows_is_kept_with_its_number(webhook: httpx.AsyncClient, database: Database) -> None:
    """The channel does not report it again after a 204: without the number nobody could ask what was paid."""
    assert await reports(webhook) == 204

    [row] = await kept(database)
    assert (row.process_id, row.handled_at, row.event["order_no"]) == (None, None, ORDER_NO)


async def a_refund_under(database: Database, number: str) -> UUID:
    """A refund of ours whose number at the channel is that."""
    async with database.transaction() as db:
        begun = known(await begin(db, await a_sum(db), Cause.PATIENT))
        moved = {"state": RefundState.ACCEPTED, "number": number, "accepted_at": now()}
        await db.execute(update(RefundRow).where(RefundRow.id == begun.id).values(**moved))
    return begun.id


async def tells(webhook: httpx.AsyncClient, event_type: str = "REFUND.SUCCESS", **changes: object) -> int:
    """A refund's end is reported, with a good signature."""
    body = notify(told_refund(**changes), event_type=event_type, aad="refund")
    return (await webhook.post(PATH, content=body, headers=signed(body, now()))).status_code


@pytest.mark.parametrize(
    ("event_type", "status"), [("REFUND.SUCCESS", "SUCCESS"), ("REFUND.ABNORMAL", "ABNORMAL"), ("REFUND.CLOSED", "CLOSED")]
)
async def test_a_refunds_end_is_kept_for_it_whatever_end_it_is(
    webhook: httpx.AsyncClient, database: Database, event_type: str, status: str
) -> None:
    """Only the query decides: the report says that it is time to ask."""
    refund_id = await a_refund_under(database, REFUND_NO)

    assert await tells(webhook, event_type, refund_status=status) == 204

    [row] = await kept(database)
    assert (row.process, row.process_id, row.kind, row.handled_at) == ("refund", refund_id, "refund_reported", None)
    assert status not in str(row.event), "its own word is not believed"


async def test_a_refunds_end_reported_again_and_again_is_kept_once(webhook: httpx.AsyncClient, database: Database) -> None:
    await a_refund_under(database, REFUND_NO)

    assert [await tells(webhook) for _ in range(3)] == [204] * 3

    assert len(await kept(database)) == 1


async def test_a_refund_that_is_none_of_ours_is_said_and_kept_for_nobody(webhook: httpx.AsyncClient, database: Database) -> None:
    """Made at the channel's own desk: a 204, or it would be reported for a day; and an error line for a person."""
    with capture_logs() as lines:
        assert await tells(webhook) == 204

    assert await kept(database) == []
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["refund_no"]) == ("wechat_pay.unknown_refund", REFUND_NO)


async def test_an_old_number_of_a_refund_says_nothing_of_its_new_one(webhook: httpx.AsyncClient, database: Database) -> None:
    """The channel closed it, and a person tried again."""
    await a_refund_under(database, "0d" * 16)

    assert await tells(webhook, "REFUND.CLOSED", refund_status="CLOSED") == 204

    assert await kept(database) == []


FOREIGN = {"payment": (paid, "TRANSACTION.SUCCESS", "transaction"), "refund": (told_refund, "REFUND.SUCCESS", "refund")}


@pytest.mark.parametrize(("told", "event_type", "aad"), FOREIGN.values(), ids=FOREIGN)
async def test_another_merchants_report_is_refused_however_well_it_is_signed(
    webhook: httpx.AsyncClient, database: Database, told: Callable[..., dict[str, Any]], event_type: str, aad: str
) -> None:
    await a_refund_under(database, REFUND_NO)
    body = notify(told(mchid="1700000002"), event_type=event_type, aad=aad)

    refusal = await webhook.post(PATH, content=body, headers=signed(body, now()))

    assert (refusal.status_code, refusal.json()) == (422, {"code": "FAIL", "message": "wechat_pay.foreign"})
    assert await kept(database) == []


@pytest.mark.parametrize(("told", "event_type", "aad"), FOREIGN.values(), ids=FOREIGN)
async def test_a_report_that_somebody_else_signed_is_refused(
    webhook: httpx.AsyncClient, database: Database, told: Callable[..., dict[str, Any]], event_type: str, aad: str
) -> None:
    await a_refund_under(database, REFUND_NO)
    body = notify(told(), event_type=event_type, aad=aad)

    refusal = await webhook.post(PATH, content=body, headers=signed(body, now(), by="anyone"))

    assert (refusal.status_code, await kept(database)) == (401, [])


async def test_money_of_an_order_that_nobody_knows_is_said(webhook: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await reports(webhook)

    [line] = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["order_no"]) == ("wechat_pay.unknown_order", ORDER_NO)


@pytest.mark.parametrize(("sum_told", "alarms"), [(FEE_FEN, []), (1, [("wechat_pay.other_amount", 1, FEE_FEN)])])
async def test_a_report_of_another_sum_than_its_order_asks_for_is_said_and_looked_into(
    webhook: httpx.AsyncClient, database: Database, sum_told: int, alarms: list[object]
) -> None:
    """The channel's own query decides; that the two disagree must not go by unseen."""
    charge_id = await an_order(database)
    body = notify(paid(amount={"total": sum_told, "payer_total": sum_told, "currency": "CNY", "payer_currency": "CNY"}))

    with capture_logs() as lines:
        assert (await webhook.post(PATH, content=body, headers=signed(body, now()))).status_code == 204

    assert [(line["event"], line["amount_fen"], line["asked_fen"]) for line in lines if line["log_level"] == "error"] == alarms
    assert [row.process_id for row in await kept(database)] == [charge_id]
