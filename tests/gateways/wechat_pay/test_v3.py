"""Orders, query and close on the sandbox's bank: each answer, each refusal, and what silence leaves behind."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.typing import EventDict

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.signing import jsapi_pay
from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import ChannelOrder, Scene, TradeState
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.wechat_pay.conftest import LIMIT_S, Cashier

Fault = Callable[..., None]

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
EXPIRES_AT = now() + timedelta(days=1)  # one instant for the whole run: it is among the parameters of an order
QUERY = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}"
CLOSE = "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close"
ORDER = "POST /v3/pay/transactions/{kind}"


async def order(wechat_pay: WeChatPayV3, order_no: str, **changes: Any) -> ChannelOrder:
    wish: dict[str, Any] = {
        "scene": Scene.NATIVE,
        "amount_fen": 5000,
        "description": "线上复诊医事服务费",
        "expires_at": EXPIRES_AT,
    }
    return await wechat_pay.order(order_no, **(wish | changes))


async def refusal(wechat_pay: WeChatPayV3, order_no: str, **changes: Any) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        await order(wechat_pay, order_no, **changes)
    return refused.value.code, refused.value.kind


@pytest.fixture
def order_no() -> str:
    return ids.new().hex


async def test_a_code_is_what_any_wechat_scans(wechat_pay: WeChatPayV3, order_no: str) -> None:
    made = await order(wechat_pay, order_no)
    assert made.code_url is not None
    assert made.code_url.startswith("weixin://")
    assert made.prepay_id is None


async def test_inside_wechat_the_phone_takes_our_front_end_signature(
    wechat_pay: WeChatPayV3, merchant: WeChatPayAccount, cashier: Cashier, order_no: str
) -> None:
    made = await order(wechat_pay, order_no, scene=Scene.JSAPI, openid=OPENID)
    assert made.prepay_id is not None
    pay = jsapi_pay(merchant, made.prepay_id, now())
    assert cashier.pay(order_no, pay.model_copy(update={"nonceStr": "another"})).status_code == 409
    assert cashier.pay(order_no, pay).status_code == 200


async def test_inside_wechat_somebody_must_pay(wechat_pay: WeChatPayV3, order_no: str) -> None:
    assert await refusal(wechat_pay, order_no, scene=Scene.JSAPI) == ("wechat_pay.openid_missing", "invalid")


async def test_the_same_number_with_the_same_parameters_is_the_same_order(wechat_pay: WeChatPayV3, order_no: str) -> None:
    assert await order(wechat_pay, order_no) == await order(wechat_pay, order_no)


async def test_the_same_number_with_others_is_refused(wechat_pay: WeChatPayV3, order_no: str) -> None:
    await order(wechat_pay, order_no)
    assert await refusal(wechat_pay, order_no, amount_fen=4999) == ("wechat_pay.parameters_differ", "conflict")


async def test_a_paid_or_closed_number_takes_no_order(wechat_pay: WeChatPayV3, cashier: Cashier, order_no: str) -> None:
    closed = ids.new().hex
    await order(wechat_pay, order_no)
    await order(wechat_pay, closed)
    cashier.pay(order_no).raise_for_status()
    await wechat_pay.close(closed)
    assert await refusal(wechat_pay, order_no) == ("wechat_pay.order_paid", "conflict")
    assert await refusal(wechat_pay, closed) == ("wechat_pay.order_closed", "conflict")


async def test_the_query_tells_each_state(wechat_pay: WeChatPayV3, cashier: Cashier, order_no: str) -> None:
    assert (await wechat_pay.query(order_no)).state is TradeState.ABSENT
    await order(wechat_pay, order_no)
    waiting = await wechat_pay.query(order_no)
    assert (waiting.order_no, waiting.state, waiting.transaction_id, waiting.paid_at) == (order_no, TradeState.NOT_PAID, None, None)
    cashier.pay(order_no).raise_for_status()
    paid = await wechat_pay.query(order_no)
    assert (paid.state, paid.amount_fen) == (TradeState.PAID, 5000)
    assert paid.transaction_id is not None
    assert paid.paid_at is not None
    assert abs(paid.paid_at - now()) < timedelta(seconds=10)


async def test_an_order_is_closed_and_stays_so(wechat_pay: WeChatPayV3, cashier: Cashier, order_no: str) -> None:
    await order(wechat_pay, order_no)
    assert [await wechat_pay.close(order_no) for _ in range(2)] == [True, True]
    assert (await wechat_pay.query(order_no)).state is TradeState.CLOSED
    assert cashier.pay(order_no).status_code == 409


async def test_a_paid_order_is_not_closed(wechat_pay: WeChatPayV3, cashier: Cashier, order_no: str) -> None:
    await order(wechat_pay, order_no)
    cashier.pay(order_no).raise_for_status()
    assert await wechat_pay.close(order_no) is False


async def test_an_order_that_never_came_is_as_good_as_closed(wechat_pay: WeChatPayV3, order_no: str) -> None:
    assert await wechat_pay.close(order_no) is True


@pytest.mark.parametrize("kind", ["slow", "lost"])
async def test_an_order_that_nobody_answered_is_unknown_and_the_same_number_answers_the_first(
    wechat_pay: WeChatPayV3, cashier: Cashier, fault: Fault, order_no: str, kind: str
) -> None:
    fault("wechat_pay", ORDER, kind, LIMIT_S * 2)
    with pytest.raises(Unknown):
        await order(wechat_pay, order_no)
    first = await order(wechat_pay, order_no)
    assert await order(wechat_pay, order_no) == first
    assert [row["code_url"] for row in cashier.orders(order_no)] == [first.code_url]


async def test_a_close_that_nobody_answered_is_unknown_and_closed_when_asked_again(
    wechat_pay: WeChatPayV3, fault: Fault, order_no: str
) -> None:
    await order(wechat_pay, order_no)
    fault("wechat_pay", CLOSE, "lost", 0.05)
    with pytest.raises(Unknown):
        await wechat_pay.close(order_no)
    assert await wechat_pay.close(order_no) is True


async def test_silence_on_the_query_decides_nothing(wechat_pay: WeChatPayV3, cashier: Cashier, fault: Fault, order_no: str) -> None:
    await order(wechat_pay, order_no)
    cashier.pay(order_no).raise_for_status()
    fault("wechat_pay", QUERY, "lost", 0.05, times=2)
    with pytest.raises(Unknown):
        await wechat_pay.query(order_no)
    with pytest.raises(Unknown):
        await wechat_pay.close(order_no)  # refused as paid, but only the query may say so


@asynccontextmanager
async def with_account(account: WeChatPayAccount) -> AsyncGenerator[WeChatPayV3]:
    adapter = WeChatPayV3(account, limit_s=LIMIT_S)
    try:
        yield adapter
    finally:
        await adapter.aclose()


async def test_an_answer_under_another_key_is_unknown_and_loud(merchant: WeChatPayAccount, order_no: str, lines: list[EventDict]) -> None:
    stranger = replace(merchant, public_key_id="PUB_KEY_ID_another")
    async with with_account(stranger) as adapter:
        with pytest.raises(Unknown):
            await order(adapter, order_no)
        with pytest.raises(Unknown):
            await adapter.query(order_no)
    loud = [line for line in lines if line["event"] == "wechat_pay.distrusted"]
    assert [(line["log_level"], line["reason"]) for line in loud] == [("error", "serial")] * 2


async def test_a_clock_that_runs_wrong_trusts_nothing(merchant: WeChatPayAccount, order_no: str) -> None:
    adapter = WeChatPayV3(merchant, clock=lambda: now() - timedelta(minutes=6), limit_s=LIMIT_S)
    with pytest.raises(Unknown):
        await adapter.query(order_no)
    await adapter.aclose()


async def test_our_own_misconfiguration_refuses_an_order_as_unavailable_and_decides_nothing_else(
    merchant: WeChatPayAccount, order_no: str, lines: list[EventDict]
) -> None:
    async with with_account(replace(merchant, serial_no="0")) as adapter:
        assert await refusal(adapter, order_no) == ("wechat_pay.sign_error", "unavailable")
        with pytest.raises(Unknown):
            await adapter.query(order_no)
        with pytest.raises(Unknown):
            await adapter.close(order_no)
    assert {line["log_level"] for line in lines if line["event"] == "wechat_pay.misunderstood"} == {"error"}
