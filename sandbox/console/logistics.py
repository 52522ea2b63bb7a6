"""What a person sees of parcels, and how they move one."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from sandbox import clock
from sandbox.console.html import ROWS_SHOWN, Html, join, section, short, show, table, tag
from sandbox.console.notice import back
from sandbox.logistics import Logistics
from sandbox.logistics.carrier import DELIVERABLE, MANUAL, Move
from sandbox.logistics.desk import MoveIn
from sandbox.logistics.wire import ServiceError

MOVES: dict[Move, str] = {
    "picked_up": "揽收",
    "transit": "中转",
    "out_for_delivery": "派送",
    "failed": "派送失败",
    "refused": "拒收",
    "returning": "退回途中",
    "returned": "已退回",
    "signed": "签收",
}
NOTE = "替顺丰收件、派件。每一步立即推送给商户；地址在三沙市的不可收派，地址写明“人工核实”的要在这里先核实。"


def parcels_section(logistics: Logistics) -> Html:
    """Every parcel with the last that is known of it, and buttons for what happens next."""
    rows = [
        (
            short(one["created_at"]),
            one["waybill_no"],
            one["order_id"],
            f"{one['receiver']}，{one['address']}",
            _standing(one),
            _buttons(one),
        )
        for one in map(dict, logistics.carrier.parcels(ROWS_SHOWN))
    ]
    headings = ("下单", "运单号", "商户订单号", "收件", "最近状态", "")
    return section("logistics", "快递", NOTE, table(headings, rows, "还没有快递订单。"))


def _standing(order: Mapping[str, Any]) -> Html:
    if order["cancelled_at"]:
        return tag("已消单", "bad")
    if order["filter_result"] == MANUAL:
        return tag("待人工核实", "wait")
    if order["filter_result"] != DELIVERABLE:
        return tag("不可收派", "bad")
    return show(f"{short(order['accept_time'] + ' ')} {order['remark']}") if order["accept_time"] else tag("待揽收", "wait")


def _buttons(order: Mapping[str, Any]) -> Html:
    if order["cancelled_at"] or order["filter_result"] not in {MANUAL, DELIVERABLE}:
        return Html("")
    looking = order["filter_result"] == MANUAL
    choices = {"deliverable": "可以派送", "unreachable": "不可派送"} if looking else MOVES
    buttons = join(
        Html(f'<button class="quiet" name="move" value="{show(move)}">{show(label)}</button> ') for move, label in choices.items()
    )
    hidden = f'<input type="hidden" name="order_id" value="{show(order["order_id"])}">'
    return Html(f'<form method="post" action="/console/logistics/{"look" if looking else "move"}">{hidden}{buttons}</form>')


def add_parcel_routes(console: APIRouter, logistics: Logistics) -> None:
    """The forms of the section."""

    @console.post("/logistics/move")
    async def move(order_id: Annotated[str, Form()], move: Annotated[str, Form()]) -> RedirectResponse:
        try:
            wish = MoveIn.model_validate({"move": move})
            logistics.carrier.move(order_id, wish.move, clock.now())
        except ValidationError:
            return back("logistics", "没有改变：没有这种状态。")
        except ServiceError as refused:
            return back("logistics", f"没有改变：{refused.message}。")
        return back("logistics", f"{MOVES[wish.move]}，已记录并推送。")

    @console.post("/logistics/look")
    async def look(order_id: Annotated[str, Form()], move: Annotated[str, Form()]) -> RedirectResponse:
        try:
            logistics.carrier.looked_at(order_id, deliverable=move == "deliverable")
        except ServiceError as refused:
            return back("logistics", f"没有改变：{refused.message}。")
        return back("logistics", "地址已核实。")
