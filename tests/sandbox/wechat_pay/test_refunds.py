"""One number, one refund; never more back than was paid; what the bank writes down."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from sandbox import clock
from tests.sandbox.conftest import caller, running
from tests.sandbox.doorbell import doorbell
from tests.sandbox.wechat_pay.merchant import REFUNDS, Merchant

NOW = clock.now()


@pytest.fixture(scope="module")
def slow_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    """At a bank where a refund stays under way until a person ends it."""
    with running(tmp_path_factory.mktemp("slow_bank"), refund_s=10**8) as address, caller(address) as http:
        yield Merchant(http.get("/credentials").json()["wechat_pay"], http)


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["message"]


def refunds(merchant: Merchant, out_trade_no: str) -> list[dict[str, Any]]:
    """Of one order, as the bank's books have them."""
    return [one for one in merchant.http.get("/books/wechat_pay").json()["refunds"] if one["out_trade_no"] == out_trade_no]


def test_every_answer_is_signed(merchant: Merchant) -> None:
    body = merchant.a_refund(merchant.paid())
    for answer in (merchant.refund(body), merchant.query_refund(body["out_refund_no"]), merchant.query_refund("unknown")):
        merchant.check(answer)


def test_the_same_refund_again_is_the_first_one(slow_bank: Merchant) -> None:
    body = slow_bank.a_refund(slow_bank.paid())
    answers = [slow_bank.refund(body), slow_bank.refund(dict(reversed(body.items()))), slow_bank.query_refund(body["out_refund_no"])]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.text for answer in answers}) == 1
    [kept] = refunds(slow_bank, body["out_trade_no"])
    assert (kept["refund_fen"], kept["total_fen"], kept["status"], kept["reason"]) == (5000, 5000, "PROCESSING", "患者退号")


@pytest.mark.parametrize("status", ["SUCCESS", "ABNORMAL", "CLOSED"])
def test_the_same_number_never_makes_a_second_one_whatever_became_of_the_first(slow_bank: Merchant, status: str) -> None:
    body = slow_bank.a_refund(slow_bank.paid())
    first = slow_bank.refund(body).json()
    assert slow_bank.end_refund(body["out_refund_no"], status).json()["status"] == status
    again = slow_bank.refund(body).json()
    assert (again["refund_id"], again["status"]) == (first["refund_id"], status)
    assert len(refunds(slow_bank, body["out_trade_no"])) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": {"refund": 4999, "total": 5000, "currency": "CNY"}}, "订单金额或退款金额与之前请求不一致，请核实后再试"),
        ({"reason": "医生退诊"}, "请求重入时参数与首次请求时不一致，请核实后重试"),
        ({"funds_account": "AVAILABLE"}, "请求重入时参数与首次请求时不一致，请核实后重试"),
    ],
)
def test_the_same_number_for_something_else_is_refused(slow_bank: Merchant, change: dict[str, Any], message: str) -> None:
    body = slow_bank.a_refund(slow_bank.paid())
    slow_bank.refund(body)
    assert refused(slow_bank.refund(body | change)) == (400, "INVALID_REQUEST", message)


def test_parts_are_given_back_until_nothing_is_left(slow_bank: Merchant) -> None:
    out_trade_no = slow_bank.paid()
    for part in (1000, 3999):
        assert slow_bank.refund(slow_bank.a_refund(out_trade_no, part)).status_code == 200
    too_much = slow_bank.a_refund(out_trade_no, 2)
    assert refused(slow_bank.refund(too_much)) == (400, "INVALID_REQUEST", "申请退款金额大于订单可退金额")
    assert slow_bank.query_refund(too_much["out_refund_no"]).status_code == 404
    assert slow_bank.refund(slow_bank.a_refund(out_trade_no, 1)).status_code == 200
    assert refused(slow_bank.refund(slow_bank.a_refund(out_trade_no, 1))) == (400, "INVALID_REQUEST", "订单已全额退款")
    assert sum(one["refund_fen"] for one in refunds(slow_bank, out_trade_no)) == 5000


def test_what_is_abnormal_is_gone_and_what_is_closed_is_not(slow_bank: Merchant) -> None:
    out_trade_no = slow_bank.paid()
    abnormal, closed = slow_bank.a_refund(out_trade_no, 2000), slow_bank.a_refund(out_trade_no, 3000)
    for body, status in ((abnormal, "ABNORMAL"), (closed, "CLOSED")):
        slow_bank.refund(body)
        slow_bank.end_refund(body["out_refund_no"], status)
    assert slow_bank.refund(slow_bank.a_refund(out_trade_no, 3001)).json()["message"] == "申请退款金额大于订单可退金额"
    assert slow_bank.refund(slow_bank.a_refund(out_trade_no, 3000)).status_code == 200


def test_an_order_has_fifty_parts_at_most(slow_bank: Merchant) -> None:
    out_trade_no = slow_bank.paid()
    assert {slow_bank.refund(slow_bank.a_refund(out_trade_no, 1)).status_code for _ in range(50)} == {200}
    assert refused(slow_bank.refund(slow_bank.a_refund(out_trade_no, 1)))[1:] == ("INVALID_REQUEST", "订单退款次数已达上限")


def test_after_a_year_nothing_goes_back(slow_bank: Merchant) -> None:
    out_trade_no = slow_bank.paid()
    with time_machine.travel(NOW + timedelta(days=364)):
        assert slow_bank.refund(slow_bank.a_refund(out_trade_no, 1)).status_code == 200
    with time_machine.travel(NOW + timedelta(days=366)):
        assert refused(slow_bank.refund(slow_bank.a_refund(out_trade_no, 1)))[2] == "订单已超过可退款的最大期限"


def test_the_order_says_refund_as_long_as_something_went_or_goes_back(slow_bank: Merchant) -> None:
    out_trade_no = slow_bank.paid()
    paid = slow_bank.query(out_trade_no).json()
    body = slow_bank.a_refund(out_trade_no, 1)
    slow_bank.refund(body)
    turned = slow_bank.query(out_trade_no).json()
    assert turned == paid | {"trade_state": "REFUND", "trade_state_desc": "订单发生过退款，退款详情请查询退款单"}
    assert slow_bank.close(out_trade_no).json()["code"] == "ORDERPAID"
    assert slow_bank.pay(out_trade_no).json()["code"] == "ORDERPAID"
    slow_bank.end_refund(body["out_refund_no"], "CLOSED")
    assert slow_bank.query(out_trade_no).json() == paid


def test_only_what_was_paid_can_go_back(merchant: Merchant) -> None:
    unpaid = merchant.order()
    merchant.place("native", unpaid)
    other = merchant.query(merchant.paid()).json()["transaction_id"]
    bodies = (
        merchant.a_refund(unpaid["out_trade_no"]),
        merchant.a_refund("unknown-number"),
        merchant.a_refund(None, transaction_id="4200000000202611240000000000"),
        merchant.a_refund(merchant.paid(), transaction_id=other),
    )
    assert {refused(merchant.refund(body)) for body in bodies} == {(404, "RESOURCE_NOT_EXISTS", "订单不存在")}
    wrong_total = merchant.a_refund(merchant.paid(), 1, total=4999)
    assert refused(merchant.refund(wrong_total))[1:] == ("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": {"refund": 0, "total": 5000, "currency": "CNY"}}, "/amount/refund"),
        ({"amount": {"refund": 50.0, "total": 5000, "currency": "CNY"}}, "/amount/refund"),
        ({"amount": {"refund": -1, "total": 5000, "currency": "CNY"}}, "/amount/refund"),
        ({"amount": {"refund": 1, "currency": "CNY"}}, "/amount/total"),
        ({"amount": {"refund": 1, "total": 5000}}, "/amount/currency"),
        ({"amount": {"refund": 1, "total": 5000, "currency": "USD"}}, "/amount/currency"),
        ({"out_refund_no": "has space"}, "/out_refund_no"),
        ({"out_refund_no": "x" * 65}, "/out_refund_no"),
        ({"reason": "退" * 81}, "/reason"),
        ({"notify_url": "http://a.example/notify?key=1"}, "/notify_url"),
        ({"funds_account": "BASIC"}, "/funds_account"),
    ],
)
def test_a_wrong_parameter_is_named(merchant: Merchant, change: dict[str, Any], field: str) -> None:
    answer = merchant.refund(merchant.a_refund("some-number", **change))
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]["field"]) == (400, "PARAM_ERROR", field)


def test_a_refund_names_its_order(merchant: Merchant) -> None:
    answer = merchant.refund(merchant.a_refund(None))
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]["field"]) == (400, "PARAM_ERROR", "/transaction_id")


def test_a_merchant_short_of_money_may_try_the_same_number_again(merchant: Merchant) -> None:
    body = merchant.a_refund(merchant.paid())
    assert merchant.next_refund("NOT_ENOUGH", body["out_trade_no"]).json()[-1]["fate"] == "NOT_ENOUGH"
    assert refused(merchant.refund(body)) == (403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
    assert merchant.query_refund(body["out_refund_no"]).status_code == 404
    assert merchant.refund(body).status_code == 200


def test_a_fate_meets_the_next_refund_of_its_order_and_no_repeat(slow_bank: Merchant) -> None:
    mine, other = slow_bank.paid(), slow_bank.paid()
    first = slow_bank.a_refund(mine, 1)
    slow_bank.refund(first)
    slow_bank.next_refund("NOT_ENOUGH", mine)
    assert slow_bank.refund(first).status_code == 200
    assert slow_bank.refund(slow_bank.a_refund(other)).status_code == 200
    assert slow_bank.refund(slow_bank.a_refund(mine, 1)).status_code == 403
    slow_bank.next_refund("CLOSED")
    assert slow_bank.http.delete("/wechat/cashier/refunds/next").status_code == 204
    assert slow_bank.http.get("/wechat/cashier/refunds/next").json() == []
    assert slow_bank.http.post("/wechat/cashier/refunds/next", json={"fate": "LUCKY"}).status_code == 422


def test_a_person_ends_a_refund_once(slow_bank: Merchant) -> None:
    body = slow_bank.a_refund(slow_bank.paid())
    slow_bank.refund(body)
    ended = slow_bank.end_refund(body["out_refund_no"], "SUCCESS").json()
    assert (ended["status"], ended["success_time"][:10]) == ("SUCCESS", clock.rfc3339(clock.now())[:10])
    assert refused(slow_bank.end_refund(body["out_refund_no"], "CLOSED")) == (409, "INVALID_REQUEST", "退款单已有结果")
    assert slow_bank.end_refund("unknown", "CLOSED").status_code == 404
    assert slow_bank.http.get(f"/wechat/cashier/refunds/{body['out_refund_no']}").json()["status"] == "SUCCESS"


def test_only_what_is_abnormal_goes_another_way_and_only_once(slow_bank: Merchant) -> None:
    body = slow_bank.a_refund(slow_bank.paid())
    refund_id = slow_bank.refund(body).json()["refund_id"]

    def another_way(out_refund_no: str = body["out_refund_no"], **card: str) -> httpx.Response:
        way = {"out_refund_no": out_refund_no, "type": "MERCHANT_BANK_CARD"} | card
        return slow_bank.call("POST", f"{REFUNDS}/{refund_id}/apply-abnormal-refund", way)

    assert refused(another_way()) == (400, "INVALID_REQUEST", "退款单状态不是退款异常")
    slow_bank.end_refund(body["out_refund_no"], "ABNORMAL")
    assert another_way("another-number").status_code == 404
    assert another_way(type="USER_BANK_CARD").json()["detail"]["field"] == "/bank_type"
    assert another_way(type="USER_BANK_CARD", bank_type="ICBC_DEBIT", bank_account="6222", real_name="张").json()["code"] == "PARAM_ERROR"
    assert another_way().text == another_way().text
    slow_bank.end_refund(body["out_refund_no"], "ABNORMAL")
    assert another_way().json()["status"] == "PROCESSING", "that card took no money either"
    assert slow_bank.end_refund(body["out_refund_no"], "SUCCESS").json()["channel"] == "OTHER_BANKCARD"
    assert another_way().json()["status"] == "SUCCESS"


def test_a_refund_without_an_address_is_told_to_nobody_and_notifies_are_sent_again_apart(merchant: Merchant) -> None:
    with doorbell() as bell:
        order = merchant.order(notify_url=bell.url)
        merchant.place("native", order)
        merchant.pay(order["out_trade_no"])
        bell.next()
        silent, told = (merchant.a_refund(order["out_trade_no"], 1, notify_url=url) for url in (None, bell.url))
        merchant.refund(silent)
        merchant.refund(told)
        first = bell.next()

        def again(path: str) -> int:
            return merchant.http.post(f"/wechat/cashier/{path}/notify").json()["due"]

        assert again(f"refunds/{silent['out_refund_no']}") == 0
        assert again(f"refunds/{told['out_refund_no']}") == 1
        assert bell.next().body == first.body
        assert again(order["out_trade_no"]) == 1
        assert bell.next().body != first.body
    books = merchant.http.get("/books/wechat_pay").json()["notifies"]
    mine = [(one["event_type"], one["out_refund_no"]) for one in books if one["out_trade_no"] == order["out_trade_no"]]
    assert mine == [("TRANSACTION.SUCCESS", None), ("REFUND.SUCCESS", told["out_refund_no"])]


def test_a_restarted_bank_ends_what_was_under_way(tmp_path: Path) -> None:
    with doorbell() as bell:
        with running(tmp_path, refund_s=10**8) as address, caller(address) as http:
            merchant = Merchant(http.get("/credentials").json()["wechat_pay"], http)
            body = merchant.a_refund(merchant.paid(), notify_url=bell.url)
            merchant.refund(body)
        with time_machine.travel(NOW + timedelta(days=2000)), running(tmp_path) as address, caller(address) as http:
            bell.next()
            after = Merchant(http.get("/credentials").json()["wechat_pay"], http)
            assert after.query_refund(body["out_refund_no"]).json()["status"] == "SUCCESS"


def test_numbers_of_every_alphabet_that_the_wire_allows(merchant: Merchant) -> None:
    body = merchant.a_refund(merchant.paid(), out_refund_no=f"R_-|*@{secrets.token_hex(29)}")
    assert merchant.refund(body).json()["out_refund_no"] == body["out_refund_no"]
