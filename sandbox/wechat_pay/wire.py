"""The signed wire of APIv3: the merchant's signature on each call, ours on each answer and notify, the sealed resource of a notify."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders

from sandbox import clock
from sandbox.fault_kinds import Manners, digits
from sandbox.faults import Faults
from sandbox.wechat_pay.keys import Keys

BASE = "/wechat"
"""Where this host hangs in the sandbox; a signed path begins after it, as it begins after the host in production."""
SCHEME = "WECHATPAY2-SHA256-RSA2048"
CLOCK_SKEW_S = 300
_JSON = "application/json; charset=utf-8"
_AUTHORIZATION_FIELDS = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")


REFUSALS = {
    "RULE_LIMIT": (403, "业务规则限制"),
    "NO_AUTH": (403, "商户无权限"),
    "NOT_ENOUGH": (403, "基本账户余额不足，请充值后重新发起"),
    "USER_ACCOUNT_ABNORMAL": (403, "用户账户异常，退款请求失败"),
    "INVALID_REQUEST": (400, "无效请求"),
    "SIGN_ERROR": (401, "错误的签名，验签失败"),
    "FREQUENCY_LIMITED": (429, "频率超限，请稍后重试"),
    "SYSTEM_ERROR": (500, "系统异常，请稍后重试"),
}
"""What a fault may make WeChat Pay say: HTTP status, code [C for refunds, else G] and text [B, G]. None tells the state of an order."""


class WeChatPayError(Exception):
    """An answer that is not a success: body `{code, message, detail}` [C]."""

    def __init__(self, status: int, code: str, message: str, detail: object = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.detail = status, code, message, detail

    def response(self) -> Response:
        """The refusal as it goes over the wire, still unsigned."""
        body = {"code": self.code, "message": self.message} | ({} if self.detail is None else {"detail": self.detail})
        return Response(dump(body), self.status)


def dump(message: object) -> bytes:
    """JSON as sent: compact, UTF-8; the very bytes that are signed."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(keys: Keys, body: bytes) -> dict[str, str]:
    """`Wechatpay-*` of an answer or a notify: RSA-SHA256 over timestamp, nonce and body, one line each [C]."""
    timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16).upper()
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(keys.platform_private.sign(message, PKCS1v15(), SHA256())).decode(),
        "Wechatpay-Signature-Type": SCHEME,
        "Wechatpay-Serial": keys.public_key_id,
    }


def seal(keys: Keys, original_type: str, resource: Mapping[str, object]) -> dict[str, str]:
    """A notify's `resource`: AES-256-GCM under the APIv3 key, the tag at the end of the ciphertext [C]."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(keys.apiv3_key.encode()).encrypt(nonce.encode(), dump(resource), original_type.encode())
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": original_type,
        "nonce": nonce,
    }


def unsealed(keys: Keys, sealed: str) -> str | None:
    """A personal value that the merchant sealed under 微信支付公钥: RSAES-OAEP with SHA-1, base64 [C]. None when it is no such thing."""
    try:
        return keys.platform_private.decrypt(base64.b64decode(sealed, validate=True), OAEP(MGF1(SHA1()), SHA1(), None)).decode()  # noqa: S303
    except ValueError:
        return None


def signed_by_merchant(keys: Keys, lines: Sequence[str | bytes], signature: str) -> bool:
    """Whether the merchant signed these lines, each ended by a newline: RSA-SHA256, PKCS#1 v1.5, base64 [C]."""
    message = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    try:
        keys.merchant_public.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def check_request(keys: Keys, *, method: str, target: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Refuse a call whose `Authorization` is not the merchant's own; `target` is path and query without the host [C]. Texts [B]."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if scheme != SCHEME or not all(said.get(field) for field in _AUTHORIZATION_FIELDS) or not said["timestamp"].isdigit():
        raise WeChatPayError(401, "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》")
    if said["mchid"] != keys.mchid:
        raise WeChatPayError(400, "MCH_NOT_EXISTS", "商户号不存在")
    if said["serial_no"] != keys.serial_no:
        raise WeChatPayError(401, "SIGN_ERROR", "商户证书序列号有误。请使用签名私钥匹配的证书序列号")
    if abs(now.timestamp() - int(said["timestamp"])) > CLOCK_SKEW_S:
        raise WeChatPayError(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    lines = (method, target, said["timestamp"], said["nonce_str"], body)
    if not signed_by_merchant(keys, lines, said["signature"]):
        raise WeChatPayError(401, "SIGN_ERROR", "错误的签名，验签失败", _sign_information(method, target, said, body))
    if headers.get("wechatpay-serial", keys.public_key_id) != keys.public_key_id:
        raise WeChatPayError(400, "PARAM_ERROR", "Http头Wechatpay-Serial错误，请使用微信支付公钥ID")


def signed_route(faults: Faults, keys: Keys) -> type[APIRoute]:
    """The route class of the APIv3 calls: merchant's signature in, ours out, refusals too, and every validation error as PARAM_ERROR."""

    class SignedRoute(faults.route_class("wechat_pay", _manners(keys))):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    body, target = await request.body(), _target(request)
                    check_request(keys, method=request.method, target=target, headers=request.headers, body=body, now=clock.now())
                    response = await inner(request)
                except WeChatPayError as refusal:
                    response = refusal.response()
                except RequestValidationError as invalid:
                    response = _param_error(invalid).response()
                return _signed(keys, response)

            return handler

    return SignedRoute


def tamper(headers: MutableHeaders, body: bytes) -> bytes:
    """Other digits; of an answer without a body another nonce. Only the signature tells."""
    if not body:
        headers["Wechatpay-Nonce"] = headers["Wechatpay-Nonce"][::-1]
    return digits(headers, body)


def _manners(keys: Keys) -> Manners:
    """Refusals as they are said on this wire, signed; a tampered answer is one whose signature does not fit."""

    def refuse(code: str) -> Response:
        status, message = REFUSALS[code]
        return _signed(keys, WeChatPayError(status, code, message).response())

    return Manners(codes=tuple(REFUSALS), refuse=refuse, tamper=tamper)


def _signed(keys: Keys, response: Response) -> Response:
    response.headers.update(signed_headers(keys, bytes(response.body)))
    response.headers["Request-ID"] = secrets.token_hex(16).upper()
    if response.body:
        response.headers["Content-Type"] = _JSON
    return response


def _target(request: Request) -> str:
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path.decode().removeprefix(BASE) + (f"?{query.decode()}" if query else "")


def _sign_information(method: str, target: str, said: Mapping[str, str], body: bytes) -> dict[str, object]:
    """What we verified, so that the merchant can compare; the body cut short [B]."""
    head = "\n".join((method, target, said["timestamp"], said["nonce_str"], "")).encode()
    return {
        "field": "signature",
        "issue": "sign not match",
        "location": "authorization",
        "sign_information": {
            "method": method,
            "url": target,
            "truncated_sign_message": (head + body[:32]).decode(errors="replace") + "\n",
            "sign_message_length": len(head) + len(body) + 1,
        },
    }


def _param_error(invalid: RequestValidationError) -> WeChatPayError:
    first = invalid.errors()[0]
    location, *field = (str(part) for part in first["loc"])
    if location == "path":
        return WeChatPayError(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在")
    detail = {"location": location, "field": "/" + "/".join(field), "issue": first["msg"]}
    return WeChatPayError(400, "PARAM_ERROR", "参数错误", detail)
