"""The outside's own books over its HTTP pages, `/books/<party>`. A key that is not there is an error."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

import httpx

from tests.auditor.wire import AwayError

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
    patient_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Split:
    """Who pays what of a sum, in fen: 医保基金, 个人账户, 个人现金."""

    fund_fen: int
    account_fen: int
    cash_fen: int

    @property
    def split(self) -> str:
        """In one line."""
        return f"fund {self.fund_fen} account {self.account_fen} cash {self.cash_fen} fen"


@dataclass(frozen=True, slots=True)
class Invoice:
    """Of an appointment, or of a prescription; `reversed_fen` is what was given back of it."""

    id: str
    appointment_id: str | None
    prescription_no: str | None
    patient_id: str
    status: str
    total_fen: int
    reversed_fen: int


@dataclass(frozen=True, slots=True)
class Settlement(Split):
    payment_no: str
    invoice_id: str
    channel: str
    channel_no: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Reversal(Split):
    refund_no: str
    invoice_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Encounter:
    id: str
    visit_no: str
    appointment_id: str
    patient_id: str
    practitioner_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Patient:
    """A card. Who it is, is compared and never told; `birth_on` as ISO 8601 writes a date."""

    id: str
    id_number: str
    name: str
    birth_on: str


@dataclass(frozen=True, slots=True)
class Prescription:
    """`signed` counts its Provenance, of both `signatures`: JSON, in base64. Times are milliseconds since 1970."""

    number: str
    patient_id: str
    encounter_id: str
    practitioner_id: str
    icd10: str
    signed: int
    signatures: str
    valid_until_ms: int | None
    prepared_ms: int | None
    dispensed_ms: int | None
    returned_ms: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One drug of a prescription; `status` is on-hold, active, completed or cancelled."""

    number: str
    drug_id: str
    status: str
    dose: str
    frequency: str
    route: str
    days: int
    packs: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record of ours; `signed` when it has a Provenance, with `signatures`: JSON, in base64. `words` are what its sections say, JSON of
    XHTML: compared and never told."""

    number: str
    encounter_id: str
    patient_id: str
    practitioner_id: str
    icd10: str
    signed: int
    signatures: str
    words: str


@dataclass(frozen=True, slots=True)
class Slot:
    id: str
    capacity: int
    sold_at_window: int


@dataclass(frozen=True, slots=True)
class Text:
    """One message that the carrier took; `status` is 1 while the phone's network says nothing, 2 given up, 3 delivered. `phone`, `text`
    and `params` (JSON; None: kept by a sandbox that did not keep them) are compared and never told."""

    biz_id: str
    phone: str
    template_code: str
    text: str
    params: str | None
    out_id: str
    status: int


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody was asked to sign; `state` is PENDING, SIGNED, REFUSED or EXPIRED. `digest` is the SM3 of its text, in hexadecimal."""

    number: str
    staff_id: str
    state: str
    digest: str
    signature: str | None
    """r and s in hexadecimal; once it is signed."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An order at the carrier; `filter_result` is 1 while somebody looks at the place, 2 where it goes, 3 where it does not. To whom it
    goes, and where, is compared and never told."""

    order_id: str
    waybill_no: str
    filter_result: int
    cancelled_at: str | None
    receiver: str
    phone: str
    address: str


@dataclass(frozen=True, slots=True)
class Scan:
    """Where a parcel was seen."""

    order_id: str
    accept_time: str
    op_code: str
    remark: str


@dataclass(frozen=True, slots=True)
class Bill(Split):
    """An e-bill under its customer's number, or a red one under none, which `undoes` the one of that number. `payer` is compared and never
    told; `items` are codes of what was charged."""

    code: str
    number: str
    check_code: str
    bus_no: str | None
    undoes: str | None
    total_fen: int
    payer: str
    patient_no: str
    items: list[str]


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
    patients: Sequence[Patient]
    slots: Sequence[Slot]
    texts: Sequence[Text]
    prescriptions: Sequence[Prescription]
    lines: Sequence[Line]
    records: Sequence[Record]
    tasks: Sequence[Task]
    parcels: Sequence[Parcel]
    scans: Sequence[Scan]
    bills: Sequence[Bill]


R = TypeVar("R")
PARTIES = ("wechat_pay", "his", "sms", "signature", "logistics", "invoice")


async def read(sandbox_url: str) -> Theirs:
    """Each party's books are of one instant; six parties are six instants. Raises `AwayError`."""
    async with httpx.AsyncClient(base_url=sandbox_url, timeout=_LIMIT_S, trust_env=False) as outside:
        bank, his, sms, ca, carrier, issuer = [await _page(outside, one) for one in PARTIES]
    return Theirs(
        orders=_rows(Order, bank["orders"]),
        payments=_rows(Payment, bank["payments"]),
        refunds=_rows(Refund, bank["refunds"]),
        appointments=_rows(Appointment, his["appointments"]),
        invoices=_rows(Invoice, his["invoices"]),
        settlements=_rows(Settlement, his["settlements"]),
        reversals=_rows(Reversal, his["reversals"]),
        encounters=_rows(Encounter, his["encounters"]),
        patients=_rows(Patient, his["patients"]),
        slots=_rows(Slot, his["slots"]),
        texts=_rows(Text, sms["messages"]),
        prescriptions=_rows(Prescription, his["prescriptions"]),
        lines=_rows(Line, his["prescription_lines"]),
        records=_rows(Record, his["records"]),
        tasks=_rows(Task, [{"signature": None} | one for one in ca["tasks"]]),  # told once it is signed
        parcels=_rows(Parcel, carrier["orders"]),
        scans=_rows(Scan, carrier["routes"]),
        bills=_rows(Bill, issuer["bills"]),
    )


async def _page(outside: httpx.AsyncClient, party: str) -> dict[str, Any]:
    try:
        answer = await outside.get(f"/books/{party}")
        return answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
        said = " ".join(str(fault).split())
        raise AwayError(f"The outside's books cannot be read: {outside.base_url}/books/{party}: {said or type(fault).__name__}") from fault


def _rows(kind: type[R], told: Sequence[dict[str, Any]]) -> list[R]:
    names = [field.name for field in fields(cast(Any, kind))]
    return [kind(**{name: row[name] for name in names}) for row in told]
