"""The outbox against the carrier's real wire, as the sandbox speaks it."""

import asyncio
import json
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
from tests.sandbox.doorbell import Doorbell, doorbell
from tests.sandbox.sms.test_reports import batch_of, code


@pytest.fixture(scope="module")
def bell() -> Iterator[Doorbell]:
    with doorbell(usual=code(0), path="/webhooks/sms") as door:
        yield door


@pytest.fixture(scope="module")
def outside(bell: Doorbell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SANDBOX_SMS_REPORT_URL", bell.url)
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


def switch(outside: httpx.Client, phone: str, state: str) -> None:
    assert outside.post("/console/phones", data={"phone": phone, "state": state}).status_code == 303


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


@pytest.mark.parametrize(
    ("phone_is", "state", "failure"),
    [("on", MessageState.DELIVERED, None), ("off", MessageState.UNDELIVERED, "sms.MOBILE_NOT_ON_SERVICE")],
)
async def test_the_carriers_report_makes_us_ask_and_its_answer_is_written(
    api: httpx.AsyncClient,
    database: Database,
    clock: Hands,
    sms: AliyunSMS,
    outside: httpx.Client,
    bell: Doorbell,
    phone_is: str,
    state: MessageState,
    failure: str | None,
) -> None:
    phone = a_phone()
    message_id = await enqueued(database, phone, clock())
    switch(outside, phone, phone_is)
    outbox = MessageOutbox(database, sms, clock)
    await outbox.send_due()
    assert await outbox.ask_due() == 0

    pushed = await asyncio.to_thread(batch_of, bell, message_id.hex)
    answer = await api.post("/webhooks/sms", content=json.dumps(pushed))

    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    assert (await row(database, message_id)).state == MessageState.SENT
    assert await outbox.ask_due() == 1
    told = await row(database, message_id)
    assert (told.state, told.failure, told.ask_at) == (state, failure, None)
    assert told.reported_at is not None
