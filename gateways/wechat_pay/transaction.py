"""A transaction as query and notify both show it [C]."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

SUCCESS = "SUCCESS"


class Amount(BaseModel):
    """In fen. `total` is what the order asked for and the merchant gets, whatever coupons the payer used."""

    total: Annotated[int, Field(strict=True, ge=0, le=10**11)]
    currency: Literal["CNY"] = "CNY"


class Transaction(BaseModel):
    """The fields we read. Those of a payment are there only once it was paid."""

    model_config = ConfigDict(frozen=True)
    appid: str
    mchid: str
    out_trade_no: str
    trade_state: str
    transaction_id: str | None = None
    success_time: AwareDatetime | None = None
    amount: Amount | None = None
