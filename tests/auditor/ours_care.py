"""Our rows of what a visit prescribes, signs and sends, as an auditor reads them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


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
    address_id: UUID | None
    charge_id: UUID | None
    delivery_id: UUID | None
    invoice_id: str | None
    amount_fen: int | None
    valid_until: datetime | None
    account_id: UUID
    pharmacist_id: UUID | None
    copied_from: str | None
    pickup_code: str | None
    note_id: UUID | None


@dataclass(frozen=True, slots=True)
class Content:
    """What was written, sealed; an amendment is another one."""

    TABLE: ClassVar = "prescription_content"
    id: UUID
    prescription_id: UUID
    account_id: UUID
    content: bytes
    level: str | None
    """How grave the review found it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A task at the CA, under its id in 32 hex digits; what was proved of it is sealed, as its text is."""

    TABLE: ClassVar = "signature"
    id: UUID
    prescription_id: UUID | None
    content_id: UUID | None
    record_id: UUID | None
    account_id: UUID
    side: str
    text: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class RecordSigning:
    TABLE: ClassVar = "record_signing"
    id: UUID
    state: str
    version: int
    step: str | None
    visit_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Account:
    TABLE: ClassVar = "account"
    id: UUID
    kind: str
    staff_id: str | None
    phone_bidx: bytes


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
    address_id: UUID
    attempt: int
    waybill: str | None
    decision: str | None
