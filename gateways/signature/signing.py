"""HMAC-SM3 of the CA's wire, both ways, over lines joined by a newline: direction, subject, time, nonce, SM3 of the body.

EMULATE-C: no CA's wire is public [G], so this is the shape that 协同签名 products share, *unproved*; to be agreed on site.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from gateways.signature.account import SignatureAccount
from models.kernel import sm2
from models.kernel.vault import same

CLOCK_SKEW_S: Final = 300
_SECONDS: Final = re.compile(r"[0-9]{1,12}")

Distrust = Literal["headers", "account", "timestamp", "signature"]
"""Why bytes are not taken for the CA's."""


def headers(account: SignatureAccount, method: str, target: str, body: bytes, at: datetime) -> dict[str, str]:
    """Of a request; `target` is path and query without the host, `body` the very bytes that are sent. Good for one sending."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16)
    return {
        "X-App-Id": account.app_id,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Signature": _code(account, method, target, timestamp, nonce, body),
    }


def distrust_answer(account: SignatureAccount, status: int, said: Mapping[str, str], nonce: str, body: bytes) -> Distrust | None:
    """Why an answer is not the CA's to the request with that nonce; None when it is. `said` has lower-case names."""
    timestamp = said.get("x-timestamp", "")
    if not _SECONDS.fullmatch(timestamp):
        return "headers"
    return _differs(_code(account, "ANSWER", str(status), timestamp, nonce, body), said)


def distrust_notify(account: SignatureAccount, said: Mapping[str, str], body: bytes, now: datetime) -> Distrust | None:
    """Why a notify is not the CA's, or older or earlier than 5 minutes; None when it is. `said` has lower-case names."""
    timestamp, nonce = said.get("x-timestamp", ""), said.get("x-nonce", "")
    if not nonce or not _SECONDS.fullmatch(timestamp):
        return "headers"
    if said.get("x-app-id") != account.app_id:
        return "account"
    if abs(now.timestamp() - int(timestamp)) > CLOCK_SKEW_S:
        return "timestamp"
    return _differs(_code(account, "NOTIFY", account.app_id, timestamp, nonce, body), said)


def _differs(right: str, said: Mapping[str, str]) -> Distrust | None:
    return None if same(right.encode(), said.get("x-signature", "").encode()) else "signature"


def _code(account: SignatureAccount, direction: str, subject: str, timestamp: str, nonce: str, body: bytes) -> str:
    lines = "\n".join((direction, subject, timestamp, nonce, sm2.sm3(body).hex()))
    return sm2.hmac_sm3(account.app_secret.encode(), lines.encode()).hex()
