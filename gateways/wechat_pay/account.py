"""A merchant's account at WeChat Pay: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


@dataclass(frozen=True, kw_only=True)
class WeChatPayAccount:
    """Keys are PEM text. A wrong key stops the start, not the first payment."""

    appid: str
    mchid: str
    serial_no: str
    """Serial of the merchant's API certificate [C]."""
    private_key: str = field(repr=False)
    apiv3_key: str = field(repr=False)
    """32 bytes: the AES-256 key of notifies [C]."""
    public_key_id: str
    """`PUB_KEY_ID_…`: names 微信支付公钥 in `Wechatpay-Serial` [C]."""
    public_key: str
    notify_url: str
    """Public, https in production, without a query [C]."""
    base_url: str = "https://api.mch.weixin.qq.com"
    """What stands before the signed path, which begins at `/v3`."""

    def __post_init__(self) -> None:
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("an APIv3 key has 32 bytes")
        _ = self.signer, self.verifier

    @cached_property
    def signer(self) -> RSAPrivateKey:
        """Signs what we send."""
        key = load_pem_private_key(self.private_key.encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("a merchant's private key is an RSA key")
        return key

    @cached_property
    def verifier(self) -> RSAPublicKey:
        """微信支付公钥: proves what WeChat Pay sends."""
        key = load_pem_public_key(self.public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise TypeError("WeChat Pay's public key is an RSA key")
        return key
