"""Our PostgreSQL as an auditor reads it: plain rows by plain SQL, all of one instant. A column is named once, as a field."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from tests.auditor.wire import Wire, connect


@dataclass(frozen=True, slots=True)
class Visit:
    TABLE: ClassVar = "revisit"
    id: UUID
    state: str
    version: int
    step: str | None
    claim_id: UUID | None
    encounter_id: str | None


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
    slot_id: str
    state: str
    appointment_id: str | None
    invoice_id: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    TABLE: ClassVar = "slot"
    id: str
    capacity: int
    taken: int


@dataclass(frozen=True, slots=True)
class Prescription:
    """Its number at the HIS is its content's id in 32 hex digits."""

    TABLE: ClassVar = "prescription"
    id: UUID
    state: str
    version: int
    step: str | None
    visit_id: UUID
    content_id: UUID
    way: str | None
    delivery_id: UUID | None
    invoice_id: str | None
    amount_fen: int | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Content:
    """What was written, sealed; an amendment is another one."""

    TABLE: ClassVar = "prescription_content"
    id: UUID
    prescription_id: UUID
    content: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """A task at the CA, under its id in 32 hex digits; what was proved of it is sealed, as its text is."""

    TABLE: ClassVar = "signature"
    id: UUID
    prescription_id: UUID
    content_id: UUID
    account_id: UUID
    side: str
    text: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class Account:
    TABLE: ClassVar = "account"
    id: UUID
    staff_id: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parcel; its id in 32 hex digits is its order number at the carrier."""

    TABLE: ClassVar = "delivery"
    id: UUID
    state: str
    version: int
    step: str | None
    visit_id: UUID
    prescription_id: UUID
    attempt: int
    waybill: str | None
    decision: str | None


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
    accounts: Sequence[Account]
    deliveries: Sequence[Delivery]


async def read(database_url: str) -> Ours:
    """All of one snapshot, and PostgreSQL itself refuses a write."""
    wire = await connect(database_url)
    try:
        async with wire.transaction(isolation="repeatable_read", readonly=True):
            return Ours(
                visits=await _rows(wire, Visit),
                charges=await _rows(wire, Charge),
                orders=await _rows(wire, Order),
                payments=await _rows(wire, Payment),
                refunds=await _rows(wire, Refund),
                entries=await _rows(wire, Entry),
                legs=await _rows(wire, Leg),
                claims=await _rows(wire, Claim),
                slots=await _rows(wire, Slot),
                messages=await _rows(wire, Message),
                inbox=await _rows(wire, Inbox),
                timeline=await _rows(wire, Moved, order="process_id, version, id"),
                prescriptions=await _rows(wire, Prescription),
                contents=await _rows(wire, Content),
                signatures=await _rows(wire, Signature),
                accounts=await _rows(wire, Account),
                deliveries=await _rows(wire, Delivery),
            )
    finally:
        await wire.close()


R = TypeVar("R")


async def _rows(wire: Wire, kind: type[R], order: str = "1") -> list[R]:
    shape = cast(Any, kind)
    names = [field.name for field in fields(shape)]
    found = await wire.fetch(f"select {', '.join(names)} from {shape.TABLE} order by {order}")
    return [kind(**dict(row)) for row in found]
