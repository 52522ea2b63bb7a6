"""What the issuer is asked, in the wire's own names [B]; amounts are yuan. What is not known here is passed over."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from sandbox.clock import SHANGHAI
from sandbox.invoice.wire import IssuerError

STAMP: Final = "%Y%m%d%H%M%S%f"
"""yyyyMMddHHmmssSSS, of which Python reads and writes six digits of the second."""


def _instant(text: str) -> str:
    if len(text) != 17 or not (text.isascii() and text.isdigit()):
        raise ValueError("yyyyMMddHHmmssSSS")
    datetime.strptime(text, STAMP).replace(tzinfo=SHANGHAI)
    return text


def stamp(at: datetime) -> str:
    """To the millisecond."""
    return at.astimezone(SHANGHAI).strftime(STAMP)[:17]


Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)]
Stamp = Annotated[str, AfterValidator(_instant)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class ChargeDetail(Message):
    """A charge item (收费项目)."""

    sort_no: int
    charge_code: Name
    charge_name: Name
    unit: str = ""
    std: Amount
    number: Amount
    amt: Amount


class OutpatientIn(Message):
    """invoiceEBillOutpatient. Fund, personal account and cash stand apart, and together are the total."""

    bus_no: Annotated[str, Field(min_length=1, max_length=50)]
    bus_type: str
    payer: Name
    bus_date_time: Stamp
    place_code: str
    payee: Name
    author: Name
    total_amt: Amount
    fund_pay: Amount
    account_pay: Amount
    own_pay: Amount
    patient_no: Name
    consultation_date: str
    sex: str = ""
    charge_detail: Annotated[list[ChargeDetail], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = self.fund_pay + self.account_pay + self.own_pay
        if not self.total_amt or parts != self.total_amt or sum(one.amt for one in self.charge_detail) != self.total_amt:
            raise IssuerError("E0102")
        return self


class WriteOffIn(Message):
    """writeOffEBill: the whole bill, by its code and number."""

    bill_batch_code: Name
    bill_no: Name
    reason: Name
    operator: Name
    bus_date_time: Stamp
    place_code: str


class StatesIn(Message):
    """getEBillStatesByBillInfo: by code and number [B], or by the customer's own number [G]."""

    bill_batch_code: str = ""
    bill_no: str = ""
    bus_no: str = ""
