"""Aliyun dysmsapi 2017-05-25 on one path: `POST /`, the action in `x-acs-action`, parameters in the query [C]. Texts of errors [G]."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import cast
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from sandbox import clock
from sandbox.fault_kinds import Manners
from sandbox.faults import Faults
from sandbox.sms.messages import ERR_CODES, WAITING, Messages, mainland, wire_time
from sandbox.sms.signature import Gatekeeper, SmsError, parameters
from sandbox.sms.templates import SIGN_NAME, TEMPLATES, variables

ACTIONS = ("SendSms", "QuerySendDetails")
VERSION = "2017-05-25"
PHONES_MAX = 1000
PAGE_MAX = 50


REFUSALS = {
    "isv.BUSINESS_LIMIT_CONTROL": "触发号码天级流控",
    "isv.MOBILE_NUMBER_ILLEGAL": "非法手机号",
    "isv.AMOUNT_NOT_ENOUGH": "账户余额不足",
    "isv.SMS_SIGNATURE_ILLEGAL": "该账号下找不到对应签名",
    "isp.SYSTEM_ERROR": "请重试接口调用",
}
"""What a fault may make the carrier say, by its business codes [C]; texts [G]."""


class BusinessError(Exception):
    """Refused by a rule, not at the door: HTTP 200 with a `Code` that is not OK [C]."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def router(messages: Messages, gatekeeper: Gatekeeper, faults: Faults) -> APIRouter:
    """Routes for `{sandbox}/sms`. For faults the calls are `POST /SendSms` and `POST /QuerySendDetails`."""
    for action in ACTIONS:
        faults.declare("sms", f"POST /{action}")
    calls = APIRouter(route_class=faults.route_class("sms", MANNERS, _call_name), tags=["sms"])

    @calls.post("/")
    async def call(request: Request) -> Response:
        body, now = await request.body(), clock.now()
        try:
            query: bytes = request.scope["query_string"]
            gatekeeper.check(method="POST", query=query.decode(), headers=request.headers, body=body, now=now)
            given = parameters(query.decode())
            answer = _act(messages, request.headers, given, now)
        except SmsError as refused:
            return _answer(refused.status, {"Code": refused.code, "Message": refused.message, "HostId": request.headers["host"]})
        except BusinessError as refused:
            return _answer(200, {"Code": refused.code, "Message": refused.message})
        return _answer(200, {"Code": "OK", "Message": "OK"} | answer)

    return calls


def _act(messages: Messages, headers: Mapping[str, str], given: Mapping[str, str], now: datetime) -> dict[str, object]:
    if headers["x-acs-version"] != VERSION:
        raise SmsError(400, "InvalidVersion", "Specified parameter Version is not valid.")
    match headers["x-acs-action"]:
        case "SendSms":
            return _send(messages, given, now)
        case "QuerySendDetails":
            return _query(messages, given)
        case _:
            raise SmsError(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")


def _send(messages: Messages, given: Mapping[str, str], now: datetime) -> dict[str, object]:
    phones = [mainland(phone) for phone in _required(given, "PhoneNumbers").split(",")]
    sign_name, template_code = _required(given, "SignName"), _required(given, "TemplateCode")
    if None in phones or len(phones) > PHONES_MAX:
        raise BusinessError("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
    if sign_name != SIGN_NAME:
        raise BusinessError("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
    if template_code not in TEMPLATES:
        raise BusinessError("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    values = _values(given.get("TemplateParam") or "{}")
    missing = [name for name in variables(template_code) if not values.get(name)]
    if missing:
        raise BusinessError("isv.TEMPLATE_MISSING_PARAMETERS", f"模板缺少变量: {','.join(missing)}")
    return {"BizId": messages.send([phone for phone in phones if phone], template_code, values, given.get("OutId", ""), now)}


def _values(text: str) -> dict[str, str]:
    try:
        parsed: object = json.loads(text)
    except json.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise BusinessError("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
    values = cast("dict[str, object]", parsed)
    return {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in values.items()}


def _query(messages: Messages, given: Mapping[str, str]) -> dict[str, object]:
    phone = mainland(_required(given, "PhoneNumber"))
    if phone is None:
        raise BusinessError("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
    try:
        day = datetime.strptime(_required(given, "SendDate"), "%Y%m%d").replace(tzinfo=clock.SHANGHAI)
    except ValueError:
        raise BusinessError("isv.INVALID_PARAMETERS", "日期格式错误，应为yyyyMMdd") from None
    page, page_size = _number(given, "CurrentPage", 1_000_000), _number(given, "PageSize", PAGE_MAX)
    total, rows = messages.sent_on(phone, f"{day:%Y-%m-%d}", given.get("BizId") or None, page=page, page_size=page_size)
    return {"TotalCount": total, "SmsSendDetailDTOs": {"SmsSendDetailDTO": [_detail(row) for row in rows]}}


def _detail(row: sqlite3.Row) -> dict[str, object]:
    """One text's fate: 1 waits for the network's word, 2 was given up, 3 is delivered [C]. Without a BizId [C]."""
    known = row["status"] != WAITING
    return {
        "PhoneNum": row["phone"],
        "TemplateCode": row["template_code"],
        "Content": row["text"],
        "OutId": row["out_id"],
        "SendStatus": row["status"],
        "ErrCode": ERR_CODES[row["status"]][0],
        "SendDate": wire_time(row["sent_at"]),
        "ReceiveDate": wire_time(row["reported_at"] or row["sent_at"]) if known else "",
    }


def _required(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise SmsError(400, f"Missing{name}", f"{name} is mandatory for this action.")
    return given[name]


def _number(given: Mapping[str, str], name: str, most: int) -> int:
    text = _required(given, name)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise SmsError(400, f"Invalid{name}", f"The specified {name} is not valid.")
    return int(text)


def _answer(status: int, message: dict[str, object]) -> Response:
    body = json.dumps({"RequestId": str(uuid4()).upper()} | message, ensure_ascii=False)
    return Response(body, status, media_type="application/json; charset=utf-8")


MANNERS = Manners(codes=tuple(REFUSALS), refuse=lambda code: _answer(200, {"Code": code, "Message": REFUSALS[code]}))
"""How the carrier refuses when a fault makes it. Its answers are not signed."""


def _call_name(scope: Scope, call: str) -> str:
    """All actions share one path, so the header tells them apart."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    action = next((value.decode("latin-1") for name, value in headers if name == b"x-acs-action"), None)
    return f"POST /{action}" if action in ACTIONS else call
