"""The outbox against the carrier's real wire, as the sandbox speaks it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from activities.message import MessageOutbox
from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from models.message import MessageState
from models.stores.database import Database
from tests.account.builders import a_phone
from tests.client import Hands
from tests.message.builders import enqueued, row
from tests.sandbox.conftest import caller, running


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(tmp_path_factory.mktemp("carrier")) as address, caller(address) as client:
        yield client


@pytest.fixture(scope="module")
def account(outside: httpx.Client) -> AliyunAccount:
    return AliyunAccount(**outside.get("/credentials").raise_for_status().json()["sms"])


@pytest_asyncio.fixture
async def sms(account: AliyunAccount) -> AsyncIterator[AliyunSMS]:
    carrier = AliyunSMS(account, limit_s=20.0)
    yield carrier
    await carrier.aclose()


def lose_the_next_answer(outside: httpx.Client) -> None:
    fault = {"system": "sms", "call": "POST /SendSms", "kind": "lost", "times": 1}
    outside.post("/faults", json=fault).raise_for_status()


def on_the_phone(outside: httpx.Client, phone: str) -> list[dict[str, Any]]:
    return outside.get(f"/sms/phones/{phone}/messages").raise_for_status().json()


async def test_the_phone_reads_the_code(database: Database, clock: Hands, sms: AliyunSMS, outside: httpx.Client) -> None:
    phone = a_phone()
    message_id = await enqueued(database, phone, clock())

    await MessageOutbox(database, sms, clock).send_due()

    assert (await row(database, message_id)).state == MessageState.SENT
    assert [one["text"] for one in on_the_phone(outside, phone)] == ["【互联网医院】您的验证码是271828，5分钟内有效，请勿告诉他人。"]


async def test_an_answer_that_is_lost_sends_nothing_twice(database: Database, clock: Hands, sms: AliyunSMS, outside: httpx.Client) -> None:
    phone = a_phone()
    message_id = await enqueued(database, phone, clock())
    lose_the_next_answer(outside)
    outbox = MessageOutbox(database, sms, clock)

    await outbox.send_due()
    assert (await row(database, message_id)).state == MessageState.SENDING
    clock.forward(seconds=10)
    await outbox.send_due()

    sent = await row(database, message_id)
    assert (sent.state, sent.repeated) == (MessageState.SENT, False)
    assert len(on_the_phone(outside, phone)) == 1
