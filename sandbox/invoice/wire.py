"""The envelope of Bosssoft [B]: base64 of JSON with an MD5 over it comes in, base64 of a result and of a base64 message goes out.

An answer is not signed. Codes but S0000, and their texts [G].
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final, cast

from fastapi import Response

DONE: Final = "S0000"
REFUSALS: Final = {
    "E0101": "业务流水号已开票，内容不一致",
    "E0102": "金额合计不一致",
    "E0103": "开票点不存在",
    "E0104": "可用票号不足",
    "E0201": "票据不存在",
    "E0202": "票据已冲红",
    "E0001": "报文不符合要求",
    "E0002": "签名不正确",
    "E0003": "应用未授权",
    "E0901": "系统繁忙，请稍后再试",
}
"""What it says no with; E0901 decides nothing."""
FIELDS: Final = ("appid", "data", "noise", "version")


class IssuerError(Exception):
    """The issuer says no, by its own code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code, self.message = code, REFUSALS[code]


def signature(envelope: Mapping[str, str], key: str) -> str:
    """MD5 of `appid=..&data=..&noise=..&key=..&version=..` in capital hex digits [B]."""
    text = "appid={appid}&data={data}&noise={noise}&key={key}&version={version}".format(**{**envelope, "key": key})
    return hashlib.md5(text.encode()).hexdigest().upper()  # noqa: S324  the wire's own


def opened(body: bytes, app_id: str, key: str) -> object:
    """What a request asks, once it is proved to be the customer's. Raises `IssuerError`."""
    try:
        said = json.loads(body)
    except ValueError:
        raise IssuerError("E0001") from None
    if not isinstance(said, dict):
        raise IssuerError("E0001")
    envelope = {name: value for name, value in cast(dict[object, object], said).items() if isinstance(name, str) and isinstance(value, str)}
    if any(not envelope.get(name) for name in (*FIELDS, "sign")):
        raise IssuerError("E0001")
    if envelope["appid"] != app_id:
        raise IssuerError("E0003")
    if not hmac.compare_digest(signature(envelope, key).encode(), envelope["sign"].encode()):
        raise IssuerError("E0002")
    try:
        return json.loads(base64.b64decode(envelope["data"], validate=True))
    except ValueError:
        raise IssuerError("E0001") from None


def done(message: Mapping[str, object]) -> Response:
    """The message of what was done."""
    return _answer(DONE, json.dumps(message, ensure_ascii=False))


def refused(code: str) -> Response:
    """A code and its text; HTTP 200 in any case."""
    return _answer(code, REFUSALS[code])


def _answer(result: str, message: str) -> Response:
    inner = json.dumps({"result": result, "message": _base64(message)})
    return Response(json.dumps({"data": _base64(inner)}), media_type="application/json;charset=UTF-8")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
