"""Settings of API and worker: the environment under FUZHEN_, read once in the mains and handed down as the part needed.

Nothing here is a hospital's rule: those are dated rows (`models/policy.py`). Secrets have no default, and do not show themselves in a
log or a traceback.
"""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.kernel.vault import Vault

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class HisSettings(BaseSettings):
    """The hospital information system: FHIR below `<base_url>/fhir/R4`, tokens at `<base_url>/token`."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_HIS_", frozen=True, hide_input_in_errors=True)
    base_url: str
    client_id: str
    client_secret: SecretStr
    webhook_key: SecretStr
    """64 hex digits: proves what the HIS tells us by itself."""

    @field_validator("webhook_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr) -> SecretStr:
        _key(key, 32)
        return key


class WechatPaySettings(BaseSettings):
    """The merchant's side of WeChat Pay APIv3. Signed paths begin at `/v3`, after the base URL."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_WECHAT_PAY_", frozen=True, hide_input_in_errors=True)
    base_url: str
    appid: str
    mchid: str
    serial_no: str
    """Of the merchant certificate that our requests are signed under."""
    private_key: SecretStr
    """PEM text."""
    apiv3_key: SecretStr
    """32 characters: opens what a notify carries."""
    public_key_id: str
    """`PUB_KEY_ID_…`: of the key that WeChat Pay signs with."""
    public_key: str
    """PEM text."""

    def plain(self) -> dict[str, str]:
        """As the gateway's account takes them."""
        return self.model_dump() | {"private_key": self.private_key.get_secret_value(), "apiv3_key": self.apiv3_key.get_secret_value()}

    @field_validator("apiv3_key")
    @classmethod
    def _of_its_length(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) != 32:
            raise ValueError("the APIv3 key has 32 characters")
        return key


class SmsSettings(BaseSettings):
    """The carrier of short messages, and the approved signature that heads each text."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_SMS_", frozen=True, hide_input_in_errors=True)
    base_url: str
    access_key_id: str
    access_key_secret: SecretStr
    sign_name: str


class LogisticsSettings(BaseSettings):
    """Our account at the carrier, SF 丰桥, and where its contract lets parcels be picked up. `/std/service` comes after the base URL."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_LOGISTICS_", frozen=True, hide_input_in_errors=True)
    base_url: str
    partner_id: str
    checkword: SecretStr
    """The secret of the digest."""
    monthly_card: str
    sender_name: str
    sender_phone: str
    sender_address: str

    def plain(self) -> dict[str, str]:
        """As the gateway's account takes them."""
        return self.model_dump() | {"checkword": self.checkword.get_secret_value()}


class SignatureSettings(BaseSettings):
    """The hospital's CA: signed paths begin at `/v1`, after the base URL."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_SIGNATURE_", frozen=True, hide_input_in_errors=True)
    base_url: str
    app_id: str
    app_secret: SecretStr
    trusted: str
    """Its root and issuing certificates, PEM text."""

    def plain(self) -> dict[str, str]:
        """As the gateway's account takes them."""
        return {"base_url": self.base_url, "app_id": self.app_id, "app_secret": self.app_secret.get_secret_value()}


class ReviewSettings(BaseSettings):
    """The program that reviews prescriptions (合理用药)."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_REVIEW_", frozen=True, hide_input_in_errors=True)
    base_url: str
    app_key: str
    app_secret: SecretStr

    def plain(self) -> dict[str, str]:
        """As the gateway's account takes them."""
        return self.model_dump() | {"app_secret": self.app_secret.get_secret_value()}


class InvoiceSettings(BaseSettings):
    """Our account at the issuer of e-bills (财政电子票据, Bosssoft's wire). `/medical-web` comes after the base URL."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_INVOICE_", frozen=True, hide_input_in_errors=True)
    base_url: str
    app_id: str
    app_key: SecretStr
    """The secret of the digest."""
    place_code: str
    payee: str
    author: str

    def plain(self) -> dict[str, str]:
        """As the gateway's account takes them."""
        return self.model_dump() | {"app_key": self.app_key.get_secret_value()}


class Settings(BaseSettings):
    """What one API or worker process is started with."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_", frozen=True, hide_input_in_errors=True)

    environment: Literal["embedded", "production"]
    database_url: SecretStr
    """`postgresql+asyncpg://…`, with the password in it."""
    temporal_address: str
    temporal_namespace: str = "default"
    temporal_ui_url: str
    api_host: str = "127.0.0.1"
    api_port: int = 8400
    public_url: str
    """Base of our webhooks as the outside sees it."""
    worker_health_host: str = "127.0.0.1"
    worker_health_port: int = 8405
    """Health and metrics; a monitoring on another machine needs another host than loopback."""
    files_dir: Path
    policy: Literal["standard", "test"] = "standard"
    """The line of rules that new visits begin with."""
    workflow_cache: int = Field(default=1000, ge=0)
    """Workflows that a worker keeps in memory."""
    column_keys: dict[str, SecretStr]
    """SM4 keys of sensitive columns, 32 hex digits each, by key id."""
    column_key_id: str
    """The key that new values are sealed under."""
    index_key: SecretStr
    """HMAC-SM3 key of the blind indexes, 64 hex digits."""

    his: HisSettings = Field(default_factory=lambda: HisSettings.model_validate({}))
    wechat_pay: WechatPaySettings = Field(default_factory=lambda: WechatPaySettings.model_validate({}))
    sms: SmsSettings = Field(default_factory=lambda: SmsSettings.model_validate({}))
    logistics: LogisticsSettings = Field(default_factory=lambda: LogisticsSettings.model_validate({}))
    signature: SignatureSettings = Field(default_factory=lambda: SignatureSettings.model_validate({}))
    review: ReviewSettings = Field(default_factory=lambda: ReviewSettings.model_validate({}))
    invoice: InvoiceSettings = Field(default_factory=lambda: InvoiceSettings.model_validate({}))

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        """Production speaks to real parties over TLS and by the standard rules; the sandbox is on this machine and speaks plain HTTP."""
        if self.environment != "production":
            return self
        named = ("his", "wechat_pay", "sms", "logistics", "review", "signature", "invoice")
        outside: dict[str, str] = {name: getattr(self, name).base_url for name in named} | {"public": self.public_url}
        for party, url in outside.items():
            at = urlsplit(url)
            if at.scheme != "https" or at.hostname is None or at.hostname in _LOOPBACK:
                raise ValueError(f"in production the address of {party} is https and on another machine")
        if self.policy != "standard":
            raise ValueError("in production visits begin with the standard rules")
        return self

    @model_validator(mode="after")
    def _keys_open(self) -> Self:
        self.vault()
        return self

    def vault(self) -> Vault:
        """The vault of sensitive columns; raises `ValueError` for keys that are none."""
        keys = {key_id: _key(key, 16) for key_id, key in self.column_keys.items()}
        return Vault(keys, self.column_key_id, _key(self.index_key, 32))


def read_settings() -> Settings:
    """The environment's word, whole or not at all."""
    return Settings.model_validate({})


def _key(text: SecretStr, size: int) -> bytes:
    try:
        key = bytes.fromhex(text.get_secret_value())
    except ValueError:
        raise ValueError("a key is written in hex digits") from None  # the text would quote it
    if len(key) != size:
        raise ValueError(f"this key has {size * 2} hex digits")
    return key
