"""What the carrier may also say: answers that no sandbox gives, and what we make of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateways.logistics.account import SfAccount
from gateways.logistics.sf import SfLogistics
from models.delivery import Mark, Reach
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from tests.gateways.conftest import Misbehaving, answering, request_head
from tests.gateways.logistics.conftest import LIMIT_S, a_receiver

NUMBER = ids.new().hex
Ask = Callable[[SfLogistics], Awaitable[Any]]


def said(inner: object, code: str = "A1000") -> dict[str, object]:
    return {"apiResultCode": code, "apiErrorMsg": "", "apiResponseID": "1", "apiResultData": json.dumps(inner) if inner else ""}


def done(message: object) -> dict[str, object]:
    return said({"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": message})


def refused(code: str) -> dict[str, object]:
    return said({"success": False, "errorCode": code, "errorMsg": "", "msgData": None})


def order(**changes: object) -> dict[str, object]:
    return done({"orderId": NUMBER, "filterResult": 2, "waybillNoInfoList": [{"waybillType": 1, "waybillNo": "SF1"}]} | changes)


def routes(*rows: dict[str, str]) -> dict[str, object]:
    return done({"routeResps": [{"mailNo": "SF1", "routes": list(rows)}]})


def a_route(**changes: str) -> dict[str, str]:
    return {"acceptTime": "2026-03-02 10:00:00", "acceptAddress": "北京市", "remark": "", "opCode": "50"} | changes


async def answered(misbehaving: Misbehaving, account: SfAccount, answers: list[object], ask: Ask) -> Any:
    """What comes of a call to a carrier that gives these answers in their order, the last one again and again."""

    async def carrier(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
        writer.write(answering(200, answers.pop(0) if len(answers) > 1 else answers[0]))
        await writer.drain()

    async with misbehaving(carrier) as address:
        adapter = SfLogistics(replace(account, base_url=address), limit_s=LIMIT_S)
        try:
            return await ask(adapter)
        finally:
            await adapter.aclose()


def create(sf: SfLogistics) -> Awaitable[Any]:
    return sf.create(NUMBER, a_receiver())


def find(sf: SfLogistics) -> Awaitable[Any]:
    return sf.find(NUMBER)


def cancel(sf: SfLogistics) -> Awaitable[Any]:
    return sf.cancel(NUMBER)


def track(sf: SfLogistics) -> Awaitable[Any]:
    return sf.track(NUMBER)


def reaches(sf: SfLogistics) -> Awaitable[Any]:
    return sf.reaches(a_receiver())


@pytest.mark.parametrize("code", ["A1002", "A1005", "A1009", "A1099"])
async def test_a_door_that_says_nothing_of_the_order_decides_nothing(misbehaving: Misbehaving, account: SfAccount, code: str) -> None:
    for ask in (create, find, cancel, track, reaches):
        with pytest.raises(Unknown):
            await answered(misbehaving, account, [said(None, code)], ask)


async def test_too_busy_to_order_and_then_found(misbehaving: Misbehaving, account: SfAccount) -> None:
    waybill = await answered(misbehaving, account, [said(None, "A1099"), order()], create)

    assert (waybill.number, waybill.reach) == ("SF1", Reach.YES)


async def test_ordered_already_and_not_found_is_unknown(misbehaving: Misbehaving, account: SfAccount) -> None:
    with pytest.raises(Unknown):
        await answered(misbehaving, account, [refused("8016"), refused("8024")], create)


@pytest.mark.parametrize(
    "changes",
    [{"orderId": "another"}, {"filterResult": None}, {"filterResult": 9}, {"waybillNoInfoList": []}, {"waybillNoInfoList": "SF1"}],
)
async def test_an_order_that_cannot_be_understood_decides_nothing(
    misbehaving: Misbehaving, account: SfAccount, changes: dict[str, object]
) -> None:
    with pytest.raises(Unknown):
        await answered(misbehaving, account, [order(**changes)], create)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", {"apiResultCode": "A1000", "apiResultData": "half a"}, said("text")])
async def test_what_is_no_answer_decides_nothing(misbehaving: Misbehaving, account: SfAccount, answer: object) -> None:
    for ask in (create, track):
        with pytest.raises(Unknown):
            await answered(misbehaving, account, [answer], ask)


@pytest.mark.parametrize(("code", "kind"), [("1016", "invalid"), ("9999", "unavailable")])
async def test_a_refusal_is_the_receivers_or_ours(misbehaving: Misbehaving, account: SfAccount, code: str, kind: str) -> None:
    with pytest.raises(DomainError, match=rf"^logistics\.{code}$") as raised:
        await answered(misbehaving, account, [refused(code)], create)
    assert raised.value.kind == kind


@pytest.mark.parametrize(
    ("told", "reach"),
    [
        ({"filterResult": 2, "remark": None}, Reach.YES),
        ({"filterResult": "3", "remark": "2"}, Reach.NO),
        ({"filterResult": 3, "remark": 1}, Reach.NO),
        ({"filterResult": 3, "remark": "3"}, Reach.PENDING),
        ({"filterResult": 3}, Reach.PENDING),
        ({"filterResult": 1}, Reach.PENDING),
        ({"filterResult": 4}, Reach.PENDING),
    ],
)
async def test_only_what_is_out_of_its_range_is_not_reached(
    misbehaving: Misbehaving, account: SfAccount, told: dict[str, object], reach: Reach
) -> None:
    for message in ([told], told):
        assert await answered(misbehaving, account, [done(message)], reaches) is reach


@pytest.mark.parametrize("told", [None, [], {}, [{"filterResult": "far"}]])
async def test_a_place_of_which_nothing_is_said_is_unknown(misbehaving: Misbehaving, account: SfAccount, told: object) -> None:
    with pytest.raises(Unknown):
        await answered(misbehaving, account, [done(told)], reaches)


@pytest.mark.parametrize(
    ("route", "mark"),
    [
        (a_route(opCode="8000"), Mark.OTHER),
        (a_route(opCode="never seen"), Mark.OTHER),
        (a_route(opCode="70", remark="因联系不上收件人"), Mark.FAILED),
        (a_route(opCode="70", remark="客户拒签"), Mark.REFUSED),
        (a_route(opCode="648"), Mark.RETURNING),
        (a_route(opCode="204"), Mark.OUT),
    ],
)
async def test_a_scan_means_what_its_code_says(misbehaving: Misbehaving, account: SfAccount, route: dict[str, str], mark: Mark) -> None:
    [event] = await answered(misbehaving, account, [routes(route)], track)

    assert (event.mark, event.at.isoformat()) == (mark, "2026-03-02T10:00:00+08:00")


async def test_a_scan_at_no_time_decides_nothing(misbehaving: Misbehaving, account: SfAccount) -> None:
    with pytest.raises(Unknown):
        await answered(misbehaving, account, [routes(a_route(acceptTime="yesterday"))], track)


async def test_not_taken_back_and_never_seen_is_unknown(misbehaving: Misbehaving, account: SfAccount) -> None:
    """Then nobody says that nothing is carried."""
    with pytest.raises(Unknown):
        await answered(misbehaving, account, [refused("8252"), done({"routeResps": []})], cancel)
    assert not await answered(misbehaving, account, [refused("8252"), routes(a_route())], cancel)
