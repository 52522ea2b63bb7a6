"""Notifies are repeated until taken, by the schedule, across a restart, and again when a person asks."""

import json
from pathlib import Path

from tests.sandbox.conftest import caller, running
from tests.sandbox.doorbell import doorbell
from tests.sandbox.wechat_pay.merchant import Merchant


def paid(merchant: Merchant, notify_url: str) -> str:
    body = merchant.order(notify_url=notify_url)
    merchant.place("native", body)
    merchant.pay(body["out_trade_no"])
    return body["out_trade_no"]


def test_a_notify_is_repeated_until_it_is_taken(merchant: Merchant) -> None:
    with doorbell(500, 404, 204) as bell:
        out_trade_no = paid(merchant, bell.url)
        came = [bell.next() for _ in range(3)]
        assert len({one.body for one in came}) == 1
        assert len({one.headers["wechatpay-signature"] for one in came}) == 3
        assert merchant.http.post(f"/wechat/cashier/{out_trade_no}/notify").json() == {"due": 1}
        assert json.loads(bell.next().body)["id"] == json.loads(came[0].body)["id"]
        assert bell.came.empty()


def test_after_the_schedule_it_is_given_up_until_a_person_sends_it_again(tmp_path: Path) -> None:
    with running(tmp_path, notify_retry_s=(0.01,)) as address, caller(address) as http, doorbell(500, 500) as bell:
        merchant = Merchant(http.get("/credentials").json()["wechat_pay"], http)
        out_trade_no = paid(merchant, bell.url)
        first, repeated = bell.next(), bell.next()
        assert first.body == repeated.body

        http.post(f"/wechat/cashier/{out_trade_no}/notify")
        bell.next()
        assert bell.came.empty()


def test_a_restarted_bank_remembers_keys_books_and_what_it_has_to_tell(tmp_path: Path) -> None:
    with doorbell(500) as bell:
        with running(tmp_path, notify_retry_s=(1.0,)) as address, caller(address) as http:
            before = http.get("/credentials").json()["wechat_pay"]
            out_trade_no = paid(Merchant(before, http), bell.url)
            bell.next()
        with running(tmp_path, notify_retry_s=(1.0,)) as address, caller(address) as http:
            after = http.get("/credentials").json()["wechat_pay"]
            assert before | {"base_url": ""} == after | {"base_url": ""}
            bell.next()
            assert Merchant(after, http).query(out_trade_no).json()["trade_state"] == "SUCCESS"


def test_an_unknown_order_has_nothing_to_send_again(merchant: Merchant) -> None:
    assert merchant.http.post("/wechat/cashier/unknown-number/notify").status_code == 404
