"""What WeChat Pay sends to us: verified, opened and read; no I/O. A notify is only a reason to ask by query."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.refund import ToldRefund
from gateways.wechat_pay.signing import distrust
from gateways.wechat_pay.transaction import Transaction
from models.kernel.errors import DomainError
from models.kernel.money import FenAmount

__all__ = ["Notify", "RefundNotify", "WeChatPayAccount", "open_notify"]


Number = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
"""Of an order, a refund or a notify, ours or theirs: the wire's own letters [C]. What else stands there cannot be kept or asked for."""


class Notify(BaseModel):
    """A paid order, as reported. `notify_id` stays the same when WeChat Pay repeats it."""

    model_config = ConfigDict(frozen=True)
    notify_id: Number
    event_type: str
    order_no: Number
    transaction_id: Number
    amount_fen: FenAmount
    mchid: str
    appid: str
    paid_at: datetime
    trade_state: str
    """The wire's own word; only the query decides."""


class RefundNotify(BaseModel):
    """A refund that has ended, as reported. `notify_id` stays the same when WeChat Pay repeats it."""

    model_config = ConfigDict(frozen=True)
    notify_id: Number
    event_type: str
    refund_no: Number
    refund_id: Number
    order_no: Number
    transaction_id: Number
    amount_fen: FenAmount
    total_fen: FenAmount
    mchid: str
    arrived_at: datetime | None
    refund_status: str
    """The wire's own word; only the query decides."""


class _Resource(BaseModel):
    algorithm: Literal["AEAD_AES_256_GCM"]
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Envelope(BaseModel):
    id: str
    event_type: Literal["TRANSACTION.SUCCESS", "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"]
    resource: _Resource


def open_notify(account: WeChatPayAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> Notify | RefundNotify:
    """The notify in `body`, the raw bytes as they came: of a payment, or of a refund's end.

    Refused `wechat_pay.signature` (forged, a SIGNTEST probe, more than 5 minutes off, another key), `wechat_pay.malformed` (signed but
    unreadable, or of a kind we don't take), `wechat_pay.foreign` (another merchant's or app's). Each is answered 4xx, so it comes again.
    """
    if reason := distrust(account, {name.lower(): value for name, value in headers.items()}, body, now):
        raise DomainError("wechat_pay.signature", "anonymous", reason=reason)
    try:
        envelope = _Envelope.model_validate(json.loads(body))
        resource: object = json.loads(_opened(account, envelope.resource))
        if envelope.event_type == "TRANSACTION.SUCCESS":
            return _paid(account, envelope, Transaction.model_validate(resource))
        return _refunded(account, envelope, ToldRefund.model_validate(resource))
    except (ValidationError, ValueError, InvalidTag):
        raise DomainError("wechat_pay.malformed", "malformed") from None  # its text may quote what was sealed


def _paid(account: WeChatPayAccount, envelope: _Envelope, paid: Transaction) -> Notify:
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


def _refunded(account: WeChatPayAccount, envelope: _Envelope, told: ToldRefund) -> RefundNotify:
    """A refund's notify names no app [C]: it is ours when the merchant is."""
    if told.mchid != account.mchid:
        raise DomainError("wechat_pay.foreign", "invalid")
    return RefundNotify(
        notify_id=envelope.id,
        event_type=envelope.event_type,
        refund_no=told.out_refund_no,
        refund_id=told.refund_id,
        order_no=told.out_trade_no,
        transaction_id=told.transaction_id,
        amount_fen=told.amount.refund,
        total_fen=told.amount.total,
        mchid=told.mchid,
        arrived_at=told.success_time,
        refund_status=told.refund_status,
    )


def _opened(account: WeChatPayAccount, resource: _Resource) -> bytes:
    """AES-256-GCM under the APIv3 key; the tag is the end of the ciphertext [C]."""
    cipher = AESGCM(account.apiv3_key.encode())
    return cipher.decrypt(resource.nonce.encode(), base64.b64decode(resource.ciphertext, validate=True), resource.associated_data.encode())
