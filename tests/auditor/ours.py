"""Our PostgreSQL as an auditor reads it: plain rows by plain SQL, all of one instant. A column is named once, as a field."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from tests.auditor.ours_care import Account, Content, Delivery, Prescription, RecordSigning, Signature
from tests.auditor.ours_left import Left, read_left
from tests.auditor.ours_sealed import Sealed, read_sealed
from tests.auditor.wire import connect, rows


@dataclass(frozen=True, slots=True)
class Visit:
    TABLE: ClassVar = "revisit"
    id: UUID
    state: str
    version: int
    step: str | None
    claim_id: UUID | None
    charge_id: UUID | None
    encounter_id: str | None
    refusal: str | None
    reason: str | None
    declined_for: str | None
    policy: str
    account_id: UUID
    patient_id: UUID
    his_patient_id: str | None
    doctor_id: str | None
    department_id: str | None
    schedule_id: str | None
    slot_id: str | None
    intake_id: UUID | None
    note_id: UUID | None
    unstable: bool | None
    past_prescription: str | None
    past_prescribed: bytes | None
    slot_starts_at: datetime | None
    rearranged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Charge:
    TABLE: ClassVar = "charge"
    id: UUID
    state: str
    version: int
    step: str | None
    visit_id: UUID
    payable: str
    payable_id: UUID
    invoice_id: str
    amount_fen: int
    paid_order_id: UUID | None


@dataclass(frozen=True, slots=True)
class Order:
    """A channel order; its id in 32 hex digits is the bank's `out_trade_no`."""

    TABLE: ClassVar = "charge_order"
    id: UUID
    charge_id: UUID
    state: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Payment:
    TABLE: ClassVar = "payment"
    id: UUID
    channel: str
    transaction_id: str
    order_no: str
    charge_id: UUID | None
    visit_id: UUID | None
    amount_fen: int
    reserved_fen: int
    refunded_fen: int
    unwanted: str | None


@dataclass(frozen=True, slots=True)
class Refund:
    """`number` is the bank's `out_refund_no`; the id in 32 hex digits is the number of its reversal at the HIS."""

    TABLE: ClassVar = "refund"
    id: UUID
    state: str
    version: int
    step: str | None
    payment_id: UUID
    charge_id: UUID | None
    visit_id: UUID
    cause: str
    amount_fen: int
    number: str
    attempt: int
    cleared_at: datetime | None
    accepted_at: datetime | None
    """Of the present number."""
    arrived_at: datetime | None
    voucher: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    TABLE: ClassVar = "ledger_entry"
    id: UUID
    cause: str
    charge_id: UUID | None


@dataclass(frozen=True, slots=True)
class Leg:
    """Debit is positive."""

    TABLE: ClassVar = "ledger_leg"
    entry_id: UUID
    account: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A place; its id in 32 hex digits is the number of its appointment at the HIS."""

    TABLE: ClassVar = "booking"
    id: UUID
    revisit_id: UUID
    patient_id: UUID
    slot_id: str
    schedule_id: str
    state: str
    appointment_id: str | None
    invoice_id: str | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Slot:
    TABLE: ClassVar = "slot"
    id: str
    capacity: int
    taken: int
    state: str


@dataclass(frozen=True, slots=True)
class Message:
    """Its id in 32 hex digits is the carrier's `out_id`. The phone is sealed, so only equal or not can be told of it."""

    TABLE: ClassVar = "message"
    id: UUID
    visit_id: UUID | None
    template: str
    phone_bidx: bytes
    state: str
    repeated: bool
    receipt: str | None
    failure: str | None
    resend_of: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ebill:
    """An e-bill; its id in 32 hex digits is our number for it at the issuer."""

    TABLE: ClassVar = "invoice"
    id: UUID
    state: str
    version: int
    step: str | None
    visit_id: UUID
    charge_id: UUID
    fund_fen: int
    account_fen: int
    cash_fen: int
    code: str | None
    number: str | None
    check_code: str | None
    red_code: str | None
    red_number: str | None
    red_check_code: str | None
    file: str | None
    red_file: str | None

    @property
    def total_fen(self) -> int:
        return self.fund_fen + self.account_fen + self.cash_fen

    @property
    def split(self) -> str:
        """Who pays what, as the outside's rows say it."""
        return f"fund {self.fund_fen} account {self.account_fen} cash {self.cash_fen} fen"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A clinic that was stopped or rearranged."""

    TABLE: ClassVar = "suspension"
    id: UUID
    state: str
    version: int
    step: str | None
    schedule_id: str | None
    doctor_id: str | None
    account_id: UUID | None
    """Who of the management suspended a doctor."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A visit that a suspension found."""

    TABLE: ClassVar = "suspension_visit"
    suspension_id: UUID
    revisit_id: UUID
    outcome: str


@dataclass(frozen=True, slots=True)
class Inbox:
    TABLE: ClassVar = "inbox"
    id: UUID
    process: str
    process_id: UUID | None
    kind: str
    party: str
    event: str
    """JSON, as PostgreSQL writes it."""
    handled_at: datetime | None
    outcome: str | None

    @property
    def order_no(self) -> str | None:
        """The bank's order that a report is about."""
        return json.loads(self.event).get("order_no")


@dataclass(frozen=True, slots=True)
class Moved:
    """One line of a process's timeline."""

    TABLE: ClassVar = "timeline"
    process: str
    process_id: UUID
    visit_id: UUID
    step: str
    name: str
    version: int
    before: str
    after: str
    by: UUID | None
    """The account that asked for it; None where nobody did."""
    at: datetime

    @property
    def enters(self) -> bool:
        """Whether it came to another state."""
        return self.version > 0 and self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    visits: Sequence[Visit]
    charges: Sequence[Charge]
    orders: Sequence[Order]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    entries: Sequence[Entry]
    legs: Sequence[Leg]
    claims: Sequence[Claim]
    slots: Sequence[Slot]
    messages: Sequence[Message]
    inbox: Sequence[Inbox]
    timeline: Sequence[Moved]
    prescriptions: Sequence[Prescription]
    contents: Sequence[Content]
    signatures: Sequence[Signature]
    records: Sequence[RecordSigning]
    accounts: Sequence[Account]
    deliveries: Sequence[Delivery]
    ebills: Sequence[Ebill]
    suspensions: Sequence[Suspension]
    stopped: Sequence[Stopped]
    left: Left
    sealed: Sequence[Sealed]


async def read(database_url: str) -> Ours:
    """All of one snapshot, and PostgreSQL itself refuses a write."""
    wire = await connect(database_url)
    try:
        async with wire.transaction(isolation="repeatable_read", readonly=True):
            return Ours(
                visits=await rows(wire, Visit),
                charges=await rows(wire, Charge),
                orders=await rows(wire, Order),
                payments=await rows(wire, Payment),
                refunds=await rows(wire, Refund),
                entries=await rows(wire, Entry),
                legs=await rows(wire, Leg),
                claims=await rows(wire, Claim),
                slots=await rows(wire, Slot),
                messages=await rows(wire, Message),
                inbox=await rows(wire, Inbox),
                timeline=await rows(wire, Moved, order="process_id, version, id"),
                prescriptions=await rows(wire, Prescription),
                contents=await rows(wire, Content),
                signatures=await rows(wire, Signature),
                records=await rows(wire, RecordSigning),
                accounts=await rows(wire, Account),
                deliveries=await rows(wire, Delivery),
                ebills=await rows(wire, Ebill),
                suspensions=await rows(wire, Suspension),
                stopped=await rows(wire, Stopped),
                left=await read_left(wire),
                sealed=await read_sealed(wire),
            )
    finally:
        await wire.close()
