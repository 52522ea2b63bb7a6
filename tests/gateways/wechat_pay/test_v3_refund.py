"""Refunds on the sandbox's bank: each answer, each refusal, and what a repeat of the same number answers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import Scene, TradeState
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.refund import ChannelRefund, RefundStatus
from tests.gateways.wechat_pay.conftest import LIMIT_S, Cashier

Fault = Callable[..., None]

REFUND = "POST /v3/refund/domestic/refunds"
QUERY = "GET /v3/refund/domestic/refunds/{out_refund_no}"


@pytest.fixture
async def order_no(wechat_pay: WeChatPayV3, cashier: Cashier) -> str:
    """Of an order that somebody has paid."""
    number = ids.new().hex
    expires_at = now() + timedelta(minutes=10)
    await wechat_pay.order(number, scene=Scene.NATIVE, amount_fen=5000, description="线上复诊医事服务费", expires_at=expires_at)
    cashier.pay(number).raise_for_status()
    return number


@pytest.fixture
def refund_no() -> str:
    return ids.new().hex


async def refund(wechat_pay: WeChatPayV3, refund_no: str, order_no: str, **changes: Any) -> ChannelRefund:
    wish: dict[str, Any] = {"order_no": order_no, "amount_fen": 5000, "total_fen": 5000, "reason": "患者退号"}
    return await wechat_pay.refund(refund_no, **(wish | changes))


async def refusal(call: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        await call
    return refused.value.code, refused.value.kind


async def ended(wechat_pay: WeChatPayV3, refund_no: str) -> ChannelRefund:
    """The refund once it is not under way any more."""
    while (seen := await wechat_pay.query_refund(refund_no)).status is RefundStatus.PROCESSING:
        pass
    return seen


async def test_a_refund_is_accepted_and_then_arrives(wechat_pay: WeChatPayV3, refund_no: str, order_no: str) -> None:
    assert await wechat_pay.query_refund(refund_no) == ChannelRefund(refund_no=refund_no, status=RefundStatus.ABSENT)

    accepted = await refund(wechat_pay, refund_no, order_no, amount_fen=1234)

    assert (accepted.refund_no, accepted.status, accepted.amount_fen, accepted.arrived_at) == (
        refund_no,
        RefundStatus.PROCESSING,
        1234,
        None,
    )
    assert (await wechat_pay.query(order_no)).state is TradeState.REFUNDED
    arrived = await ended(wechat_pay, refund_no)
    assert arrived == accepted.model_copy(update={"status": RefundStatus.SUCCESS, "arrived_at": arrived.arrived_at})
    assert arrived.arrived_at is not None
    assert abs(arrived.arrived_at - now()) < timedelta(seconds=10)


@pytest.mark.parametrize("status", [RefundStatus.ABNORMAL, RefundStatus.CLOSED])
async def test_a_refund_that_does_not_arrive_says_so(
    wechat_pay: WeChatPayV3, cashier: Cashier, refund_no: str, order_no: str, status: RefundStatus
) -> None:
    cashier.next_refund(status.upper(), order_no)
    accepted = await refund(wechat_pay, refund_no, order_no)
    assert accepted.status is RefundStatus.PROCESSING
    seen = await ended(wechat_pay, refund_no)
    assert (seen.status, seen.refund_id, seen.arrived_at) == (status, accepted.refund_id, None)
    paid = TradeState.PAID if status is RefundStatus.CLOSED else TradeState.REFUNDED
    assert (await wechat_pay.query(order_no)).state is paid


async def test_the_same_number_is_the_same_refund_whatever_became_of_it(wechat_pay: WeChatPayV3, refund_no: str, order_no: str) -> None:
    first = await refund(wechat_pay, refund_no, order_no)
    arrived = await ended(wechat_pay, refund_no)
    assert await refund(wechat_pay, refund_no, order_no) == arrived
    assert arrived.refund_id == first.refund_id


@pytest.mark.parametrize("changes", [{"amount_fen": 4999}, {"total_fen": 4999, "amount_fen": 4999}, {"reason": "医生退诊"}])
async def test_the_same_number_for_something_else_is_refused(
    wechat_pay: WeChatPayV3, refund_no: str, order_no: str, changes: dict[str, Any]
) -> None:
    await refund(wechat_pay, refund_no, order_no)
    assert await refusal(refund(wechat_pay, refund_no, order_no, **changes)) == ("wechat_pay.parameters_differ", "conflict")


async def test_never_more_than_was_paid(wechat_pay: WeChatPayV3, cashier: Cashier, refund_no: str, order_no: str) -> None:
    await refund(wechat_pay, refund_no, order_no, amount_fen=4000)
    another = ids.new().hex
    assert await refusal(refund(wechat_pay, another, order_no, amount_fen=1001)) == ("wechat_pay.refund_exceeded", "conflict")
    assert (await wechat_pay.query_refund(another)).status is RefundStatus.ABSENT
    await refund(wechat_pay, another, order_no, amount_fen=1000)
    assert await refusal(refund(wechat_pay, ids.new().hex, order_no, amount_fen=1)) == ("wechat_pay.refund_exceeded", "conflict")
    assert sum(row["refund_fen"] for row in cashier.refunds(order_no)) == 5000


async def test_only_what_was_paid_goes_back(wechat_pay: WeChatPayV3, refund_no: str, order_no: str) -> None:
    assert await refusal(refund(wechat_pay, refund_no, ids.new().hex)) == ("wechat_pay.order_not_paid", "conflict")
    assert await refusal(refund(wechat_pay, refund_no, order_no, total_fen=6000)) == ("wechat_pay.parameters_differ", "conflict")
    assert (await refund(wechat_pay, refund_no, order_no)).status is RefundStatus.PROCESSING


async def test_a_balance_too_low_is_refused_and_the_same_number_may_try_again(
    wechat_pay: WeChatPayV3, cashier: Cashier, refund_no: str, order_no: str
) -> None:
    cashier.next_refund("NOT_ENOUGH", order_no)
    assert await refusal(refund(wechat_pay, refund_no, order_no)) == ("wechat_pay.not_enough", "conflict")
    assert (await wechat_pay.query_refund(refund_no)).status is RefundStatus.ABSENT
    assert (await refund(wechat_pay, refund_no, order_no)).status is RefundStatus.PROCESSING


@pytest.mark.parametrize("kind", ["slow", "lost"])
async def test_a_refund_that_nobody_answered_is_unknown_and_the_same_number_answers_the_first(
    wechat_pay: WeChatPayV3, cashier: Cashier, fault: Fault, refund_no: str, order_no: str, kind: str
) -> None:
    fault("wechat_pay", REFUND, kind, LIMIT_S * 2)
    with pytest.raises(Unknown):
        await refund(wechat_pay, refund_no, order_no)
    again = await refund(wechat_pay, refund_no, order_no)
    assert again.refund_id == (await wechat_pay.query_refund(refund_no)).refund_id
    assert [row["refund_id"] for row in cashier.refunds(order_no)] == [again.refund_id]


async def test_a_refund_that_comes_late_is_the_one_that_was_asked_for_meanwhile(
    wechat_pay: WeChatPayV3, cashier: Cashier, fault: Fault, refund_no: str, order_no: str
) -> None:
    fault("wechat_pay", REFUND, "late", 0.3)
    with pytest.raises(Unknown):
        await refund(wechat_pay, refund_no, order_no)
    assert (await wechat_pay.query_refund(refund_no)).status is RefundStatus.ABSENT
    again = await refund(wechat_pay, refund_no, order_no)
    assert (await ended(wechat_pay, refund_no)).refund_id == again.refund_id
    assert len(cashier.refunds(order_no)) == 1


async def test_a_refund_that_arrived_twice_is_one(
    wechat_pay: WeChatPayV3, cashier: Cashier, fault: Fault, refund_no: str, order_no: str
) -> None:
    fault("wechat_pay", REFUND, "duplicated", 0)
    await refund(wechat_pay, refund_no, order_no)
    assert len(cashier.refunds(order_no)) == 1


@pytest.mark.parametrize("code", ["SYSTEM_ERROR", "FREQUENCY_LIMITED"])
async def test_a_channel_that_cannot_say_is_unknown(
    wechat_pay: WeChatPayV3, outside_refuses: Callable[[str, str], None], refund_no: str, order_no: str, code: str
) -> None:
    outside_refuses(REFUND, code)
    with pytest.raises(Unknown):
        await refund(wechat_pay, refund_no, order_no)
    outside_refuses(QUERY, code)
    with pytest.raises(Unknown):
        await wechat_pay.query_refund(refund_no)


async def test_a_payer_whose_account_is_gone_is_told_apart(
    wechat_pay: WeChatPayV3, outside_refuses: Callable[[str, str], None], refund_no: str, order_no: str
) -> None:
    outside_refuses(REFUND, "USER_ACCOUNT_ABNORMAL")
    assert await refusal(refund(wechat_pay, refund_no, order_no)) == ("wechat_pay.account_abnormal", "conflict")
    outside_refuses(REFUND, "RULE_LIMIT")
    assert await refusal(refund(wechat_pay, refund_no, order_no)) == ("wechat_pay.rule_limit", "unavailable")


async def test_a_tampered_answer_decides_nothing(wechat_pay: WeChatPayV3, fault: Fault, refund_no: str, order_no: str) -> None:
    fault("wechat_pay", REFUND, "tampered", 0)
    with pytest.raises(Unknown):
        await refund(wechat_pay, refund_no, order_no)
    await ended(wechat_pay, refund_no)
    fault("wechat_pay", QUERY, "tampered", 0)
    with pytest.raises(Unknown):
        await wechat_pay.query_refund(refund_no)
    assert (await wechat_pay.query_refund(refund_no)).amount_fen == 5000


async def test_silence_on_the_query_decides_nothing(wechat_pay: WeChatPayV3, fault: Fault, refund_no: str, order_no: str) -> None:
    await refund(wechat_pay, refund_no, order_no)
    fault("wechat_pay", QUERY, "lost", 0.05)
    with pytest.raises(Unknown):
        await wechat_pay.query_refund(refund_no)
