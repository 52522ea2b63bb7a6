"""The outside's own books over its HTTP pages: `/books/wechat_pay`, `/books/his`, `/books/sms`. A key that is not there is an error."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import httpx

_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Order:
    """`state` is NOTPAY, SUCCESS or CLOSED."""

    out_trade_no: str
    total_fen: int
    state: str


@dataclass(frozen=True, slots=True)
class Payment:
    transaction_id: str
    out_trade_no: str
    total_fen: int


@dataclass(frozen=True, slots=True)
class Refund:
    """`status` is PROCESSING, SUCCESS, ABNORMAL or CLOSED; only CLOSED has taken nothing from the merchant."""

    out_refund_no: str
    transaction_id: str
    out_trade_no: str
    refund_fen: int
    status: str

    @property
    def gone_fen(self) -> int:
        """What left the merchant by it."""
        return 0 if self.status == "CLOSED" else self.refund_fen


@dataclass(frozen=True, slots=True)
class Appointment:
    id: str
    claim_no: str
    slot_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Invoice:
    id: str
    appointment_id: str
    status: str
    total_fen: int


@dataclass(frozen=True, slots=True)
class Settlement:
    payment_no: str
    invoice_id: str
    channel: str
    channel_no: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Reversal:
    refund_no: str
    invoice_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Encounter:
    id: str
    visit_no: str
    appointment_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Slot:
    id: str
    capacity: int
    sold_at_window: int


@dataclass(frozen=True, slots=True)
class Text:
    """One delivered message. `phone` and `text` are compared and never told."""

    biz_id: str
    phone: str
    template_code: str
    text: str
    out_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    orders: Sequence[Order]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    appointments: Sequence[Appointment]
    invoices: Sequence[Invoice]
    settlements: Sequence[Settlement]
    reversals: Sequence[Reversal]
    encounters: Sequence[Encounter]
    slots: Sequence[Slot]
    texts: Sequence[Text]


R = TypeVar("R", Order, Payment, Refund, Appointment, Invoice, Settlement, Reversal, Encounter, Slot, Text)


async def read(sandbox_url: str) -> Theirs:
    """Each party's books are of one instant; three parties are three instants."""
    async with httpx.AsyncClient(base_url=sandbox_url, timeout=_LIMIT_S, trust_env=False) as outside:
        bank, his, carrier = [await _page(outside, party) for party in ("wechat_pay", "his", "sms")]
    return Theirs(
        orders=_rows(Order, bank["orders"]),
        payments=_rows(Payment, bank["payments"]),
        refunds=_rows(Refund, bank["refunds"]),
        appointments=_rows(Appointment, his["appointments"]),
        invoices=_rows(Invoice, his["invoices"]),
        settlements=_rows(Settlement, his["settlements"]),
        reversals=_rows(Reversal, his["reversals"]),
        encounters=_rows(Encounter, his["encounters"]),
        slots=_rows(Slot, his["slots"]),
        texts=_rows(Text, carrier["messages"]),
    )


async def _page(outside: httpx.AsyncClient, party: str) -> dict[str, Any]:
    answer = await outside.get(f"/books/{party}")
    return answer.raise_for_status().json()


def _rows(kind: type[R], told: Sequence[dict[str, Any]]) -> list[R]:
    names = [field.name for field in fields(kind)]
    return [kind(**{name: row[name] for name in names}) for row in told]
