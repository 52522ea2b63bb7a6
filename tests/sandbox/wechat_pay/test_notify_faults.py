"""A notify that goes wrong on its way out: lost, sent twice, late, changed; the schedule goes on all the same."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from tests.sandbox.conftest import until
from tests.sandbox.doorbell import Doorbell, Notify, doorbell
from tests.sandbox.wechat_pay.merchant import Merchant
from tests.sandbox.wechat_pay.oracle import Client

PAID = "NOTIFY TRANSACTION.SUCCESS"
REFUNDED = "NOTIFY REFUND.SUCCESS"


@pytest.fixture(autouse=True)
def _nothing_left_behind(outside: httpx.Client) -> Iterator[None]:
    yield
    outside.delete("/faults")


def spoil(outside: httpx.Client, kind: str, call: str = PAID, **more: Any) -> None:
    outside.post("/faults", json={"system": "wechat_pay", "call": call, "kind": kind} | more).raise_for_status()


def paid(merchant: Merchant, bell: Doorbell) -> str:
    body = merchant.order(notify_url=bell.url)
    merchant.place("native", body)
    merchant.pay(body["out_trade_no"])
    return body["out_trade_no"]


def told(merchant: Merchant, out_trade_no: str) -> dict[str, Any]:
    """The one notify of that order, once it is taken."""

    def row() -> dict[str, Any]:
        [found] = [one for one in merchant.http.get("/books/wechat_pay").json()["notifies"] if one["out_trade_no"] == out_trade_no]
        return found

    until(lambda: row()["delivered_at"])
    return row()


def number(notify: Notify) -> str:
    return json.loads(notify.body)["id"]


def test_a_lost_notify_comes_by_the_schedule(merchant: Merchant, client: Client) -> None:
    with doorbell() as bell:
        spoil(merchant.http, "lost")
        out_trade_no = paid(merchant, bell)
        notify = bell.next()
        assert client.callback(notify.headers, notify.body) is not None
        assert told(merchant, out_trade_no)["attempts"] == 2
        assert bell.came.empty()


def test_a_duplicated_notify_comes_twice_under_one_number(merchant: Merchant, client: Client) -> None:
    with doorbell() as bell:
        spoil(merchant.http, "duplicated")
        out_trade_no = paid(merchant, bell)
        first, second = bell.next(), bell.next()
        assert number(first) == number(second)
        assert all(client.callback(one.headers, one.body) for one in (first, second))
        assert told(merchant, out_trade_no)["attempts"] == 1


def test_a_late_notify_comes_after_the_wait(merchant: Merchant) -> None:
    with doorbell() as bell:
        spoil(merchant.http, "late", seconds=0.4)
        started = time.monotonic()
        paid(merchant, bell)
        bell.next()
        assert time.monotonic() - started > 0.4
        assert bell.came.empty()


def test_a_tampered_notify_is_readable_and_its_signature_tells(merchant: Merchant, client: Client) -> None:
    with doorbell(401) as bell:
        spoil(merchant.http, "tampered")
        out_trade_no = paid(merchant, bell)
        forged, true = bell.next(), bell.next()
        assert json.loads(forged.body)["event_type"] == "TRANSACTION.SUCCESS"
        with pytest.raises(InvalidSignature):
            merchant.check(httpx.Response(200, headers=forged.headers, content=forged.body))
        assert client.callback(forged.headers, forged.body) is None
        opened = client.callback(true.headers, true.body)
        assert opened is not None
        assert opened["resource"]["out_trade_no"] == out_trade_no


def test_each_event_is_spoiled_by_its_own_name_and_calls_are_not(merchant: Merchant, client: Client) -> None:
    with doorbell() as bell:
        spoil(merchant.http, "duplicated", REFUNDED)
        spoil(merchant.http, "lost", "*", times=1)
        out_trade_no = paid_twice_over(merchant, bell)
        refund = merchant.a_refund(out_trade_no, notify_url=bell.url)
        merchant.refund(refund)
        kinds = [client.callback(one.headers, one.body) for one in (bell.next(), bell.next())]
        assert [kind and kind["event_type"] for kind in kinds] == ["REFUND.SUCCESS"] * 2
        assert merchant.http.get("/faults").json() == []


def paid_twice_over(merchant: Merchant, bell: Doorbell) -> str:
    """Its first call is lost: a star means calls, not notifies. The notify of the payment has come."""
    body = merchant.order(notify_url=bell.url)
    assert merchant.place("native", body).status_code == 504
    assert merchant.place("native", body).status_code == 200
    merchant.pay(body["out_trade_no"])
    bell.next()
    return body["out_trade_no"]


def test_a_star_of_notifies_means_every_event(merchant: Merchant) -> None:
    with doorbell() as bell:
        spoil(merchant.http, "duplicated", "NOTIFY *", times=2)
        out_trade_no = paid(merchant, bell)
        assert number(bell.next()) == number(bell.next())
        merchant.refund(merchant.a_refund(out_trade_no, notify_url=bell.url))
        assert number(bell.next()) == number(bell.next())
