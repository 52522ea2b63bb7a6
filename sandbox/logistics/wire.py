"""The envelope of SF 丰桥: a form with a digest comes in, an answer within an answer goes out; `protocols.md` §7 [C where marked].

No outside oracle: *unproved*. The digest printed as a sample on SF's own page does not come out, with or without encoding.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote_plus
from uuid import uuid4

from fastapi import Response

FIELDS = ("partnerID", "requestID", "serviceCode", "timestamp", "msgDigest", "msgData")
STALE = timedelta(minutes=15)
"""How far a timestamp, milliseconds since 1970, may be off [G]."""

GATEWAY_TEXTS = {
    "A1000": "",
    "A1001": "必传参数不可为空",
    "A1002": "请求时效已过期",
    "A1003": "IP无效",
    "A1004": "无对应服务权限",
    "A1005": "流量受控",
    "A1006": "数字签名无效",
    "A1009": "目标服务异常或不可达",
    "A1099": "系统异常",
}
"""Codes [C], texts [B]."""


class GatewayError(Exception):
    """Turned away at the door, before any service was asked."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ServiceError(Exception):
    """The service was asked and says no: A1000 outside, its own code inside [C]."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form, UTF-8; what is none has no fields."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        return {}


def digest(msg_data: str, timestamp: str, checkword: str) -> str:
    """base64(MD5(urlencode(msgData + timestamp + checkword))), encoded as Java's URLEncoder does [C]: space +, `* - _ .` kept, ~ not."""
    encoded = quote_plus(msg_data + timestamp + checkword, safe="*-._").replace("~", "%7E")
    return base64.b64encode(hashlib.md5(encoded.encode()).digest()).decode()  # noqa: S324  the wire's own


def check(form: Mapping[str, str], partner_id: str, checkword: str, now: datetime) -> None:
    """Raises `GatewayError` for whom the door does not open."""
    if any(not form.get(field) for field in FIELDS):
        raise GatewayError("A1001")
    if form["partnerID"] != partner_id:
        raise GatewayError("A1004")
    right = digest(form["msgData"], form["timestamp"], checkword)
    if not hmac.compare_digest(right.encode(), form["msgDigest"].encode()):
        raise GatewayError("A1006")
    written = form["timestamp"]
    if not (written.isascii() and written.isdigit()) or abs(now.timestamp() - int(written) / 1000) > STALE.total_seconds():
        raise GatewayError("A1002")


def refused_at_the_door(code: str) -> Response:
    """HTTP 200 and a code that is not A1000 [C]."""
    return _envelope(code, "")


def done(message: object) -> Response:
    """What a service answers when it has done it."""
    return _envelope("A1000", {"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": message})


def refused(code: str, message: str) -> Response:
    """What a service answers when it has not."""
    return _envelope("A1000", {"success": False, "errorCode": code, "errorMsg": message, "msgData": None})


def _envelope(code: str, result: object) -> Response:
    """`apiResultData` is JSON written as a string [C]."""
    body = {
        "apiErrorMsg": GATEWAY_TEXTS[code],
        "apiResponseID": uuid4().hex.upper(),
        "apiResultCode": code,
        "apiResultData": json.dumps(result, ensure_ascii=False) if result else "",
    }
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/json;charset=UTF-8")
