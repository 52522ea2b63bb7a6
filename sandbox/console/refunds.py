"""What a person sees of refunds, and how they decide the next one."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from sandbox import clock
from sandbox.console.html import ROWS_SHOWN, Html, button, join, options, section, short, show, table, tag, yuan
from sandbox.console.notice import back
from sandbox.wechat_pay import WeChatPay
from sandbox.wechat_pay.fates import FateIn
from sandbox.wechat_pay.refund_desk import OTHER_CARD, EndIn
from sandbox.wechat_pay.wire import WeChatPayError

STATUSES = {"PROCESSING": ("处理中", "wait"), "SUCCESS": ("已到账", "good"), "ABNORMAL": ("退款异常", "bad"), "CLOSED": ("已关闭", "bad")}
ENDS = {"SUCCESS": "到账", "ABNORMAL": "异常", "CLOSED": "关闭"}
FATES = {"ABNORMAL": "退款异常（银行卡失效）", "CLOSED": "退款关闭（商户多日余额不足）", "NOT_ENOUGH": "拒绝（商户余额不足）"}


def refunds_section(bank: WeChatPay) -> Html:
    """Every refund with its state, buttons for the one under way, and what the next ones will come to."""
    books: list[dict[str, Any]] = bank.refunds.books(clock.now())
    rows = [
        (
            short(one["created_at"]),
            yuan(one["refund_fen"]),
            yuan(one["total_fen"]),
            tag(*STATUSES[one["status"]]),
            short(one["success_at"] or ""),
            one["reason"],
            one["out_refund_no"],
            one["out_trade_no"],
            _acts(one),
        )
        for one in reversed(books[-ROWS_SHOWN:])
    ]
    headings = ("受理", "退款", "订单金额", "状态", "到账", "原因", "商户退款单号", "商户订单号", "")
    left = [(FATES[str(one["fate"])], one["out_trade_no"] or "任意订单", f"{one['times']} 笔") for one in bank.fates.left()]
    waiting = (
        Html("<h3>预先设置的结果</h3>"),
        table(("将会", "订单", "还有"), left, ""),
        button("/console/refunds/clear", "都正常到账", {}, quiet=True),
    )
    form = Html(
        f"""<h3>下一笔退款</h3><form method="post" action="/console/refunds/next" class="fields">
<label>结果<select name="fate">{options(FATES)}</select></label>
<label>商户订单号（可不填）<input name="out_trade_no" maxlength="32"></label>
<button>设置</button></form>"""
    )
    note = (
        "受理后过一会儿自动到账。处理中的退款可以在这里提前决定结果，下一笔退款的结果可以预先设置。"
        "退款异常的，像医院财务在微信商户平台上那样，改退到患者的其他银行卡。"
    )
    return section("refunds", "退款", note, table(headings, rows, "还没有退款。"), *(waiting if left else ()), form)


def _acts(refund: Mapping[str, Any]) -> Html:
    """What a person can do with a refund as it is."""
    match refund["status"]:
        case "PROCESSING":
            return _ends(refund["out_refund_no"])
        case "ABNORMAL":
            return button("/console/refunds/other-card", "改退其他银行卡", {"out_refund_no": refund["out_refund_no"]})
        case _:
            return Html("")


def _ends(out_refund_no: str) -> Html:
    buttons = join(
        Html(f'<button class="quiet" name="status" value="{show(status)}">{show(label)}</button> ') for status, label in ENDS.items()
    )
    hidden = f'<input type="hidden" name="out_refund_no" value="{show(out_refund_no)}">'
    return Html(f'<form method="post" action="/console/refunds/end">{hidden}{buttons}</form>')


def add_refund_routes(console: APIRouter, bank: WeChatPay) -> None:
    """The forms of the section."""

    @console.post("/refunds/end")
    async def end_refund(out_refund_no: Annotated[str, Form()], status: Annotated[str, Form()]) -> RedirectResponse:
        try:
            outcome = EndIn.model_validate({"status": status}).status
            bank.refunds.end(out_refund_no, outcome, clock.now())
        except ValidationError:
            return back("refunds", "没有改变：没有这种结果。")
        except WeChatPayError as refused:
            return back("refunds", f"没有改变：{refused.message}。")
        return back("refunds", "退款已有结果。")

    @console.post("/refunds/other-card")
    async def to_another_card(out_refund_no: Annotated[str, Form()]) -> RedirectResponse:
        try:
            bank.refunds.retry_abnormal(out_refund_no, OTHER_CARD, clock.now())
        except WeChatPayError as refused:
            return back("refunds", f"没有改变：{refused.message}。")
        return back("refunds", "已改退到其他银行卡，过一会儿到账。")

    @console.post("/refunds/next")
    async def next_refund(fate: Annotated[str, Form()], out_trade_no: Annotated[str, Form()] = "") -> RedirectResponse:
        try:
            bank.fates.order(FateIn.model_validate({"fate": fate, "out_trade_no": out_trade_no or None}))
        except ValidationError:
            return back("refunds", "没有设置：请检查结果和商户订单号。")
        return back("refunds", "下一笔退款已设置。")

    @console.post("/refunds/clear")
    async def clear_refunds() -> RedirectResponse:
        bank.fates.clear()
        return back("refunds", "以后的退款都正常到账。")
