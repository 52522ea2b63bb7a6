"""The bills that the issuer has issued, each with its PDF."""

from typing import Any

from fastapi import APIRouter, HTTPException, Response

from sandbox.console.html import ROWS_SHOWN, Html, section, short, show, table, tag, yuan
from sandbox.invoice import Invoices
from sandbox.invoice.api import printed
from sandbox.invoice.issuer import CODE
from sandbox.invoice.wire import IssuerError


def invoices_section(invoices: Invoices) -> Html:
    """Newest first, red ones beside those that they undo."""
    books: list[dict[str, Any]] = invoices.issuer.books()
    rows = [
        (
            short(one["issued_at"]),
            _state(one),
            ("-" if one["undoes"] else "") + yuan(one["total_fen"]),
            " / ".join(yuan(one[part]) for part in ("fund_fen", "account_fen", "cash_fen")),
            Html(f'<a href="/console/invoices/{show(one["number"])}.pdf">{show(one["code"])} {show(one["number"])}</a>'),
            one["check_code"],
            one["undoes"] or one["red_number"] or "",
        )
        for one in reversed(books[-ROWS_SHOWN:])
    ]
    headings = ("开票", "状态", "金额", "基金 / 个人账户 / 现金", "票据代码与号码", "校验码", "对应红票或蓝票")
    note = "财政电子票据平台开具与冲红的票据，点号码看 PDF。对账用的全部数据见 /books/invoice，单位为分。"
    return section("invoices", "电子票据", note, table(headings, rows, "还没有开过票据。"))


def _state(one: dict[str, Any]) -> Html:
    if one["undoes"]:
        return tag("红票", "bad")
    return tag("已冲红", "wait") if one["red_number"] else tag("已开具", "good")


def add_invoice_routes(console: APIRouter, invoices: Invoices) -> None:
    """The PDFs of the section."""

    @console.get("/invoices/{number}.pdf")
    async def picture(number: str) -> Response:
        try:
            return printed(invoices.issuer, invoices.issuer.find(code=CODE, number=number))
        except IssuerError:
            raise HTTPException(404) from None
