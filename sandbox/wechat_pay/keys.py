"""The two sides' keys, made once into the sandbox's folder and never changed: a restarted bank still knows its merchant."""

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

MCHID = "1712880109"
APPID = "wx5a7c3e91f0b2d846"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What WeChat Pay and its one merchant hold; the merchant's half is told by `GET /credentials`."""

    mchid: str
    appid: str
    serial_no: str
    """Serial of the merchant's API certificate."""
    merchant_private_pem: str
    merchant_public: RSAPublicKey
    platform_private: RSAPrivateKey
    public_key_id: str
    """`PUB_KEY_ID_…`: names 微信支付公钥 in `Wechatpay-Serial` [C]."""
    public_pem: str
    apiv3_key: str
    """32 characters; its bytes are the AES-256 key of each notify [C]."""


def load(folder: Path) -> Keys:
    """The keys kept in `folder`, made there on the first start."""
    folder.mkdir(parents=True, exist_ok=True)
    merchant = _private_key(folder / "merchant_key.pem")
    platform = _private_key(folder / "platform_key.pem")
    apiv3_key = _kept(folder / "apiv3_key.txt", lambda: secrets.token_hex(16))
    return Keys(
        mchid=MCHID,
        appid=APPID,
        serial_no=hashlib.sha256(_public_der(merchant)).hexdigest()[:40].upper(),
        merchant_private_pem=_private_pem(merchant),
        merchant_public=merchant.public_key(),
        platform_private=platform,
        public_key_id=f"PUB_KEY_ID_01{MCHID}{int(hashlib.sha256(_public_der(platform)).hexdigest(), 16) % 10**16:016d}",
        public_pem=platform.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        apiv3_key=apiv3_key,
    )


def _private_key(path: Path) -> RSAPrivateKey:
    pem = _kept(path, lambda: _private_pem(generate_private_key(public_exponent=65537, key_size=2048)))
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{path} does not hold an RSA key")
    return key


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's text, made once; written aside and renamed, so that a kill leaves a whole key or none."""
    if not path.exists():
        aside = path.with_suffix(".new")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
        aside.replace(path)
    return path.read_text()


def _private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _public_der(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
