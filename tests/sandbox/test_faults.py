"""Faults strike the named call, so often and no more, and leave every other call alone."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from tests.sandbox.conftest import caller, running, until
from tests.sandbox.sms.sender import Sender
from tests.sandbox.wechat_pay.merchant import Merchant

PLACE = "POST /v3/pay/transactions/{kind}"
QUERY = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}"
CLOSE = "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close"


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
    ask(outside, system="wechat_pay", call=PLACE, kind="lost", seconds=600, times=1)
    body = merchant.order()
    with httpx.Client(base_url=outside.base_url, timeout=0.3) as impatient, pytest.raises(httpx.ReadTimeout):
        Merchant(merchant.keys, impatient).place("native", body)
    until(lambda: merchant.query(body["out_trade_no"]).status_code == 200)


def test_a_refusal_is_lost_as_well(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="lost")
    assert merchant.place("native", merchant.order(amount={"total": 0})).status_code == 504


def test_a_slow_call_answers_after_the_wait(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="slow", seconds=1, times=2)
    waits: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        assert merchant.place("native", merchant.order()).status_code == 200
        waits.append(time.perf_counter() - started)
    assert waits[0] > 1
    assert waits[1] > 1
    assert waits[2] < 1
    assert outside.get("/faults").json() == []


def test_a_star_strikes_every_call_of_the_system_and_no_other(outside: httpx.Client, merchant: Merchant) -> None:
    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="*", kind="lost", times=2)
    assert merchant.place("native", merchant.order()).status_code == 200
    params = {"PhoneNumbers": "13800000001", "SignName": sender.keys["sign_name"], "TemplateCode": "SMS_REVISIT_ENDED"}
    assert sender.call("SendSms", params).status_code == 504
    assert sender.call("QuerySendDetails", {"PhoneNumber": "13800000001"}).status_code == 504
    assert len(outside.get("/sms/phones/13800000001/messages").json()) == 1


def test_a_refused_call_takes_no_effect_and_hears_the_partys_own_words(outside: httpx.Client, merchant: Merchant) -> None:
    body = merchant.order()
    for code, (status, said) in {None: (403, "RULE_LIMIT"), "FREQUENCY_LIMITED": (429, "FREQUENCY_LIMITED")}.items():
        assert ask(outside, system="wechat_pay", call=PLACE, kind="refused", code=code).status_code == 201
        refused = merchant.place("native", body)
        merchant.check(refused)
        assert (refused.status_code, refused.json()["code"]) == (status, said)
    assert merchant.query(body["out_trade_no"]).status_code == 404
    assert merchant.place("native", body).status_code == 200


def test_each_party_refuses_in_its_own_words(outside: httpx.Client) -> None:
    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="POST /SendSms", kind="refused", code="isv.AMOUNT_NOT_ENOUGH")
    assert sender.send("13800000003")["Code"] == "isv.AMOUNT_NOT_ENOUGH"
    assert outside.get("/sms/phones/13800000003/messages").json() == []

    ask(outside, system="his", call="POST /fhir/R4/Appointment", kind="refused", code="slot-full")
    refused = outside.post("/his/fhir/R4/Appointment", json={})
    assert (refused.status_code, refused.json()["issue"][0]["details"]["coding"][0]["code"]) == (409, "slot-full")
    known = ask(outside, system="his", kind="refused", code="tired").json()["detail"]
    assert {"slot-full", "executed", "already-reversed"} <= set(known["codes"])


def test_a_duplicated_call_arrives_twice_and_answers_once(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=CLOSE, kind="duplicated")
    body = merchant.order()
    merchant.place("native", body)
    assert merchant.close(body["out_trade_no"]).status_code == 204, "the second is refused as closed already, and nobody hears it"

    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="POST /SendSms", kind="duplicated")
    assert sender.send("13800000004")["Code"] == "OK"
    assert len(outside.get("/sms/phones/13800000004/messages").json()) == 1, "Aliyun takes a nonce once"


def test_a_duplicate_may_arrive_when_the_first_is_long_done(
    outside: httpx.Client, merchant: Merchant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sandbox")
    body = merchant.order(amount={"total": 5000, "currency": "CNY"})
    refund = merchant.a_refund(merchant.paid(), 1)
    ask(outside, system="wechat_pay", call="POST /v3/refund/domestic/refunds", kind="duplicated", seconds=0.2)
    assert merchant.refund(refund).status_code == 200
    ask(outside, system="wechat_pay", call=PLACE, kind="duplicated", seconds=0.2)
    assert merchant.place("native", body).status_code == 200
    assert merchant.close(body["out_trade_no"]).status_code == 204
    until(lambda: caplog.text.count("sandbox.late") >= 2)  # nothing else tells that a copy without effect has arrived
    assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "CLOSED"
    books = outside.get("/books/wechat_pay").json()["refunds"]
    assert len([one for one in books if one["out_trade_no"] == refund["out_trade_no"]]) == 1


def test_a_late_call_takes_effect_when_its_caller_has_gone(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=PLACE, kind="late", seconds=2)
    body = merchant.order()
    started = time.perf_counter()
    gone = merchant.place("native", body)
    assert (gone.status_code, gone.content) == (504, b"")
    assert time.perf_counter() - started < 2
    assert merchant.query(body["out_trade_no"]).status_code == 404
    until(lambda: merchant.query(body["out_trade_no"]).status_code == 200)


def test_what_is_on_its_way_when_the_sandbox_ends_never_comes(tmp_path: Path) -> None:
    with running(tmp_path) as address, caller(address) as http:
        merchant = Merchant(http.get("/credentials").json()["wechat_pay"], http)
        ask(http, system="wechat_pay", call=PLACE, kind="late", seconds=3600)
        assert merchant.place("native", merchant.order()).status_code == 504


def test_a_tampered_answer_takes_effect_and_only_its_signature_tells(outside: httpx.Client, merchant: Merchant) -> None:
    ask(outside, system="wechat_pay", call=QUERY, kind="tampered")
    out_trade_no = merchant.paid(total=5000)
    lied = merchant.query(out_trade_no)
    assert (lied.status_code, lied.json()["amount"]["total"]) == (200, 6111)
    with pytest.raises(InvalidSignature):
        merchant.check(lied)
    merchant.check(merchant.query(out_trade_no))

    body = merchant.order()
    merchant.place("native", body)
    ask(outside, system="wechat_pay", call=CLOSE, kind="tampered")
    closed = merchant.close(body["out_trade_no"])
    assert (closed.status_code, closed.content) == (204, b"")
    with pytest.raises(InvalidSignature):
        merchant.check(closed)
    assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "CLOSED"


def test_a_tampered_answer_on_an_unsigned_wire_is_unreadable(outside: httpx.Client) -> None:
    sender = Sender(outside.get("/credentials").json()["sms"], outside)
    ask(outside, system="sms", call="POST /QuerySendDetails", kind="tampered")
    params = {"PhoneNumber": "13800000005", "SendDate": "20261124", "CurrentPage": "1", "PageSize": "10"}
    answer = sender.call("QuerySendDetails", params)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()
    assert sender.call("QuerySendDetails", params).json()["Code"] == "OK"


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


def test_one_that_no_call_has_met_is_taken_back_alone(outside: httpx.Client, merchant: Merchant) -> None:
    met, unmet, other = (ask(outside, system="wechat_pay", call=call, kind="lost").json()["id"] for call in (PLACE, QUERY, CLOSE))
    merchant.place("native", merchant.order())

    assert [outside.delete(f"/faults/{one}").status_code for one in (met, unmet, unmet)] == [404, 204, 404]

    assert [one["id"] for one in outside.get("/faults").json()] == [other]


@pytest.mark.parametrize(
    "change",
    [
        {"call": "POST /v3/nothing"},
        {"call": "NOTIFY NOTHING"},
        {"call": "NOTIFY *", "kind": "slow"},
        {"call": "NOTIFY *", "kind": "refused"},
        {"system": "review", "call": "NOTIFY *"},
        {"system": "alipay"},
        {"kind": "tired"},
        {"kind": "lost", "code": "NOT_ENOUGH"},
        {"kind": "refused", "code": "slot-full"},
        {"times": 0},
        {"seconds": -1},
        {"seconds": "NaN"},
    ],
)
def test_a_fault_that_could_never_happen_is_refused(outside: httpx.Client, change: dict[str, Any]) -> None:
    wish: dict[str, Any] = {"system": "wechat_pay", "call": PLACE, "kind": "lost", "seconds": 0, "times": 1}
    assert ask(outside, **(wish | change)).status_code == 422
    assert outside.get("/faults").json() == []
