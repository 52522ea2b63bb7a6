"""Messages through the sandbox's operator: each answer, each refusal, and how a lost one is asked for."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from structlog.typing import EventDict

from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from models.kernel import ids
from models.kernel.clock import SHANGHAI, now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.conftest import Misbehaving, answering, request_head
from tests.gateways.sms.conftest import LIMIT_S, Phones

TEMPLATE = "SMS_SIGN_IN_CODE"


async def test_a_message_arrives_under_our_number(sms: AliyunSMS, phones: Phones) -> None:
    number, phone = ids.new(), "13900300001"
    receipt = await sms.send(number, phone, TEMPLATE, {"code": "407391"})
    (message,) = phones.messages(phone)
    assert (message["biz_id"], message["out_id"]) == (receipt, number.hex)
    assert "407391" in message["text"]
    assert message["text"].startswith("【")


async def test_what_was_sent_is_found_by_our_number_and_nothing_else(sms: AliyunSMS) -> None:
    number, phone = ids.new(), "13900300002"
    assert await sms.sent(number, phone, now()) is None
    await sms.send(number, phone, TEMPLATE, {"code": "407391"})
    found = await sms.sent(number, phone, now())
    assert found is not None
    assert (found.receipt, found.arrived, found.code) == (number.hex, True, None)
    assert found.at is not None
    assert abs(now() - found.at) < timedelta(minutes=1)
    assert await sms.sent(ids.new(), phone, now()) is None
    assert await sms.sent(number, "13900300003", now()) is None
    assert await sms.sent(number, phone, now() - timedelta(days=2)) is None


async def fate(sms: AliyunSMS, number: UUID, phone: str) -> tuple[bool | None, str | None]:
    found = await sms.sent(number, phone, now())
    assert found is not None
    return found.arrived, found.code


async def test_what_a_phone_that_is_off_never_got(sms: AliyunSMS, phones: Phones) -> None:
    number, phone = ids.new(), "13900300011"
    phones.switch(phone, "off")
    await sms.send(number, phone, TEMPLATE, {"code": "407391"})

    assert await fate(sms, number, phone) == (False, "sms.MOBILE_NOT_ON_SERVICE")


async def test_what_the_network_has_not_said_is_not_known(sms: AliyunSMS, phones: Phones) -> None:
    number, phone = ids.new(), "13900300012"
    phones.switch(phone, "away")
    await sms.send(number, phone, TEMPLATE, {"code": "407391"})

    assert await fate(sms, number, phone) == (None, None)


async def test_of_two_under_one_number_one_that_is_there_is_enough(sms: AliyunSMS, phones: Phones) -> None:
    number, phone = ids.new(), "13900300013"
    told: list[bool | None] = []
    for state in ("off", "away", "on"):
        phones.switch(phone, state)
        await sms.send(number, phone, TEMPLATE, {"code": "407391"})
        told.append((await fate(sms, number, phone))[0])

    assert told == [False, None, True]


async def test_it_is_found_behind_many_others(sms: AliyunSMS) -> None:
    number, phone = ids.new(), "13900300004"
    await sms.send(number, phone, TEMPLATE, {"code": "407391"})
    for _ in range(51):
        await sms.send(ids.new(), phone, TEMPLATE, {"code": "407391"})
    found = await sms.sent(number, phone, now())
    assert found is not None
    assert found.receipt == number.hex


async def test_a_message_lost_after_it_went_is_unknown_found_and_not_sent_twice(
    sms: AliyunSMS, phones: Phones, fault: Callable[..., None]
) -> None:
    number, phone = ids.new(), "13900300005"
    fault("sms", "POST /SendSms", "lost", 0.05)
    with pytest.raises(Unknown):
        await sms.send(number, phone, TEMPLATE, {"code": "407391"})
    found = await sms.sent(number, phone, now())
    assert found is not None
    assert found.receipt == number.hex
    assert len(phones.messages(phone)) == 1


async def test_silence_is_unknown(sms: AliyunSMS, fault: Callable[..., None]) -> None:
    fault("sms", "*", "slow", LIMIT_S * 2, times=2)
    with pytest.raises(Unknown):
        await sms.send(ids.new(), "13900300006", TEMPLATE, {"code": "407391"})
    with pytest.raises(Unknown):
        await sms.sent(ids.new(), "13900300006", now())


@pytest.mark.parametrize(
    ("phone", "template", "params", "code", "kind"),
    [
        ("12345", TEMPLATE, {"code": "407391"}, "isv.MOBILE_NUMBER_ILLEGAL", "invalid"),
        ("13900300007", "SMS_NONE", {"code": "407391"}, "isv.SMS_TEMPLATE_ILLEGAL", "unavailable"),
        ("13900300007", TEMPLATE, {}, "isv.TEMPLATE_MISSING_PARAMETERS", "unavailable"),
    ],
)
async def test_a_message_is_refused_in_the_operators_words(
    sms: AliyunSMS, phone: str, template: str, params: dict[str, str], code: str, kind: str
) -> None:
    with pytest.raises(DomainError) as refused:
        await sms.send(ids.new(), phone, template, params)
    assert (refused.value.code, refused.value.kind) == (f"sms.{code}", kind)


async def test_our_own_misconfiguration_is_loud(aliyun: AliyunAccount, lines: list[EventDict]) -> None:
    adapter = AliyunSMS(replace(aliyun, access_key_secret="wrong"), limit_s=LIMIT_S)
    with pytest.raises(DomainError, match=r"^sms\.SignatureDoesNotMatch$") as refused:
        await adapter.send(ids.new(), "13900300008", TEMPLATE, {"code": "407391"})
    with pytest.raises(Unknown):
        await adapter.sent(ids.new(), "13900300008", now())
    await adapter.aclose()
    assert refused.value.kind == "unavailable"
    assert [line["log_level"] for line in lines if line["event"] == "sms.misunderstood"] == ["error", "error"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "limited"),
        ("isv.DAY_LIMIT_CONTROL", "limited"),
        ("isv.OUT_OF_SERVICE", "unavailable"),
        ("isp.SYSTEM_ERROR", None),
        ("Throttling.User", None),
        ("", None),
    ],
)
async def test_what_the_operator_may_also_say(misbehaving: Misbehaving, aliyun: AliyunAccount, code: str, kind: str | None) -> None:
    async def operator(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(answering(200, {"Code": code, "Message": "", "RequestId": "R-1"}))
        await writer.drain()

    async with misbehaving(operator) as address:
        adapter = AliyunSMS(replace(aliyun, base_url=address), limit_s=LIMIT_S)
        with pytest.raises(DomainError if kind else Unknown) as raised:
            await adapter.send(ids.new(), "13900300009", TEMPLATE, {"code": "407391"})
        await adapter.aclose()
    assert getattr(raised.value, "kind", None) == kind


async def test_just_before_midnight_it_may_stand_under_the_next_day(misbehaving: Misbehaving, aliyun: AliyunAccount) -> None:
    days: list[str] = []

    async def operator(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = (await request_head(reader)).split(" ", 2)[1].partition("?")[2]
        days.append(parse_qs(query)["senddate"][0])
        writer.write(answering(200, b'{"Code": "OK", "TotalCount": 0, "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}}'))
        await writer.drain()

    async with misbehaving(operator) as address:
        adapter = AliyunSMS(replace(aliyun, base_url=address), limit_s=LIMIT_S)
        await adapter.sent(ids.new(), "13900300010", datetime(2026, 11, 30, 23, 57, tzinfo=SHANGHAI))
        await adapter.sent(ids.new(), "13900300010", datetime(2026, 11, 30, 12, 0, tzinfo=SHANGHAI))
        await adapter.aclose()
    assert days == ["20261130", "20261201", "20261130"]
