"""SF 丰桥 on one path: `POST /std/service`, the service's name in the form [C]. Texts of errors [G]."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from sandbox import clock
from sandbox.fault_kinds import Manners
from sandbox.faults import Faults, replayed, whole
from sandbox.logistics import wire
from sandbox.logistics.carrier import OUT_OF_RANGE, UNREACHABLE, Carrier
from sandbox.logistics.messages import FilterIn, Filters, FindIn, OrderIn, RoutesIn, UpdateIn
from sandbox.logistics.wire import GatewayError, ServiceError

M = TypeVar("M", bound=BaseModel)
CALL = "logistics.call"
SERVICES = tuple(
    f"EXP_RECE_{service}" for service in ("FILTER_ORDER_BSP", "CREATE_ORDER", "SEARCH_ORDER_RESP", "UPDATE_ORDER", "SEARCH_ROUTES")
)
REFUSALS = {"1014": "到件地址不能为空", "8057": "月结卡号不匹配", "A1004": "", "A1005": "", "A1009": "", "A1099": ""}
"""What a fault may make the carrier say: of a service, or at its door."""


def router(carrier: Carrier, partner_id: str, checkword: str, faults: Faults) -> APIRouter:
    """Routes for `{sandbox}/logistics`. For faults the calls are `POST /<service>`."""
    for service in SERVICES:
        faults.declare("logistics", f"POST /{service}")

    def named(scope: Scope, call: str) -> str:
        return scope.get(CALL, call)

    class NamedRoute(faults.route_class("logistics", MANNERS, named)):
        """All services share one path, and the form tells them apart."""

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            body = await whole(receive)
            service = wire.form_of(body).get("serviceCode")
            said = {CALL: f"POST /{service}"} if service in SERVICES else {}
            await super().handle({**scope, **said}, replayed(body, receive), send)

    calls = APIRouter(route_class=NamedRoute, tags=["logistics"])

    @calls.post("/std/service")
    async def call(request: Request) -> Response:
        form, now = wire.form_of(await request.body()), clock.now()
        try:
            wire.check(form, partner_id, checkword, now)
            return wire.done(_act(carrier, form, now))
        except GatewayError as refused:
            return wire.refused_at_the_door(refused.code)
        except ServiceError as refused:
            return wire.refused(refused.code, refused.message)

    return calls


def _act(carrier: Carrier, form: Mapping[str, str], now: datetime) -> object:
    match form["serviceCode"]:
        case "EXP_RECE_FILTER_ORDER_BSP":
            return [_judged(carrier, one) for one in _read(Filters, form).root]
        case "EXP_RECE_CREATE_ORDER":
            return _order(carrier.order(_read(OrderIn, form), now))
        case "EXP_RECE_SEARCH_ORDER_RESP":
            return _order(carrier.find(_read(FindIn, form).order_id))
        case "EXP_RECE_UPDATE_ORDER":
            wish = _read(UpdateIn, form)
            order = carrier.cancel(wish.order_id, now) if wish.deal_type == 2 else carrier.find(wish.order_id)
            return {"orderId": order["order_id"], "waybillNoInfoList": _waybills(order), "resStatus": 2}
        case "EXP_RECE_SEARCH_ROUTES":
            return {"routeResps": _routes(carrier, _read(RoutesIn, form))}
        case _:
            raise GatewayError("A1004")


def _read(kind: type[M], form: Mapping[str, str]) -> M:
    try:
        return kind.model_validate(json.loads(form["msgData"]))
    except (ValueError, ValidationError):
        raise ServiceError("S0001", "非法的JSON格式") from None


def _judged(carrier: Carrier, wish: FilterIn) -> dict[str, object]:
    """Judged at once the order's number is not said [B]."""
    result, remark = carrier.judged(wish)
    answer: dict[str, object] = {"filterResult": result, "remark": remark}
    return answer | ({"orderId": wish.order_id} if wish.filter_type == 2 else {})


def _order(order: sqlite3.Row) -> dict[str, object]:
    """As both the order and the question for it are answered [C]."""
    return {
        "orderId": order["order_id"],
        "waybillNoInfoList": _waybills(order),
        "filterResult": order["filter_result"],
        "remark": OUT_OF_RANGE if order["filter_result"] == UNREACHABLE else None,
    }


def _waybills(order: sqlite3.Row) -> list[dict[str, object]]:
    """None for a place that is not served [G]."""
    return [] if order["filter_result"] == 3 else [{"waybillType": 1, "waybillNo": order["waybill_no"]}]


def _routes(carrier: Carrier, wish: RoutesIn) -> list[dict[str, object]]:
    """One entry a number, empty for a number that is not known [B]."""
    answers: list[dict[str, object]] = []
    for number in wish.tracking_number:
        try:
            order = carrier.by_waybill(number, wish.check_phone_no) if wish.tracking_type == 1 else carrier.find(number)
        except ServiceError:
            order = None
        seen = carrier.routes(order["order_id"]) if order is not None else []
        answers.append({"mailNo": order["waybill_no"] if order is not None else number, "routes": [_route(row) for row in seen]})
    return answers


def _route(row: sqlite3.Row) -> dict[str, str]:
    return {
        "acceptTime": row["accept_time"],
        "acceptAddress": row["accept_address"],
        "remark": row["remark"],
        "opCode": row["op_code"],
    }


def _refuse(code: str) -> Response:
    return wire.refused_at_the_door(code) if code.startswith("A") else wire.refused(code, REFUSALS[code])


MANNERS = Manners(codes=tuple(REFUSALS), refuse=_refuse)
"""How the carrier refuses when a fault makes it. Its answers are not signed."""
