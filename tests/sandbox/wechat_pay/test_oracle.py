"""The sandbox's orders in the eyes of the public library `wechatpayv3`."""

import json
import secrets
from datetime import datetime, timedelta

import httpx
from wechatpayv3 import WeChatPayType

from sandbox import clock
from tests.sandbox.doorbell import doorbell
from tests.sandbox.wechat_pay.merchant import Merchant
from tests.sandbox.wechat_pay.oracle import Client


def in_half_an_hour() -> str:
    return clock.rfc3339(clock.now() + timedelta(minutes=30))


def test_a_native_order_is_paid_told_and_found_by_both_numbers(client: Client, merchant: Merchant, outside: httpx.Client) -> None:
    out_trade_no = secrets.token_hex(16)
    with doorbell() as bell:
        code, answer = client.pay(
            description="医事服务费（线上复诊）",
            out_trade_no=out_trade_no,
            amount={"total": 5000, "currency": "CNY"},
            time_expire=in_half_an_hour(),
            attach="revisit",
            notify_url=bell.url,
        )
        assert code == 200
        assert json.loads(answer)["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")

        code, answer = client.query(out_trade_no=out_trade_no)
        assert (code, json.loads(answer)["trade_state"]) == (200, "NOTPAY")

        assert merchant.pay(out_trade_no, payer_openid="oSomebody").status_code == 200
        notify = bell.next()

    told = client.callback(notify.headers, notify.body)
    assert told is not None
    assert (told["event_type"], told["resource_type"], told["summary"]) == ("TRANSACTION.SUCCESS", "encrypt-resource", "支付成功")
    transaction = told["resource"]
    assert transaction["out_trade_no"] == out_trade_no
    assert (transaction["trade_state"], transaction["trade_type"], transaction["attach"]) == ("SUCCESS", "NATIVE", "revisit")
    assert transaction["amount"] == {"total": 5000, "payer_total": 5000, "currency": "CNY", "payer_currency": "CNY"}
    assert transaction["payer"] == {"openid": "oSomebody"}
    assert len(transaction["transaction_id"]) == 28
    assert datetime.fromisoformat(transaction["success_time"]).utcoffset() == timedelta(hours=8)

    for found in (client.query(out_trade_no=out_trade_no), client.query(transaction_id=transaction["transaction_id"])):
        assert (found[0], json.loads(found[1])) == (200, transaction)
    payments = outside.get("/books/wechat_pay").json()["payments"]
    assert [one["total_fen"] for one in payments if one["out_trade_no"] == out_trade_no] == [5000]


def test_a_jsapi_order_is_paid_with_what_the_front_end_was_given(client: Client, merchant: Merchant, outside: httpx.Client) -> None:
    code, answer = client.pay(
        description="医事服务费",
        out_trade_no=secrets.token_hex(16),
        amount={"total": 1},
        payer={"openid": "oPatient"},
        pay_type=WeChatPayType.JSAPI,
    )
    prepay_id = json.loads(answer)["prepay_id"]
    assert (code, prepay_id[:2]) == (200, "wx")

    lines = [merchant.keys["appid"], "1760000000", secrets.token_hex(16), f"prepay_id={prepay_id}"]
    given = dict(zip(("appId", "timeStamp", "nonceStr", "package"), lines, strict=True)) | {"signType": "RSA"}
    address = f"/wechat/cashier/prepay/{prepay_id}/pay"

    forged = outside.post(address, json={"invocation": given | {"paySign": client.sign([*lines[:3], "prepay_id=wx0"])}})
    assert (forged.status_code, forged.json()["code"]) == (409, "SIGN_ERROR")
    paid = outside.post(address, json={"invocation": given | {"paySign": client.sign(lines)}})
    assert (paid.status_code, paid.json()["payer"]) == (200, {"openid": "oPatient"})


def test_an_app_order_is_paid_with_the_bare_prepay_id_signed(client: Client, merchant: Merchant, outside: httpx.Client) -> None:
    _, answer = client.pay(description="费用", out_trade_no=secrets.token_hex(16), amount={"total": 990}, pay_type=WeChatPayType.APP)
    prepay_id = json.loads(answer)["prepay_id"]
    lines = [merchant.keys["appid"], "1760000000", secrets.token_hex(16), prepay_id]
    given = {
        "appId": lines[0],
        "timeStamp": lines[1],
        "nonceStr": lines[2],
        "prepayId": prepay_id,
        "partnerId": merchant.keys["mchid"],
        "packageValue": "Sign=WXPay",
        "sign": client.sign(lines),
    }
    paid = outside.post(f"/wechat/cashier/prepay/{prepay_id}/pay", json={"invocation": given})
    assert (paid.status_code, paid.json()["trade_type"]) == (200, "APP")


def test_a_closed_order_stays_closed(client: Client, merchant: Merchant) -> None:
    out_trade_no = secrets.token_hex(16)
    client.pay(description="医事服务费", out_trade_no=out_trade_no, amount={"total": 5000})

    assert client.close(out_trade_no=out_trade_no) == (204, b"")

    _, answer = client.query(out_trade_no=out_trade_no)
    assert (json.loads(answer)["trade_state"], json.loads(answer)["trade_state_desc"]) == ("CLOSED", "订单已关闭")
    assert merchant.pay(out_trade_no).json()["code"] == "ORDER_CLOSED"
    code, answer = client.pay(description="医事服务费", out_trade_no=out_trade_no, amount={"total": 5000})
    assert (code, json.loads(answer)["code"]) == (400, "ORDER_CLOSED")


def test_an_unknown_order_is_said_to_be_unknown(client: Client) -> None:
    code, answer = client.query(out_trade_no="nobody-ordered-this")
    assert (code, json.loads(answer)) == (404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})
