"""SF 丰桥 (BSP) over its own wire; production and sandbox differ in the account alone."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from structlog.typing import FilteringBoundLogger

from gateways.logistics.account import SfAccount
from gateways.logistics.signing import digest
from gateways.wire import LIMIT_S, Call, Wire
from models.delivery import Mark, Reach, Receiver, TrackEvent, Waybill
from models.kernel import ids
from models.kernel.clock import Clock, now, read_beijing
from models.kernel.errors import DomainError, Kind, Unknown

CARGO: Final = "医用物品"
"""Never a drug's name or a diagnosis: couriers read it."""
_RECEIVER_PAYS: Final = 2
"""到付 [C]."""
_EXPRESS: Final = 2
"""expressTypeId: 顺丰标快 [G]."""
_AT_ONCE: Final = 1
"""filterType: by the carrier's own data, without a task for a person there [B]."""
REACHES_LIMIT_S: Final = 2.0
"""A patient waits, and without an answer goes on."""

_UNDECIDED: Final = frozenset({"A1002", "A1005", "A1009", "A1099"})
"""Codes of the door that say nothing of the order [C]: too late, too many, away."""
_REPEATED, _ABSENT, _CANCELLED = "8016", "8024", "8037"
"""重复下单 [C]; 未下单, 已消单 [G]."""
_INVALID: Final = frozenset({"1014", "1015", "1016"})
"""What of the receiver is missing [B]."""

_REACHES: Final = {1: Reach.PENDING, 2: Reach.YES, 3: Reach.NO}
"""filterResult [C: 2; B: the others]."""
_OUT_OF_RANGE: Final = frozenset({"1", "2"})
"""remark of filterResult 3: 收方超范围, 派方超范围; 3 is 其它原因, which says nothing of the place [B]."""

MARKS: Final[Mapping[str, Mark]] = {
    "50": Mark.PICKED_UP,  # [B]
    "54": Mark.PICKED_UP,  # [G]
    "30": Mark.TRANSIT,  # [G], as all below but 80
    "31": Mark.TRANSIT,
    "36": Mark.TRANSIT,
    "44": Mark.OUT,
    "204": Mark.OUT,
    "70": Mark.FAILED,
    "99": Mark.RETURNING,
    "648": Mark.RETURNING,
    "80": Mark.DELIVERED,  # [B]
}
"""opCode. 8000 (a photo of the signature) and whatever is not here moves nothing."""
_REFUSAL: Final = ("拒收", "拒签")
"""The wire has no code of its own for it that we know of: 70, and these words [G]."""

_log: FilteringBoundLogger = structlog.get_logger()


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Answer(_Wire):
    api_result_code: str
    api_result_data: str = ""
    """JSON, written as a string [C]."""


class _Result(_Wire):
    success: bool
    error_code: str = ""
    msg_data: dict[str, Any] | list[Any] | None = None


class _Number(_Wire):
    waybill_type: int
    waybill_no: str


class _Order(_Wire):
    order_id: str
    filter_result: int | None = None
    waybill_no_info_list: list[_Number] | None = None


class _Filtered(_Wire):
    filter_result: int
    remark: str | int | None = None


class _Route(_Wire):
    accept_time: str
    accept_address: str = ""
    remark: str = ""
    op_code: str


class _Routes(_Wire):
    routes: list[_Route] | None = None


class _RouteResps(_Wire):
    route_resps: list[_Routes] | None = None


class SfLogistics:
    """The port `Logistics`, one for the life of the process."""

    def __init__(self, account: SfAccount, *, clock: Clock = now, limit_s: float = LIMIT_S) -> None:
        self._account, self._clock = account, clock
        self._wire = Wire("logistics", account.base_url, limit_s=limit_s)

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def reaches(self, receiver: Receiver) -> Reach:
        """EXP_RECE_FILTER_ORDER_BSP [B]: asks as a list of one, without a number; answered with a list or with its one entry.

        Judged at once, a place that the carrier does not find is none that it goes to: only what it calls out of its range is NO.
        """
        async with self._wire.call("reaches", limit_s=min(self._wire.limit_s, REACHES_LIMIT_S)) as call:
            sender = {"contactType": 1, "address": self._account.sender_address}
            ends = [sender, {"contactType": 2, **_place(receiver)}]
            wish = {"filterType": _AT_ONCE, "monthlyCard": self._account.monthly_card, "contactInfos": ends}
            result = await self._ask(call, "EXP_RECE_FILTER_ORDER_BSP", [wish])
            if not result.success:
                raise self._puzzled(call, result.error_code)
            told = result.msg_data if isinstance(result.msg_data, list) else [result.msg_data]
            judged = _Filtered.model_validate(told[0] if told else None)
            reach = _REACHES.get(judged.filter_result, Reach.PENDING)
            if reach is Reach.NO and str(judged.remark) not in _OUT_OF_RANGE:
                reach = Reach.PENDING
            call.note(reach=str(reach), answered=judged.filter_result)
            return reach

    async def create(self, number: str, receiver: Receiver) -> Waybill:
        """EXP_RECE_CREATE_ORDER; a number that is used already (8016 [C]), or an answer that was lost, is looked for."""
        async with self._wire.call("create", number=number) as call:
            try:
                result = await self._ask(call, "EXP_RECE_CREATE_ORDER", self._order(number, receiver))
            except Unknown:
                if (found := await self._find(call, number)) is None:
                    raise
                return found
            if result.success:
                return _waybill(call, number, result)
            if result.error_code == _REPEATED:
                if (found := await self._find(call, number)) is None:
                    raise Unknown("ordered already, and not found")
                return found
            kind: Kind = "invalid" if result.error_code in _INVALID else "unavailable"
            if kind == "unavailable":
                _log.error("logistics.misunderstood", answered=result.error_code, **call.numbers)
            raise DomainError(f"logistics.{result.error_code}", kind)

    async def find(self, number: str) -> Waybill | None:
        """EXP_RECE_SEARCH_ORDER_RESP [C]."""
        async with self._wire.call("find", number=number) as call:
            return await self._find(call, number)

    async def cancel(self, number: str) -> bool:
        """EXP_RECE_UPDATE_ORDER, dealType 2 [C]. What is not plainly done is decided by where the parcel was seen."""
        async with self._wire.call("cancel", number=number) as call:
            result = await self._ask(call, "EXP_RECE_UPDATE_ORDER", {"orderId": number, "dealType": 2})
            if result.success or result.error_code in {_ABSENT, _CANCELLED}:
                return True
            call.note(answered=result.error_code)
            if await self._track(call, number):
                return False
            raise Unknown("not taken back, and not picked up")

    async def track(self, number: str) -> tuple[TrackEvent, ...]:
        """EXP_RECE_SEARCH_ROUTES by our order number: no phone has to be proved [B]."""
        async with self._wire.call("track", number=number) as call:
            return await self._track(call, number)

    async def _find(self, call: Call, number: str) -> Waybill | None:
        result = await self._ask(call, "EXP_RECE_SEARCH_ORDER_RESP", {"orderId": number})
        if result.success:
            return _waybill(call, number, result)
        if result.error_code == _ABSENT:
            return None
        raise self._puzzled(call, result.error_code)

    async def _track(self, call: Call, number: str) -> tuple[TrackEvent, ...]:
        wish = {"trackingType": 2, "trackingNumber": [number], "methodType": 1, "language": "zh-CN"}
        result = await self._ask(call, "EXP_RECE_SEARCH_ROUTES", wish)
        if not result.success:
            raise self._puzzled(call, result.error_code)
        told = _RouteResps.model_validate(result.msg_data or {}).route_resps or []
        routes = [route for one in told for route in one.routes or []]
        call.note(routes=len(routes))
        return tuple(_event(sequence, route) for sequence, route in enumerate(routes))

    async def _ask(self, call: Call, service: str, message: object) -> _Result:
        """One call. Each may be repeated: an order's number makes it one, and the others change nothing the second time."""
        msg_data, timestamp = json.dumps(message, ensure_ascii=False, separators=(",", ":")), str(int(self._clock().timestamp() * 1000))
        form = {
            "partnerID": self._account.partner_id,
            "requestID": ids.new().hex,
            "serviceCode": service,
            "timestamp": timestamp,
            "msgDigest": digest(msg_data, timestamp, self._account.checkword),
            "msgData": msg_data,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        content = urlencode(form).encode()
        answer = await call.send("POST", f"{self._wire.base_url}/std/service", repeatable=True, headers=headers, content=content)
        outer = _Answer.model_validate(answer.json())
        if outer.api_result_code in _UNDECIDED:
            raise Unknown(f"the door answered {outer.api_result_code}")
        if outer.api_result_code != "A1000":
            if service == "EXP_RECE_CREATE_ORDER":  # our key, our rights, our address: an order surely not made
                _log.error("logistics.misunderstood", answered=outer.api_result_code, **call.numbers)
                raise DomainError(f"logistics.{outer.api_result_code}", "unavailable")
            raise self._puzzled(call, outer.api_result_code)
        return _Result.model_validate_json(outer.api_result_data)

    def _order(self, number: str, to: Receiver) -> dict[str, object]:
        us = self._account
        sender = {"contactType": 1, "contact": us.sender_name, "mobile": us.sender_phone, "address": us.sender_address}
        receiver = {"contactType": 2, "contact": to.name, "mobile": to.phone, **_place(to)}
        return {
            "language": "zh-CN",
            "orderId": number,
            "cargoDetails": [{"name": CARGO}],
            "contactInfoList": [sender, receiver],
            "monthlyCard": us.monthly_card,
            "payMethod": _RECEIVER_PAYS,
            "expressTypeId": _EXPRESS,
            "parcelQty": 1,
        }

    def _puzzled(self, call: Call, answered: str) -> Unknown:
        _log.error("logistics.misunderstood", answered=answered, **call.numbers)
        return Unknown(f"an answer that decides nothing: {answered}")


def _place(of: Receiver) -> dict[str, str]:
    return {"province": of.province, "city": of.city, "county": of.county, "address": of.detail}


def _waybill(call: Call, number: str, result: _Result) -> Waybill:
    order = _Order.model_validate(result.msg_data or {})
    if order.order_id != number or order.filter_result not in _REACHES:
        _log.error("logistics.misunderstood", answered=order.filter_result, **call.numbers)
        raise Unknown("an answer that decides nothing")
    mother = next((one.waybill_no for one in order.waybill_no_info_list or [] if one.waybill_type == 1), None)
    reach = _REACHES[order.filter_result]
    if reach is Reach.YES and mother is None:
        raise Unknown("taken, and no waybill yet")
    call.note(waybill=mother, reach=str(reach))
    return Waybill(number=mother, reach=reach)


def _event(sequence: int, route: _Route) -> TrackEvent:
    mark = MARKS.get(route.op_code, Mark.OTHER)
    if mark is Mark.FAILED and any(word in route.remark for word in _REFUSAL):
        mark = Mark.REFUSED
    return TrackEvent(
        at=_instant(route.accept_time),
        sequence=sequence,
        mark=mark,
        code=route.op_code,
        place=route.accept_address,
        text=route.remark,
    )


def _instant(text: str) -> datetime:
    """Beijing time without a zone [C]."""
    try:
        return read_beijing(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise Unknown("a time that is none") from None
