"""HMAC-SM3 both ways, over five lines and a body's SM3: the hospital's on each call, ours on each answer and notify. *Unproved* [G]."""

import hmac
import json
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from sandbox import clock
from sandbox.fault_kinds import Manners, digits
from sandbox.faults import Faults
from sandbox.signature.sm2 import sm3

BASE = "/signature"
"""Where the service hangs in the sandbox; a signed target begins after it."""
CLOCK_SKEW_S = 300
NONCES_KEPT = 100_000

REFUSALS = {
    "CERTIFICATE_NOT_FOUND": (404, "未找到该人员的有效签名证书"),
    "NUMBER_USED": (409, "业务编号已用于其他内容"),
    "FREQUENCY_LIMITED": (429, "频率超限，请稍后重试"),
    "SYSTEM_ERROR": (500, "系统异常，请稍后重试"),
}
"""What a fault may make the CA say."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The hospital's account."""

    app_id: str
    secret: str = field(repr=False)


class SignatureError(Exception):
    """A refusal: body `{code, message}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        """As it goes over the wire, still unsigned."""
        return Response(dump({"code": self.code, "message": self.message}), self.status)


def dump(message: object) -> bytes:
    """JSON as sent: the very bytes that are signed."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def mac(secret: str, *lines: str, body: bytes) -> str:
    """Hexadecimal; `lines` are the direction, what it is about, time and nonce."""
    code = HMAC(secret.encode(), hashes.SM3())
    code.update("\n".join((*lines, sm3(body).hex())).encode())
    return code.finalize().hex()


def notify_headers(keys: Keys, body: bytes) -> dict[str, str]:
    """Of a notify, in this moment."""
    timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
    return {
        "X-App-Id": keys.app_id,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Signature": mac(keys.secret, "NOTIFY", keys.app_id, timestamp, nonce, body=body),
    }


class Gatekeeper:
    """Lets in whoever has the hospital's secret, each nonce once."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._nonces: dict[str, float] = {}

    def check(self, *, method: str, target: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Refuse a call that is not the hospital's, too old, or repeated; `target` is path and query."""
        app_id, timestamp, nonce, said = (headers.get(f"x-{name}", "") for name in ("app-id", "timestamp", "nonce", "signature"))
        if app_id != self._keys.app_id or not nonce or not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise SignatureError(401, "SIGNATURE_INVALID", "缺少应用标识、时间戳、随机数或签名")
        right = mac(self._keys.secret, method, target, timestamp, nonce, body=body)
        if not hmac.compare_digest(right.encode(), said.encode()):
            raise SignatureError(401, "SIGNATURE_INVALID", "验签失败")
        at = now.timestamp()
        if abs(at - int(timestamp)) > CLOCK_SKEW_S:
            raise SignatureError(401, "TIMESTAMP_EXPIRED", "时间戳与服务器时间相差超过5分钟")
        if len(self._nonces) >= NONCES_KEPT:
            self._nonces = {used: when for used, when in self._nonces.items() if at - when <= 2 * CLOCK_SKEW_S}
        if nonce in self._nonces:
            raise SignatureError(401, "NONCE_USED", "随机数已使用")
        self._nonces[nonce] = at


def signed_route(faults: Faults, keys: Keys) -> type[APIRoute]:
    """The route class of the CA's calls: the hospital's code in, ours out, on refusals too."""
    gatekeeper = Gatekeeper(keys)

    def signed(request: Request, response: Response) -> Response:
        nonce, timestamp = request.headers.get("x-nonce", ""), str(int(clock.now().timestamp()))
        code = mac(keys.secret, "ANSWER", str(response.status_code), timestamp, nonce, body=bytes(response.body))
        response.headers.update({"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": code})
        response.headers["Content-Type"] = "application/json; charset=utf-8"
        return response

    class SignedRoute(faults.route_class("signature", _manners(signed))):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    body, target = await request.body(), _target(request)
                    gatekeeper.check(method=request.method, target=target, headers=request.headers, body=body, now=clock.now())
                    response = await inner(request)
                except SignatureError as refusal:
                    response = refusal.response()
                except RequestValidationError as invalid:
                    where = "/".join(str(part) for part in invalid.errors()[0]["loc"][1:])
                    response = SignatureError(400, "PARAM_ERROR", f"参数错误: {where}").response()
                return signed(request, response)

            return handler

    return SignedRoute


def _manners(signed: Callable[[Request, Response], Response]) -> Manners:
    """Refusals carry the code as well; a tampered answer is one whose code does not fit."""

    def refuse(code: str) -> Any:
        status, message = REFUSALS[code]

        async def say(scope: Any, receive: Any, send: Any) -> None:
            await signed(Request(scope), SignatureError(status, code, message).response())(scope, receive, send)

        return say

    return Manners(codes=tuple(REFUSALS), refuse=refuse, tamper=digits)


def _target(request: Request) -> str:
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path.decode().removeprefix(BASE) + (f"?{query.decode()}" if query else "")
