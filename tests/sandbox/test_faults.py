"""Faults strike the named call, so often and no more, and leave every other call alone."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.sms.sender import Sender
from tests.sandbox.wechat_pay.merchant import Merchant

PLACE = "POST /v3/pay/transactions/{kind}"


@pytest.fixture(autouse=True)
def _nothing_left_behind(outside: httpx.Client) -> Iterator[None]:
    yield
    outside.delete("/faults")


@pytest.fixture
def merchant(outside: httpx.Client) -> Merchant:
    return Merchant(outside.get("/credentials").json()["wechat_pay"], outside)


def ask(outside: httpx.Client, **fault: Any) -> httpx.Response:
    return outside.post("/faults", json=fault)


def test_a_lost_call_takes_effect_and_answers_nothing(outside: httpx.Client, merchant: Merchant) -> None:
    made = ask(outside, system="wechat_pay", call=PLACE, kind="lost", seconds=0.1, times=1)
    assert (made.status_code, made.json()["taken"]) == (201, 0)
    body = merchant.order()

    lost = merchant.place("native", body)
    assert (lost.status_code, lost.content) == (504, b"")
    assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "NOTPAY"
    assert merchant.place("native", body).status_code == 200


def test_a_caller_who_gives_up_first_finds_the_effect(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="lost", seconds=2, times=1)
    body = merchant.order()
    with httpx.Client(base_url=outside.base_url, timeout=0.3) as impatient, pytest.raises(httpx.ReadTimeout):
        Merchant(merchant.keys, impatient).place("native", body)
    assert merchant.query(body["out_trade_no"]).status_code == 200


def test_a_refusal_is_lost_as_well(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="lost")
    assert merchant.place("native", merchant.order(amount={"total": 0})).status_code == 504


def test_a_slow_call_answers_after_the_wait(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="slow", seconds=0.2, times=2)
    waits: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        assert merchant.place("native", merchant.order()).status_code == 200
        waits.append(time.perf_counter() - started)
    assert waits[0] > 0.2
    assert waits[1] > 0.2
    assert waits[2] < 0.2
    assert outside.get("/faults").json() == []


def test_a_star_strikes_every_call_of_the_system_and_no_other(outside: httpx.Client, merchant: Merchant) -> None:
    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="*", kind="lost", times=2)
    assert merchant.place("native", merchant.order()).status_code == 200
    params = {"PhoneNumbers": "13800000001", "SignName": sender.keys["sign_name"], "TemplateCode": "SMS_REVISIT_ENDED"}
    assert sender.call("SendSms", params).status_code == 504
    assert sender.call("QuerySendDetails", {"PhoneNumber": "13800000001"}).status_code == 504
    assert len(outside.get("/sms/phones/13800000001/messages").json()) == 1


def test_actions_on_one_path_are_told_apart(outside: httpx.Client) -> None:
    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="POST /QuerySendDetails", kind="lost")
    assert sender.send("13800000002")["Code"] == "OK"
    assert sender.call("QuerySendDetails", {}).status_code == 504


def test_faults_are_shown_and_cleared(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="lost", times=5)
    merchant.place("native", merchant.order())
    [shown] = outside.get("/faults").json()
    assert (shown["call"], shown["kind"], shown["taken"], shown["times"]) == (PLACE, "lost", 1, 5)
    assert outside.delete("/faults").status_code == 204
    assert merchant.place("native", merchant.order()).status_code == 200


@pytest.mark.parametrize(
    "change", [{"call": "POST /v3/nothing"}, {"system": "alipay"}, {"kind": "tired"}, {"times": 0}, {"seconds": -1}, {"seconds": "NaN"}]
)
def test_a_fault_that_could_never_happen_is_refused(outside: httpx.Client, change: dict[str, Any]) -> None:
    wish: dict[str, Any] = {"system": "wechat_pay", "call": PLACE, "kind": "lost", "seconds": 0, "times": 1}
    assert ask(outside, **(wish | change)).status_code == 422
    assert outside.get("/faults").json() == []
