"""Bodies of the APIv3 calls: orders and refunds."""

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Kind = Literal["jsapi", "app", "native"]
State = Literal["NOTPAY", "SUCCESS", "CLOSED"]
Outcome = Literal["SUCCESS", "ABNORMAL", "CLOSED"]
"""How a refund ends."""
Status = Literal["PROCESSING"] | Outcome
FundsAccount = Literal["UNSETTLED", "AVAILABLE"]

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def _rfc3339(text: str) -> str:
    if not _RFC3339.fullmatch(text):
        raise ValueError("time_expire is not an RFC 3339 time with offset")
    datetime.fromisoformat(text)
    return text


def _public_address(url: str) -> str:
    """http is allowed here and nowhere else: the real side wants https and public, without a query string [C]."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "?" in url:
        raise ValueError("notify_url is not an absolute address without a query string")
    return url


class AmountIn(BaseModel):
    """Integer fen [C]."""

    total: Annotated[int, Field(strict=True, ge=1, le=10_000_000_000)]
    currency: Literal["CNY"] = "CNY"


class PayerIn(BaseModel):
    """Who is to pay, as the mini-program knows them."""

    openid: Annotated[str, Field(min_length=1, max_length=128)]


class OrderIn(BaseModel):
    """Body of `POST /v3/pay/transactions/{kind}` [C]; what it carries beyond these fields counts for the repeat check only."""

    model_config = ConfigDict(extra="allow")

    appid: Annotated[str, Field(min_length=1, max_length=32)]
    mchid: Annotated[str, Field(min_length=1, max_length=32)]
    description: Annotated[str, Field(min_length=1, max_length=127)]
    out_trade_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*]{6,32}$")]
    time_expire: Annotated[str, AfterValidator(_rfc3339)] | None = None
    attach: Annotated[str, Field(max_length=128)] | None = None
    notify_url: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_public_address)]
    amount: AmountIn
    payer: PayerIn | None = None

    def fingerprint(self, kind: Kind) -> str:
        """The same number may come again only with the same fingerprint."""
        return _digest([kind, self.model_dump(mode="json")])


class CloseIn(BaseModel):
    """Body of the close call [C]."""

    mchid: Annotated[str, Field(min_length=1, max_length=32)]


class RefundAmountIn(BaseModel):
    """Integer fen [C]. `total` is the order's own amount, so that a merchant who mixes up two orders is refused."""

    refund: Annotated[int, Field(strict=True, ge=1, le=10_000_000_000)]
    total: Annotated[int, Field(strict=True, ge=1, le=10_000_000_000)]
    currency: Literal["CNY"]


class RefundIn(BaseModel):
    """Body of `POST /v3/refund/domestic/refunds` [C]; one of the order's two numbers is required."""

    model_config = ConfigDict(extra="allow")

    out_refund_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
    transaction_id: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    out_trade_no: Annotated[str, Field(min_length=6, max_length=32)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """The person reads it in the message that WeChat sends them [C]."""
    notify_url: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_public_address)] | None = None
    """Without it nobody is told, unless the merchant has set an address for all refunds [C], which this one has not."""
    funds_account: FundsAccount | None = None
    amount: RefundAmountIn

    def fingerprint(self) -> str:
        """The same number may come again only with the same fingerprint."""
        return _digest(self.model_dump(mode="json"))


class AbnormalIn(BaseModel):
    """Body of `POST …/{refund_id}/apply-abnormal-refund` [C]; account and name are sealed under 微信支付公钥."""

    out_refund_no: Annotated[str, Field(min_length=1, max_length=64)]
    type: Literal["USER_BANK_CARD", "MERCHANT_BANK_CARD"]
    bank_type: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    bank_account: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    real_name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None


def _digest(parameters: object) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
