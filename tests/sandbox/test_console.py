"""What a person can do on the console page; each click answers with the page again."""

from pathlib import Path

import httpx
import pytest

from tests.sandbox.conftest import caller, running
from tests.sandbox.doorbell import doorbell
from tests.sandbox.sms.sender import Sender
from tests.sandbox.wechat_pay.merchant import Merchant


@pytest.fixture
def merchant(outside: httpx.Client) -> Merchant:
    return Merchant(outside.get("/credentials").json()["wechat_pay"], outside)


def click(outside: httpx.Client, action: str, **form: str) -> str:
    answer = outside.post(f"/console/{action}", data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.history[0].status_code == 303
    return answer.text


def test_a_person_pays_an_open_order_and_sees_it_in_the_books(outside: httpx.Client, merchant: Merchant) -> None:
    with doorbell() as bell:
        body = merchant.order(description="<script>医事服务费</script>", notify_url=bell.url)
        merchant.place("native", body)
        before = outside.get("/console").text
        assert "&lt;script&gt;医事服务费&lt;/script&gt;" in before
        assert "<script>" not in before
        assert "¥50.00" in before

        after = click(outside, "pay", out_trade_no=body["out_trade_no"])
        assert "已支付" in after
        assert bell.next().body
        assert "已支付" not in click(outside, "pay", out_trade_no=body["out_trade_no"]).split("<main>")[0]
        assert "没有付成：该订单已支付" in click(outside, "pay", out_trade_no=body["out_trade_no"])
        assert "已重发 1 条通知" in click(outside, "notify", out_trade_no=body["out_trade_no"])
        assert bell.next().body


def test_a_person_plays_the_bank_with_refunds(outside: httpx.Client, merchant: Merchant) -> None:
    page = click(outside, "refunds/next", fate="ABNORMAL")
    assert "退款异常（银行卡失效）" in page.partition("将会")[2].partition("新故障")[0]
    with doorbell() as bell:
        body = merchant.a_refund(merchant.paid(), 1234, reason="<i>退号</i>", notify_url=bell.url)
        merchant.refund(body)
        assert bell.next().body
        shown = outside.get("/console").text
        assert "¥12.34" in shown
        assert "&lt;i&gt;退号&lt;/i&gt;" in shown
        assert "将会" not in shown
        numbers = {"out_trade_no": body["out_trade_no"], "out_refund_no": body["out_refund_no"]}
        assert "已重发 1 条通知" in click(outside, "notify", **numbers)
        assert bell.next().body
    assert "没有改变：退款单已有结果。" in click(outside, "refunds/end", out_refund_no=body["out_refund_no"], status="SUCCESS")
    assert "没有改变：没有这种结果。" in click(outside, "refunds/end", out_refund_no=body["out_refund_no"], status="LOST")
    assert "没有设置" in click(outside, "refunds/next", fate="LOST")
    click(outside, "refunds/next", fate="NOT_ENOUGH", out_trade_no=body["out_trade_no"])
    assert "以后的退款都正常到账" in click(outside, "refunds/clear")
    assert outside.get("/wechat/cashier/refunds/next").json() == []


def test_a_person_ends_a_refund_that_is_under_way(tmp_path: Path) -> None:
    with running(tmp_path, refund_s=3600) as address, caller(address) as outside:
        merchant = Merchant(outside.get("/credentials").json()["wechat_pay"], outside)
        body = merchant.a_refund(merchant.paid())
        merchant.refund(body)
        assert 'name="status" value="CLOSED"' in outside.get("/console").text
        assert "退款已有结果" in click(outside, "refunds/end", out_refund_no=body["out_refund_no"], status="CLOSED")
        assert 'name="status" value="CLOSED"' not in outside.get("/console").text
        assert merchant.query_refund(body["out_refund_no"]).json()["status"] == "CLOSED"


def test_a_person_sends_an_abnormal_refund_to_another_card_and_the_merchant_is_told(outside: httpx.Client, merchant: Merchant) -> None:
    with doorbell() as bell:
        body = merchant.a_refund(merchant.paid(), notify_url=bell.url)
        number = body["out_refund_no"]
        merchant.next_refund("ABNORMAL", body["out_trade_no"])
        merchant.refund(body)
        bell.next()
        assert (
            f'action="/console/refunds/other-card"><input type="hidden" name="out_refund_no" value="{number}">'
            in outside.get("/console").text
        )

        assert "已改退到其他银行卡" in click(outside, "refunds/other-card", out_refund_no=number)

        bell.next()
    told = [one["event_type"] for one in merchant.http.get("/books/wechat_pay").json()["notifies"] if one["out_refund_no"] == number]
    assert told == ["REFUND.ABNORMAL", "REFUND.SUCCESS"]
    ended = merchant.query_refund(number).json()
    assert (ended["status"], ended["channel"], ended["user_received_account"]) == ("SUCCESS", "OTHER_BANKCARD", "用户其他银行卡")
    assert f'name="out_refund_no" value="{number}"><button class="act">' not in outside.get("/console").text


def test_only_an_abnormal_refund_can_be_sent_to_another_card(outside: httpx.Client, merchant: Merchant) -> None:
    body = merchant.a_refund(merchant.paid())
    merchant.refund(body)

    assert "没有改变：退款单状态不是退款异常。" in click(outside, "refunds/other-card", out_refund_no=body["out_refund_no"])
    assert "没有改变：退款单不存在。" in click(outside, "refunds/other-card", out_refund_no="nobody")


def test_a_person_reads_a_phone(outside: httpx.Client) -> None:
    Sender(outside.get("/credentials").json()["sms"], outside).send("13822220001")
    page = outside.get("/console", params={"phone": "13822220001"}).text
    assert "您的验证码是123456" in page
    assert "这部手机没有收到短信" in outside.get("/console", params={"phone": '"><b>'}).text


def test_a_person_sets_and_clears_a_fault(outside: httpx.Client) -> None:
    target = "sms POST /QuerySendDetails"
    assert "故障已设置" in click(outside, "faults", target=target, kind="slow", seconds="0", times="3")
    assert outside.get("/faults").json()[0]["times"] == 3
    for kind in ("refused", "lost", "duplicated", "late", "tampered"):
        click(outside, "faults", target=target, kind=kind, seconds="1", times="1")
    click(outside, "faults", target=target, kind="refused", seconds="1", times="1", code="isv.AMOUNT_NOT_ENOUGH")
    click(outside, "faults", target="wechat_pay NOTIFY *", kind="lost", seconds="0", times="2")
    shown = outside.get("/console").text
    assert all(word in shown for word in ("拒绝 isv.AMOUNT_NOT_ENOUGH", "到达两次", "先无应答，过后才生效", "应答被篡改", "全部通知"))
    assert len(outside.get("/faults").json()) == 8
    assert "全部恢复正常。" in click(outside, "faults/clear")
    assert outside.get("/faults").json() == []
    for wrong in ({"target": "sms nothing"}, {"target": "nobody *"}, {"times": "0"}, {"code": "isv.AMOUNT_NOT_ENOUGH"}):
        form = {"target": target, "kind": "slow", "seconds": "0", "times": "3"} | wrong
        assert "没有设置" in click(outside, "faults", **form)
    assert outside.get("/faults").json() == []
