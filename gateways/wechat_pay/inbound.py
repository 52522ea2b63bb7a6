"""What WeChat Pay sends to us: verified, opened and read; no I/O. A notify is only a reason to ask by query."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.signing import distrust
from gateways.wechat_pay.transaction import Transaction
from models.kernel.errors import DomainError
from models.kernel.money import FenAmount

__all__ = ["Notify", "WeChatPayAccount", "open_notify"]


class Notify(BaseModel):
    """A paid order, as reported. `notify_id` stays the same when WeChat Pay repeats it."""

    model_config = ConfigDict(frozen=True)
    notify_id: str
    event_type: str
    order_no: str
    transaction_id: str
    amount_fen: FenAmount
    mchid: str
    appid: str
    paid_at: datetime
    trade_state: str
    """The wire's own word; only the query decides."""


class _Resource(BaseModel):
    algorithm: Literal["AEAD_AES_256_GCM"]
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Envelope(BaseModel):
    id: str
    event_type: Literal["TRANSACTION.SUCCESS"]
    resource: _Resource


def open_notify(account: WeChatPayAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> Notify:
    """The notify in `body`, the raw bytes as they came.

    Refused `wechat_pay.signature` (forged, a SIGNTEST probe, more than 5 minutes off, another key), `wechat_pay.malformed` (signed but
    unreadable, or of a kind we don't take), `wechat_pay.foreign` (another merchant's or app's). Each is answered 4xx, so it comes again.
    """
    if reason := distrust(account, {name.lower(): value for name, value in headers.items()}, body, now):
        raise DomainError("wechat_pay.signature", "anonymous", reason=reason)
    try:
        envelope = _Envelope.model_validate(json.loads(body))
        paid = Transaction.model_validate(json.loads(_opened(account, envelope.resource)))
    except (ValidationError, ValueError, InvalidTag):
        raise DomainError("wechat_pay.malformed", "malformed") from None  # its text may quote what was sealed
    if (paid.mchid, paid.appid) != (account.mchid, account.appid):
        raise DomainError("wechat_pay.foreign", "invalid")
    if paid.transaction_id is None or paid.success_time is None or paid.amount is None:
        raise DomainError("wechat_pay.malformed", "malformed")
    return Notify(
        notify_id=envelope.id,
        event_type=envelope.event_type,
        order_no=paid.out_trade_no,
        transaction_id=paid.transaction_id,
        amount_fen=paid.amount.total,
        mchid=paid.mchid,
        appid=paid.appid,
        paid_at=paid.success_time,
        trade_state=paid.trade_state,
    )


def _opened(account: WeChatPayAccount, resource: _Resource) -> bytes:
    """AES-256-GCM under the APIv3 key; the tag is the end of the ciphertext [C]."""
    cipher = AESGCM(account.apiv3_key.encode())
    return cipher.decrypt(resource.nonce.encode(), base64.b64decode(resource.ciphertext, validate=True), resource.associated_data.encode())
