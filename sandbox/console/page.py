"""The console page, written from what the outside systems hold at this moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox import clock
from sandbox.console.clinics import clinics_section
from sandbox.console.faults import faults_section
from sandbox.console.html import ROWS_SHOWN, Html, button, fate, join, section, short, show, table, yuan
from sandbox.console.invoices import invoices_section
from sandbox.console.logistics import parcels_section
from sandbox.console.messages import messages_section
from sandbox.console.pharmacy import pharmacy_section
from sandbox.console.refunds import refunds_section
from sandbox.console.reviews import reviews_section
from sandbox.console.signatures import signatures_section
from sandbox.faults import Faults
from sandbox.his import His
from sandbox.invoice import Invoices
from sandbox.logistics import Logistics
from sandbox.review import Review
from sandbox.signature import Signing
from sandbox.sms import Sms
from sandbox.wechat_pay import WeChatPay

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_NAV = (
    ("orders", "收银台"),
    ("phones", "手机短信"),
    ("bank", "银行账"),
    ("refunds", "退款"),
    ("his", "医院 HIS"),
    ("clinics", "排班"),
    ("pharmacy", "药房"),
    ("reviews", "合理用药"),
    ("logistics", "快递"),
    ("signatures", "签名"),
    ("invoices", "电子票据"),
    ("faults", "故障"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything a person can look at and touch here."""

    his: His
    wechat_pay: WeChatPay
    sms: Sms
    logistics: Logistics
    signature: Signing
    review: Review
    invoice: Invoices
    faults: Faults


def page(outside: Outside, phone: str | None, notice: str | None) -> str:
    """The whole page; `phone` is the phone in the person's hand, `notice` what their last click did."""
    nav = join(Html(f'<a href="#{anchor}">{label}</a>') for anchor, label in _NAV)
    body = join(
        (
            Html(f'<p class="notice" role="status">{show(notice)}</p>') if notice else "",
            _orders(outside),
            messages_section(outside.sms, phone),
            _bank(outside),
            refunds_section(outside.wechat_pay),
            _his(outside),
            clinics_section(outside.his),
            pharmacy_section(outside.his),
            reviews_section(outside.review),
            parcels_section(outside.logistics),
            signatures_section(outside.signature),
            invoices_section(outside.invoice),
            faults_section(outside.faults),
        )
    )
    return f"""<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>外部系统沙箱</title>
<style>{STYLE}</style>
</head>
<body>
<header><div><h1>外部系统沙箱</h1><nav>{nav}<a href="/console{_phone_query(phone)}">刷新</a></nav></div></header>
<main>{body}</main>
<footer>模拟的医院 HIS、微信支付、短信、快递、签名、审方与电子票据，数据均为演示数据。页面时间 {clock.now():%Y-%m-%d %H:%M:%S}</footer>
</body>
</html>
"""


def _orders(outside: Outside) -> Html:
    rows = [
        (
            order.description,
            yuan(order.total_fen),
            order.TRADE_TYPES[order.kind],
            order.out_trade_no,
            short(order.created_at),
            short(order.expires_at),
            button("/console/pay", "支付", {"out_trade_no": order.out_trade_no}),
        )
        for order in outside.wechat_pay.bank.open_orders(clock.now())[:ROWS_SHOWN]
    ]
    headings = ("商品", "金额", "方式", "商户订单号", "下单", "截止", "")
    return section("orders", "收银台", "替患者在微信里付款。过了截止时间的订单由系统关闭。", table(headings, rows, "没有待支付的订单。"))


def _bank(outside: Outside) -> Html:
    books: dict[str, Any] = outside.wechat_pay.books()
    payments: list[dict[str, Any]] = books["payments"]
    refunds: list[dict[str, Any]] = books["refunds"]
    notifies: list[dict[str, Any]] = books["notifies"]
    total_fen = sum(payment["total_fen"] for payment in payments)
    back_fen = sum(refund["refund_fen"] for refund in refunds if refund["status"] == "SUCCESS")
    paid = [
        (short(one["success_at"]), yuan(one["total_fen"]), one["transaction_id"], one["out_trade_no"], one["openid"])
        for one in reversed(payments[-ROWS_SHOWN:])
    ]
    told = [
        (
            short(one["created_at"]),
            one["event_type"],
            one["out_trade_no"],
            one["out_refund_no"],
            fate(one),
            one["attempts"],
            one["last_result"],
            button(
                "/console/notify",
                "重发",
                {"out_trade_no": one["out_trade_no"], "out_refund_no": one["out_refund_no"] or ""},
                quiet=True,
            ),
        )
        for one in reversed(notifies[-ROWS_SHOWN:])
    ]
    return section(
        "bank",
        "银行账",
        f"商户已收 {len(payments)} 笔，共 {yuan(total_fen)}，已退 {yuan(back_fen)}。对账用的全部数据见 /books/wechat_pay，单位为分。",
        Html("<h3>收款</h3>"),
        table(("支付时间", "金额", "微信支付订单号", "商户订单号", "付款人"), paid, "还没有收款。"),
        Html("<h3>通知</h3>"),
        table(("生成", "事件", "商户订单号", "商户退款单号", "状态", "已发次数", "最近应答", ""), told, "还没有通知。"),
    )


def _his(outside: Outside) -> Html:
    rows = outside.his.console()
    headings = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[row.get(heading) for heading in headings] for row in rows]
    return section("his", "医院 HIS", "HIS 自己的记录。对账用的全部数据见 /books/his。", table(headings, cells, "HIS 里还没有记录。"))


def _phone_query(phone: str | None) -> str:
    return f"?phone={quote(phone)}" if phone else ""
