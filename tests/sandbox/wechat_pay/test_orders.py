"""One number, one order: repeats, refusals, and every field that WeChat Pay looks at."""

import secrets
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from sandbox import clock
from tests.sandbox.wechat_pay.merchant import ORDERS, Merchant


def test_the_same_order_again_is_the_first_one(merchant: Merchant) -> None:
    body = merchant.order()
    first, second = merchant.place("jsapi", body), merchant.place("jsapi", dict(reversed(body.items())))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("kind", "change"),
    [("jsapi", {"amount": {"total": 5001}}), ("jsapi", {"attach": "x"}), ("jsapi", {"payer": {"openid": "oOther"}}), ("app", {})],
)
def test_the_same_number_for_something_else_is_refused(merchant: Merchant, kind: str, change: dict[str, Any]) -> None:
    body = merchant.order()
    merchant.place("jsapi", body)
    again = merchant.place(kind, body | change)
    assert (again.status_code, again.json()["code"]) == (400, "INVALID_REQUEST")
    assert again.json()["message"].startswith("请求重入时参数与首次请求时不一致")


def test_an_order_is_paid_once(merchant: Merchant) -> None:
    body = merchant.order()
    merchant.place("jsapi", body)
    first, second = merchant.pay(body["out_trade_no"]), merchant.pay(body["out_trade_no"])
    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 409, "ORDERPAID")

    for refused in (merchant.place("jsapi", body), merchant.close(body["out_trade_no"])):
        assert (refused.status_code, refused.json()) == (400, {"code": "ORDERPAID", "message": "该订单已支付"})
    books = merchant.http.get("/books/wechat_pay").json()
    [payment], [notify] = ([one for one in books[book] if one["out_trade_no"] == body["out_trade_no"]] for book in ("payments", "notifies"))
    assert payment["transaction_id"] == first.json()["transaction_id"]
    assert notify["event_type"] == "TRANSACTION.SUCCESS"


def test_only_the_payer_of_the_order_can_pay_it(merchant: Merchant) -> None:
    body = merchant.order()
    merchant.place("jsapi", body)
    assert merchant.pay(body["out_trade_no"], payer_openid="oThief").json()["code"] == "OPENID_MISMATCH"
    assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "NOTPAY"


def test_closing_twice_says_so(merchant: Merchant) -> None:
    body = merchant.order()
    merchant.place("native", body)
    assert merchant.close(body["out_trade_no"]).status_code == 204
    again = merchant.close(body["out_trade_no"])
    assert (again.status_code, again.json()["code"]) == (400, "ORDER_CLOSED")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": {"total": 0}}, "/amount/total"),
        ({"amount": {"total": "5000"}}, "/amount/total"),
        ({"amount": {"total": 50.5}}, "/amount/total"),
        ({"amount": {"total": 1, "currency": "USD"}}, "/amount/currency"),
        ({"description": "药" * 128}, "/description"),
        ({"description": ""}, "/description"),
        ({"out_trade_no": "short"}, "/out_trade_no"),
        ({"out_trade_no": "x" * 33}, "/out_trade_no"),
        ({"out_trade_no": "has space"}, "/out_trade_no"),
        ({"notify_url": "http://a.example/notify?key=1"}, "/notify_url"),
        ({"notify_url": "/notify"}, "/notify_url"),
        ({"notify_url": None}, "/notify_url"),
        ({"time_expire": "2030-01-01 10:00:00"}, "/time_expire"),
        ({"time_expire": "2030-13-01T10:00:00+08:00"}, "/time_expire"),
        ({"time_expire": "2020-01-01T10:00:00+08:00"}, "/time_expire"),
        ({"payer": None}, "/payer/openid"),
        ({"payer": {"openid": ""}}, "/payer/openid"),
        ({"attach": "x" * 129}, "/attach"),
    ],
)
def test_a_wrong_parameter_is_named(merchant: Merchant, change: dict[str, Any], field: str) -> None:
    refused = merchant.place("jsapi", merchant.order(**change))
    merchant.check(refused)
    assert (refused.status_code, refused.json()["code"], refused.json()["detail"]["field"]) == (400, "PARAM_ERROR", field)


def test_a_body_that_is_no_json_is_a_wrong_parameter(merchant: Merchant) -> None:
    bodies: list[object] = ["text", []]
    refused = [merchant.call("POST", f"{ORDERS}/jsapi", body) for body in bodies]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(400, "PARAM_ERROR")] * 2


def test_another_merchants_numbers_are_refused(merchant: Merchant) -> None:
    answers = (
        merchant.place("jsapi", merchant.order(mchid="1900000001")),
        merchant.place("jsapi", merchant.order(appid="wx0000000000000000")),
        merchant.call("GET", "/v3/pay/transactions/out-trade-no/whatever?mchid=1900000001"),
    )
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (403, "NO_AUTH"),
        (400, "APPID_MCHID_NOT_MATCH"),
        (403, "NO_AUTH"),
    ]


def test_a_kind_that_is_not_served_is_not_there(merchant: Merchant) -> None:
    assert merchant.place("h5", merchant.order()).status_code == 404


@pytest.mark.parametrize(("lives", "said"), [(timedelta(minutes=5), True), (timedelta(days=7), False)])
def test_nobody_can_pay_after_time_expire_and_the_system_closes_the_order(merchant: Merchant, lives: timedelta, said: bool) -> None:
    """Without `time_expire` the order lives seven days."""
    end = clock.now() + lives
    body = merchant.order(**({"time_expire": clock.rfc3339(end)} if said else {}))
    merchant.place("jsapi", body)

    with time_machine.travel(end - timedelta(seconds=20)):
        assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "NOTPAY"
    with time_machine.travel(end + timedelta(seconds=60)):
        late = merchant.pay(body["out_trade_no"])
        assert (late.status_code, late.json()["code"]) == (409, "ORDER_CLOSED")
        assert merchant.query(body["out_trade_no"]).json()["trade_state"] == "CLOSED"


def test_a_prepay_id_can_be_paid_with_for_two_hours(merchant: Merchant) -> None:
    body = merchant.order(secrets.token_hex(16))
    first = merchant.place("jsapi", body).json()["prepay_id"]
    with time_machine.travel(clock.now() + timedelta(hours=2, minutes=1)):
        stale = merchant.http.post(f"/wechat/cashier/prepay/{first}/pay")
        assert stale.status_code == 404
        second = merchant.place("jsapi", body).json()["prepay_id"]
        assert second != first
        assert merchant.http.post(f"/wechat/cashier/prepay/{second}/pay").status_code == 200
