"""E-bills (电子票据): issued from the settlement record of a charge, undone in full by a red bill, never deleted.

Whenever no process of a charge is running, the bill that stands says what remains of it: issued − red = settled − given back.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.kernel.money import FenAmount
from models.kernel.text import Line
from models.process import Alarm, Command, Moves, News, Row


class InvoiceState(StrEnum):
    ISSUING = "issuing"
    REVERSING = "reversing"
    """The bill before it is undone first: its amount is no longer what remains."""
    FETCHING = "fetching"
    """Issued; its PDF is still at the issuer."""
    REFUSED = "refused"
    """The issuer does not do it: a task of 财务处."""
    ISSUED = "issued"
    VOID = "void"
    """Nothing remains that a bill could be about."""


_S = InvoiceState


def _to(*after: InvoiceState) -> frozenset[InvoiceState]:
    return frozenset(after)


MOVES = Moves[InvoiceState](
    {
        _S.ISSUING: _to(_S.FETCHING, _S.ISSUED, _S.REFUSED, _S.VOID),
        _S.REVERSING: _to(_S.ISSUING, _S.VOID, _S.REFUSED),
        _S.FETCHING: _to(_S.ISSUED, _S.REFUSED),
        _S.REFUSED: _to(_S.ISSUING, _S.REVERSING, _S.FETCHING, _S.REFUSED, _S.VOID),
        _S.ISSUED: _to(),
        _S.VOID: _to(),
    }
)


class Split(BaseModel):
    """Who pays what of a settlement: 医保基金支付, 个人账户支付, 个人现金支付; fen."""

    model_config = ConfigDict(frozen=True)
    fund_fen: FenAmount = 0
    account_fen: FenAmount = 0
    cash_fen: FenAmount = 0

    @property
    def total_fen(self) -> int:
        return self.fund_fen + self.account_fen + self.cash_fen

    def less_cash(self, back_fen: int) -> Self:
        """After so much has gone back through the channel, which gives back cash alone."""
        if not 0 <= back_fen <= self.cash_fen:
            raise ValueError("more has gone back than was paid in cash")
        return self.model_copy(update={"cash_fen": self.cash_fen - back_fen})

    @classmethod
    def sum(cls, parts: Iterable["Split"]) -> Self:
        """Part by part."""
        listed = list(parts)
        names = cls.model_fields
        return cls(**{name: sum(getattr(one, name) for one in listed) for name in names})


class Item(BaseModel):
    """A charge item (收费项目) of a bill."""

    model_config = ConfigDict(frozen=True)
    code: str
    name: str
    unit: str


ITEMS: Final = {
    "revisit": Item(code="0101", name="医事服务费", unit="次"),
    "prescription": Item(code="0201", name="药品费", unit="张"),
}
"""By what the charge is for. Codes are the hospital's own [G]; a bill never names a drug or a diagnosis."""


class Wanted(BaseModel):
    """What the issuer is asked to bill. Personal, so it is put together when it is asked for, and travels through no history."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    number: str
    """Ours, 32 hex digits: a bill exists under it at most once."""
    payer: Line
    split: Split
    item: Item
    visit_no: str
    """门诊号: the visit's id, 32 hex digits."""
    visited_on: date
    channel_no: str
    """The channel's own number of the payment."""
    at: datetime
    """When we first asked: the same on every repeat."""


class Ebill(BaseModel):
    """A bill as its issuer has it."""

    model_config = ConfigDict(frozen=True)
    code: str
    """票据代码, 8 digits [G]."""
    number: str
    """票据号码, 10 digits [G]."""
    check_code: str
    """校验码, 6 characters [G]."""
    issued_at: datetime
    qr: bytes
    """PNG."""
    picture_url: str
    """Where the issuer has the PDF; whoever knows it may read it."""


class RedBill(BaseModel):
    """The red bill (红票) that undoes another, over its whole amount."""

    model_config = ConfigDict(frozen=True)
    code: str
    number: str
    check_code: str
    at: datetime
    picture_url: str = ""
    """Where the issuer has its PDF: told with the red bill itself, and not where it is only found."""


class Standing(BaseModel):
    """How a bill stands at the issuer: the authority on whether it was issued and whether it was undone."""

    model_config = ConfigDict(frozen=True)
    bill: Ebill
    total_fen: FenAmount
    red: RedBill | None


class Look(StrEnum):
    """A bill as people see it."""

    ISSUING = "issuing"
    ISSUED = "issued"
    REVERSED = "reversed"
    VOID = "void"
    """All was given back before there was one."""


def look(state: InvoiceState, number: str | None, reversed_at: datetime | None) -> Look:
    """Whatever its process is still at: it has a number and so exists, or it was undone."""
    if reversed_at is not None:
        return Look.REVERSED
    if number:
        return Look.ISSUED
    return Look.VOID if state is InvoiceState.VOID else Look.ISSUING


REVERSAL_REASON: Final = "退费冲红"
"""What the red bill says; never why somebody left."""


class RetryInvoice(Command):
    """Tried again where it stands, by 财务处, after the trouble is mended."""

    kind: Literal["retry"] = "retry"
    allowed_in = _to(_S.REFUSED)


class GivenBack(News):
    """All that a refused bill was to be about has gone back: there is nothing to mend at the issuer any more."""

    kind: Literal["given_back"] = "given_back"


InvoiceEvent = Annotated[RetryInvoice | GivenBack | Alarm, Field(discriminator="kind")]
COMMANDS: tuple[type[Command], ...] = (RetryInvoice,)


class Invoice(Row[InvoiceState, InvoiceEvent]):
    """The row of `invoice/<id>`: one bill. Its id is that of charge and sequence, and in 32 hex digits our number at the issuer."""

    visit_id: UUID
    charge_id: UUID
    trouble: str | None = None
    """Why the issuer does not do it."""
