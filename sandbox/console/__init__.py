"""One plain page where a person plays the outside: pays, reads the phone's texts, looks at the books, lets things go wrong."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from sandbox import clock
from sandbox.console.clinics import add_clinic_routes
from sandbox.console.faults import add_fault_routes
from sandbox.console.invoices import add_invoice_routes
from sandbox.console.logistics import add_parcel_routes
from sandbox.console.messages import add_message_routes
from sandbox.console.notice import back
from sandbox.console.page import Outside, page
from sandbox.console.pharmacy import add_pharmacy_routes
from sandbox.console.refunds import add_refund_routes
from sandbox.console.signatures import add_signature_routes
from sandbox.wechat_pay.wire import WeChatPayError

__all__ = ["Outside", "router"]


def router(outside: Outside) -> APIRouter:
    """Routes for `{sandbox}/console`; a form answers with the page again, so that a reload repeats nothing."""
    console = APIRouter(prefix="/console", include_in_schema=False)
    bank, notifier = outside.wechat_pay.bank, outside.wechat_pay.notifier

    @console.get("")
    async def show(phone: str | None = None, notice: str | None = None) -> HTMLResponse:
        return HTMLResponse(page(outside, phone, notice))

    @console.post("/pay")
    async def pay(out_trade_no: Annotated[str, Form()]) -> RedirectResponse:
        try:
            paid = bank.pay(out_trade_no, None, clock.now())
        except WeChatPayError as refused:
            return back("orders", f"没有付成：{refused.message}。")
        return back("orders", f"已支付，微信支付订单号 {paid.transaction_id}。")

    @console.post("/notify")
    async def notify(out_trade_no: Annotated[str, Form()], out_refund_no: Annotated[str, Form()] = "") -> RedirectResponse:
        due = notifier.again(out_trade_no, out_refund_no=out_refund_no or None)
        return back("bank", f"已重发 {due} 条通知。")

    add_fault_routes(console, outside.faults)
    add_message_routes(console, outside.sms)
    add_clinic_routes(console, outside.his)
    add_pharmacy_routes(console, outside.his)
    add_refund_routes(console, outside.wechat_pay)
    add_parcel_routes(console, outside.logistics)
    add_signature_routes(console, outside.signature)
    add_invoice_routes(console, outside.invoice)
    return console
