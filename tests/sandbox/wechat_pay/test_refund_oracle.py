"""The sandbox's refunds in the eyes of the public library `wechatpayv3`."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.doorbell import Doorbell, doorbell
from tests.sandbox.wechat_pay.merchant import Merchant
from tests.sandbox.wechat_pay.oracle import Client


def told(client: Client, bell: Doorbell) -> dict[str, Any]:
    """The next notify, proved and opened by the library."""
    notify = bell.next()
    opened = client.callback(notify.headers, notify.body)
    assert opened is not None
    return opened


def test_a_refund_is_accepted_then_arrives_is_told_and_found(client: Client, merchant: Merchant) -> None:
    out_trade_no, out_refund_no = merchant.paid(), secrets.token_hex(16)
    transaction_id = merchant.query(out_trade_no).json()["transaction_id"]
    with doorbell() as bell:
        code, answer = client.refund(
            out_refund_no=out_refund_no,
            transaction_id=transaction_id,
            amount={"refund": 1999, "total": 5000, "currency": "CNY"},
            reason="患者退号",
            funds_account="AVAILABLE",
            notify_url=bell.url,
        )
        accepted = json.loads(answer)
        assert (code, accepted["status"], accepted["channel"], accepted["funds_account"]) == (200, "PROCESSING", "ORIGINAL", "AVAILABLE")
        assert "success_time" not in accepted
        opened = told(client, bell)

    code, answer = client.query_refund(out_refund_no)
    arrived = json.loads(answer)
    assert (code, arrived["status"]) == (200, "SUCCESS")
    assert arrived == accepted | {"status": "SUCCESS", "success_time": arrived["success_time"]}
    assert (arrived["transaction_id"], arrived["out_trade_no"]) == (transaction_id, out_trade_no)
    assert len(arrived["refund_id"]) == 29
    assert datetime.fromisoformat(arrived["success_time"]).utcoffset() == timedelta(hours=8)
    assert {name: arrived["amount"][name] for name in ("total", "refund", "payer_total", "payer_refund", "settlement_refund")} == {
        "total": 5000,
        "refund": 1999,
        "payer_total": 5000,
        "payer_refund": 1999,
        "settlement_refund": 1999,
    }

    assert (opened["event_type"], opened["resource_type"], opened["summary"]) == ("REFUND.SUCCESS", "encrypt-resource", "退款成功")
    assert opened["resource"] == {
        "mchid": merchant.keys["mchid"],
        "transaction_id": transaction_id,
        "out_trade_no": out_trade_no,
        "refund_id": arrived["refund_id"],
        "out_refund_no": out_refund_no,
        "refund_status": "SUCCESS",
        "success_time": arrived["success_time"],
        "user_received_account": "支付用户零钱",
        "amount": {"total": 5000, "refund": 1999, "payer_total": 5000, "payer_refund": 1999},
    }


@pytest.mark.parametrize(("fate", "summary"), [("ABNORMAL", "退款异常"), ("CLOSED", "退款关闭")])
def test_a_refund_that_ends_otherwise_is_told_as_such(client: Client, merchant: Merchant, fate: str, summary: str) -> None:
    out_trade_no, out_refund_no = merchant.paid(), secrets.token_hex(16)
    merchant.next_refund(fate, out_trade_no)
    with doorbell() as bell:
        client.refund(out_refund_no, {"refund": 5000, "total": 5000, "currency": "CNY"}, out_trade_no=out_trade_no, notify_url=bell.url)
        opened = told(client, bell)
    assert (opened["event_type"], opened["summary"]) == (f"REFUND.{fate}", summary)
    assert (opened["resource"]["refund_status"], "success_time" in opened["resource"]) == (fate, False)
    assert json.loads(client.query_refund(out_refund_no)[1])["status"] == fate


@pytest.mark.parametrize(
    ("way", "received_by"),
    [
        ({"type": "MERCHANT_BANK_CARD"}, "商户结算银行账户"),
        (
            {"type": "USER_BANK_CARD", "bank_type": "ICBC_DEBIT", "bank_account": "6222020200112230403", "real_name": "张秀英"},
            "银行卡0403",
        ),
    ],
)
def test_an_abnormal_refund_goes_another_way(client: Client, merchant: Merchant, way: dict[str, str], received_by: str) -> None:
    out_trade_no, out_refund_no = merchant.paid(), secrets.token_hex(16)
    merchant.next_refund("ABNORMAL", out_trade_no)
    with doorbell() as bell:
        _, answer = client.refund(
            out_refund_no, {"refund": 5000, "total": 5000, "currency": "CNY"}, out_trade_no=out_trade_no, notify_url=bell.url
        )
        assert told(client, bell)["event_type"] == "REFUND.ABNORMAL"

        code, again = client.abnormal_refund(json.loads(answer)["refund_id"], out_refund_no, **way)
        assert (code, json.loads(again)["status"], json.loads(again)["channel"]) == (200, "PROCESSING", "OTHER_BANKCARD")
        opened = told(client, bell)
    assert (opened["event_type"], opened["resource"]["user_received_account"]) == ("REFUND.SUCCESS", received_by)
    assert "6222020200112230403" not in merchant.http.get("/books/wechat_pay").text


def test_an_unknown_refund_is_said_to_be_unknown(client: Client) -> None:
    code, answer = client.query_refund("nobody-asked-for-this")
    assert (code, json.loads(answer)) == (404, {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"})
