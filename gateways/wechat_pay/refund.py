"""A refund as WeChat Pay shows it: its API says `status`, its notify says `refund_status` and names the merchant [C]."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.kernel.money import FenAmount
from models.refund import RefundStatus

STATUSES = {
    "PROCESSING": RefundStatus.PROCESSING,
    "SUCCESS": RefundStatus.SUCCESS,
    "ABNORMAL": RefundStatus.ABNORMAL,
    "CLOSED": RefundStatus.CLOSED,
}

REFUSALS = {
    "NOT_ENOUGH": "not_enough",
    "USER_ACCOUNT_ABNORMAL": "account_abnormal",
    "RESOURCE_NOT_EXISTS": "order_not_paid",
}
"""Codes of a refused refund [C] and our words for them."""

TEXTS = {
    "与之前请求不一致": "parameters_differ",
    "参数与首次请求时不一致": "parameters_differ",
    "订单已全额退款": "refund_exceeded",
    "可退金额": "refund_exceeded",
    "最大期限": "refund_too_late",
}
"""INVALID_REQUEST says which only in its text [B], of which this is the steady part; the wire leaves us no other sign."""


class Amount(BaseModel):
    """In fen. `refund` is what the merchant gives back, `total` what the order took."""

    total: FenAmount
    refund: FenAmount


class SeenRefund(BaseModel):
    """The fields we read of an answer to apply or query."""

    model_config = ConfigDict(frozen=True)
    refund_id: str
    out_refund_no: str
    out_trade_no: str
    status: str
    amount: Amount
    success_time: AwareDatetime | None = None


class ToldRefund(BaseModel):
    """The fields we read of a notify. It carries no appid."""

    model_config = ConfigDict(frozen=True)
    mchid: str
    refund_id: str
    out_refund_no: str
    out_trade_no: str
    transaction_id: str
    refund_status: str
    amount: Amount
    success_time: AwareDatetime | None = None
