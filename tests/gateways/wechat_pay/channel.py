"""WeChat Pay's side of the wire for pure tests: keys made once, notifies signed and sealed by the provider's rules, not by our code."""

import base64
import json
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateways.wechat_pay.account import WeChatPayAccount

PUBLIC_KEY_ID = "PUB_KEY_ID_0117000000012026112400000000000001"
APIV3_KEY = "0123456789abcdef0123456789abcdef"


@cache
def key(of: str) -> RSAPrivateKey:
    """The key of `channel`, `merchant` or anyone else: one each, kept by the cache."""
    del of
    return generate_private_key(public_exponent=65537, key_size=2048)


@cache
def account(base_url: str = "https://pay.example") -> WeChatPayAccount:
    """The merchant's account, its public key that of `channel`."""
    return WeChatPayAccount(
        appid="wx5a7c3e91f0b2d846",
        mchid="1700000001",
        serial_no="5F3A",
        private_key=key("merchant").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        apiv3_key=APIV3_KEY,
        public_key_id=PUBLIC_KEY_ID,
        public_key=key("channel").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        notify_url="https://fuzhen.example/v1/webhooks/wechat-pay",
        base_url=base_url,
    )


def signed(body: bytes, at: datetime, *, by: str = "channel", serial: str = PUBLIC_KEY_ID, nonce: str = "n0nce") -> dict[str, str]:
    """The four headers over a body."""
    timestamp = str(int(at.timestamp()))
    signature = key(by).sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Serial": serial,
    }


def paid(**changes: object) -> dict[str, Any]:
    """A transaction as a notify carries it [C]."""
    return {
        "mchid": "1700000001",
        "appid": "wx5a7c3e91f0b2d846",
        "out_trade_no": "0a" * 16,
        "transaction_id": "4200001234202611241234567890",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": "2026-11-24T09:30:00+08:00",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 5000, "payer_total": 4500, "currency": "CNY", "payer_currency": "CNY"},
    } | changes


def seen_refund(**changes: object) -> dict[str, Any]:
    """A refund as the API answers it [C]."""
    none: list[object] = []
    return {
        "refund_id": "50300002342026112412345678901",
        "out_refund_no": "0c" * 16,
        "transaction_id": "4200001234202611241234567890",
        "out_trade_no": "0a" * 16,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "success_time": "2026-11-24T09:30:00+08:00",
        "create_time": "2026-11-24T09:29:00+08:00",
        "status": "SUCCESS",
        "funds_account": "UNSETTLED",
        "amount": {
            "total": 5000,
            "refund": 1500,
            "payer_total": 4500,
            "payer_refund": 1350,
            "from": none,
            "currency": "CNY",
            "settlement_total": 5000,
            "settlement_refund": 1500,
            "discount_refund": 150,
        },
        "promotion_detail": none,
    } | changes


def told_refund(**changes: object) -> dict[str, Any]:
    """A refund as a notify carries it [C]."""
    return {
        "mchid": "1700000001",
        "out_trade_no": "0a" * 16,
        "transaction_id": "4200001234202611241234567890",
        "out_refund_no": "0c" * 16,
        "refund_id": "50300002342026112412345678901",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-24T09:30:00+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": 5000, "refund": 1500, "payer_total": 4500, "payer_refund": 1350},
    } | changes


def notify(resource: object, *, key: str = APIV3_KEY, event_type: str = "TRANSACTION.SUCCESS", aad: str = "transaction") -> bytes:
    """The body of a notify with that resource sealed in it [C]."""
    plain = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    sealed = AESGCM(key.encode()).encrypt(b"abcdefghijkl", plain, aad.encode())
    return json.dumps(
        {
            "id": "EV-2026112409300000001",
            "create_time": "2026-11-24T09:30:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": aad,
                "nonce": "abcdefghijkl",
            },
        }
    ).encode()
