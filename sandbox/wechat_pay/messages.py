"""Bodies of the APIv3 order calls and the transaction that answers, query and notify all show."""

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Kind = Literal["jsapi", "app", "native"]
State = Literal["NOTPAY", "SUCCESS", "CLOSED"]

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
        return hashlib.sha256(json.dumps([kind, self.model_dump(mode="json")], sort_keys=True).encode()).hexdigest()


class CloseIn(BaseModel):
    """Body of the close call [C]."""

    mchid: Annotated[str, Field(min_length=1, max_length=32)]
