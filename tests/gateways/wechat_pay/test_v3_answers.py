"""Answers that the sandbox does not give, said by a bank that signs as ours expects: each is read for what it is worth."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import pytest

from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import Scene, TradeState
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.refund import RefundStatus
from tests.gateways.conftest import Misbehaving, answering, request_head
from tests.gateways.wechat_pay.channel import account, paid, seen_refund, signed

NO = "0a" * 16
REFUND_NO = "0c" * 16
AT = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


class Said(NamedTuple):
    """An answer, signed in the moment it is given."""

    status: int
    body: object
    signature: Literal["right", "wrong", "none"] = "right"

    def written(self) -> bytes:
        raw = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"right": signed(raw, now()), "wrong": signed(raw, now(), by="a stranger"), "none": {}}[self.signature]
        return answering(self.status, raw, headers)


def error(status: int, code: str, message: str = "", signature: Literal["right", "wrong", "none"] = "right") -> Said:
    return Said(status, {"code": code, "message": message}, signature)


class _Bank:
    def __init__(self, *script: Said) -> None:
        self.script = list(script)
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await request_head(reader)).partition("\r\n")[0])
        writer.write(self.script.pop(0).written())
        await writer.drain()


@asynccontextmanager
async def _wechat_pay(address: str) -> AsyncGenerator[WeChatPayV3]:
    adapter = WeChatPayV3(account(address), limit_s=20.0)
    try:
        yield adapter
    finally:
        await adapter.aclose()


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, TradeState.PAID),
        ({"trade_state": "REFUND"}, TradeState.REFUNDED),
        ({"trade_state": "CLOSED"}, TradeState.CLOSED),
        ({"trade_state": "USERPAYING"}, TradeState.UNKNOWN),
        ({"trade_state": "A_NEW_WORD"}, TradeState.UNKNOWN),
    ],
)
async def test_each_word_of_the_channel(misbehaving: Misbehaving, changes: dict[str, str], state: TradeState) -> None:
    async with misbehaving(_Bank(Said(200, paid(**changes)))) as address, _wechat_pay(address) as adapter:
        trade = await adapter.query(NO)
    assert (trade.state, trade.amount_fen, trade.transaction_id, trade.paid_at) == (state, 5000, "4200001234202611241234567890", AT)


@pytest.mark.parametrize(
    "answer",
    [
        Said(200, paid(mchid="1700000002")),
        Said(200, paid(appid="wx0000000000000000")),
        Said(200, paid(out_trade_no="0b" * 16)),
        Said(200, paid(transaction_id=None)),
        Said(200, paid(amount=None)),
        Said(200, paid(amount={"total": 50.0, "currency": "CNY"})),
        Said(200, paid(success_time=None)),
        Said(200, []),
        error(404, "RESOURCE_NOT_EXISTS"),
        error(403, "NO_AUTH"),
        error(429, "FREQUENCY_LIMITED"),
        error(500, "SYSTEM_ERROR"),
        Said(200, paid(), "none"),
        Said(200, paid(), "wrong"),
        error(404, "ORDER_NOT_EXIST", signature="wrong"),
        Said(404, b"<html>"),
    ],
)
async def test_what_is_not_surely_about_our_order_decides_nothing(misbehaving: Misbehaving, answer: Said) -> None:
    async with misbehaving(_Bank(answer)) as address, _wechat_pay(address) as adapter:
        with pytest.raises(Unknown):
            await adapter.query(NO)


async def test_a_refusal_may_come_unsigned(misbehaving: Misbehaving) -> None:
    async with misbehaving(_Bank(error(404, "ORDER_NOT_EXIST", signature="none"))) as address, _wechat_pay(address) as adapter:
        assert (await adapter.query(NO)).state is TradeState.ABSENT


@pytest.mark.parametrize(
    ("refused", "then", "paid_after_all"),
    [
        (error(400, "ORDERPAID", "该订单已支付"), Said(200, paid()), True),
        (error(400, "INVALID_REQUEST", "该订单已支付"), Said(200, paid(trade_state="REFUND")), True),
        (error(400, "ORDER_CLOSED", "订单已关闭"), Said(200, paid(trade_state="CLOSED")), False),
        (error(404, "ORDER_NOT_EXIST"), error(404, "ORDER_NOT_EXIST"), False),
    ],
)
async def test_a_close_that_is_refused_is_decided_by_the_query(
    misbehaving: Misbehaving, refused: Said, then: Said, paid_after_all: bool
) -> None:
    bank = _Bank(refused, then)
    async with misbehaving(bank) as address, _wechat_pay(address) as adapter:
        assert await adapter.close(NO) is not paid_after_all
    assert bank.asked == [
        f"post /v3/pay/transactions/out-trade-no/{NO}/close http/1.1",
        f"get /v3/pay/transactions/out-trade-no/{NO}?mchid=1700000001 http/1.1",
    ]


@pytest.mark.parametrize("then", [Said(200, paid(trade_state="NOTPAY")), Said(200, paid(trade_state="USERPAYING")), error(500, "")])
async def test_a_close_that_the_query_does_not_bear_out_is_unknown(misbehaving: Misbehaving, then: Said) -> None:
    async with misbehaving(_Bank(error(400, "ORDERPAID"), then)) as address, _wechat_pay(address) as adapter:
        with pytest.raises(Unknown):
            await adapter.close(NO)


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        (error(400, "ORDERPAID"), "order_paid", "conflict"),
        (error(400, "INVALID_REQUEST", "201 该订单已支付"), "order_paid", "conflict"),
        (error(400, "ORDER_CLOSED"), "order_closed", "conflict"),
        (error(403, "OUT_TRADE_NO_USED"), "parameters_differ", "conflict"),
        (error(400, "INVALID_REQUEST", "请求重入时参数与首次请求时不一致，请核实后重试"), "parameters_differ", "conflict"),
        (error(400, "INVALID_REQUEST", "无效请求"), "invalid_request", "unavailable"),
        (error(403, "RULE_LIMIT"), "rule_limit", "unavailable"),
    ],
)
async def test_an_order_is_refused_in_our_words(misbehaving: Misbehaving, answer: Said, code: str, kind: str) -> None:
    async with misbehaving(_Bank(answer)) as address, _wechat_pay(address) as adapter:
        with pytest.raises(DomainError) as refused:
            await adapter.order(NO, scene=Scene.NATIVE, amount_fen=5000, description="线上复诊", expires_at=AT)
    assert (refused.value.code, refused.value.kind) == (f"wechat_pay.{code}", kind)


@pytest.mark.parametrize("body", [{}, {"code_url": 5}, []])
async def test_an_order_without_its_code_is_unknown(misbehaving: Misbehaving, body: Any) -> None:
    async with misbehaving(_Bank(Said(200, body))) as address, _wechat_pay(address) as adapter:
        with pytest.raises(Unknown):
            await adapter.order(NO, scene=Scene.NATIVE, amount_fen=5000, description="线上复诊", expires_at=AT)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, RefundStatus.SUCCESS),
        ({"status": "PROCESSING", "success_time": None}, RefundStatus.PROCESSING),
        ({"status": "ABNORMAL", "success_time": None}, RefundStatus.ABNORMAL),
        ({"status": "CLOSED", "success_time": None}, RefundStatus.CLOSED),
        ({"status": "A_NEW_WORD"}, RefundStatus.UNKNOWN),
    ],
)
async def test_each_word_on_a_refund(misbehaving: Misbehaving, changes: dict[str, Any], status: RefundStatus) -> None:
    async with misbehaving(_Bank(*[Said(200, seen_refund(**changes))] * 2)) as address, _wechat_pay(address) as adapter:
        asked = await adapter.query_refund(REFUND_NO)
        made = await adapter.refund(REFUND_NO, order_no=NO, amount_fen=1500, total_fen=5000, reason="患者退号")
    arrived_at = AT if status is RefundStatus.SUCCESS else None
    assert asked == made
    assert (asked.status, asked.amount_fen, asked.refund_id, asked.arrived_at) == (
        status,
        1500,
        "50300002342026112412345678901",
        arrived_at,
    )


@pytest.mark.parametrize(
    "answer",
    [
        Said(200, seen_refund(out_refund_no="0b" * 16)),
        Said(200, seen_refund(success_time=None)),
        Said(200, seen_refund(refund_id=None)),
        Said(200, seen_refund(amount={"total": 5000, "refund": "15.00"})),
        Said(200, {"refund_status": "SUCCESS"}),
        Said(200, seen_refund(), "none"),
        Said(200, seen_refund(), "wrong"),
        error(404, "RESOURCE_NOT_EXISTS", signature="wrong"),
        error(404, "MCH_NOT_EXISTS"),
        error(400, "PARAM_ERROR"),
        error(403, "NO_AUTH"),
        error(429, "FREQUENCY_LIMITED"),
        error(500, "SYSTEM_ERROR"),
    ],
)
async def test_what_is_not_surely_about_our_refund_decides_nothing(misbehaving: Misbehaving, answer: Said) -> None:
    async with misbehaving(_Bank(answer)) as address, _wechat_pay(address) as adapter:
        with pytest.raises(Unknown):
            await adapter.query_refund(REFUND_NO)


@pytest.mark.parametrize("changes", [{"out_trade_no": "0b" * 16}, {"amount": {"total": 5000, "refund": 1499}}])
async def test_a_refund_of_something_else_is_unknown(misbehaving: Misbehaving, changes: dict[str, Any]) -> None:
    async with misbehaving(_Bank(Said(200, seen_refund(**changes)))) as address, _wechat_pay(address) as adapter:
        with pytest.raises(Unknown):
            await adapter.refund(REFUND_NO, order_no=NO, amount_fen=1500, total_fen=5000, reason="患者退号")


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        (error(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"), "not_enough", "conflict"),
        (error(403, "USER_ACCOUNT_ABNORMAL"), "account_abnormal", "conflict"),
        (error(404, "RESOURCE_NOT_EXISTS", "订单不存在"), "order_not_paid", "conflict"),
        (error(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试"), "parameters_differ", "conflict"),
        (error(400, "INVALID_REQUEST", "订单已全额退款"), "refund_exceeded", "conflict"),
        (error(400, "INVALID_REQUEST", "refund_fee大于可退金额"), "refund_exceeded", "conflict"),
        (error(400, "INVALID_REQUEST", "订单已超过可退款的最大期限"), "refund_too_late", "conflict"),
        (error(400, "INVALID_REQUEST", "无效请求"), "invalid_request", "unavailable"),
        (error(403, "NO_AUTH"), "no_auth", "unavailable"),
    ],
)
async def test_a_refund_is_refused_in_our_words(misbehaving: Misbehaving, answer: Said, code: str, kind: str) -> None:
    async with misbehaving(_Bank(answer)) as address, _wechat_pay(address) as adapter:
        with pytest.raises(DomainError) as refused:
            await adapter.refund(REFUND_NO, order_no=NO, amount_fen=1500, total_fen=5000, reason="患者退号")
    assert (refused.value.code, refused.value.kind) == (f"wechat_pay.{code}", kind)
