"""Signatures of APIv3, both ways: RSA-SHA256 with PKCS#1 v1.5, base64, over lines that each end with a newline [C]."""

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import BaseModel, ConfigDict

from gateways.wechat_pay.account import WeChatPayAccount

SCHEME = "WECHATPAY2-SHA256-RSA2048"
CLOCK_SKEW_S = 300
_PROBE = "WECHATPAY/SIGNTEST/"
_SECONDS = re.compile(r"[0-9]{1,12}")

Distrust = Literal["headers", "serial", "probe", "timestamp", "signature"]
"""Why bytes are not taken for WeChat Pay's."""


class JsapiPay(BaseModel):
    """What `wx.requestPayment` / `WeixinJSBridge` takes; field names are the wire's [C]."""

    model_config = ConfigDict(frozen=True)
    appId: str  # noqa: N815
    timeStamp: str  # noqa: N815
    nonceStr: str  # noqa: N815
    package: str
    signType: Literal["RSA"] = "RSA"  # noqa: N815
    paySign: str  # noqa: N815


def authorization(account: WeChatPayAccount, method: str, target: str, body: bytes, at: datetime) -> str:
    """The header of a request; `target` is path and query without the host, `body` the very bytes that are sent, empty for GET [C]."""
    timestamp, nonce = str(int(at.timestamp())), _nonce()
    signature = _signature(account, method, target, timestamp, nonce, body)
    return (
        f'{SCHEME} mchid="{account.mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{account.serial_no}"'
    )


def jsapi_pay(account: WeChatPayAccount, prepay_id: str, at: datetime) -> JsapiPay:
    """The front end's own signature for JSAPI and mini-program: four lines, the last `prepay_id=…` [C]."""
    timestamp, nonce, package = str(int(at.timestamp())), _nonce(), f"prepay_id={prepay_id}"
    signature = _signature(account, account.appid, timestamp, nonce, package)
    return JsapiPay(appId=account.appid, timeStamp=timestamp, nonceStr=nonce, package=package, paySign=signature)


def distrust(account: WeChatPayAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> Distrust | None:
    """Why an answer or a notify is not WeChat Pay's; None when it is (public-key mode, at most 5 minutes old or early [C]).

    `headers` have lower-case names.
    """
    timestamp, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
    signature, serial = headers.get("wechatpay-signature", ""), headers.get("wechatpay-serial", "")
    if not (nonce and signature and serial and _SECONDS.fullmatch(timestamp)):
        return "headers"
    if signature.startswith(_PROBE):  # traffic that tests whether we look [C]
        return "probe"
    if serial != account.public_key_id:
        return "serial"
    if abs(now.timestamp() - int(timestamp)) > CLOCK_SKEW_S:
        return "timestamp"
    try:
        account.verifier.verify(base64.b64decode(signature, validate=True), _lines(timestamp, nonce, body), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):  # ValueError: no base64
        return "signature"
    return None


def _signature(account: WeChatPayAccount, *lines: str | bytes) -> str:
    return base64.b64encode(account.signer.sign(_lines(*lines), PKCS1v15(), SHA256())).decode()


def _lines(*lines: str | bytes) -> bytes:
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)


def _nonce() -> str:
    return secrets.token_hex(16).upper()
