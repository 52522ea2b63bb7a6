"""Our rows of what people leave beside those of processes: who they are, what they said, wrote and read; nothing that is sealed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from tests.auditor.wire import Wire, rows


@dataclass(frozen=True, slots=True)
class Audit:
    """Who did or read what; without an account it was the house itself."""

    TABLE: ClassVar = "audit"
    account_id: UUID | None
    action: str
    subject: str
    subject_id: UUID | None
    detail: str
    """JSON, as PostgreSQL writes it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that no process answers for. What was answered is sealed, and kept for thirty days."""

    TABLE: ClassVar = "intent"
    id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Session:
    TABLE: ClassVar = "account_session"
    id: UUID
    account_id: UUID
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    TABLE: ClassVar = "account_grant"
    account_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Doctor:
    TABLE: ClassVar = "doctor"
    id: str
    name: str
    account_id: UUID | None
    suspended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Department:
    TABLE: ClassVar = "department"
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code; its message has its id. A patient's bears no account: there may be none yet."""

    TABLE: ClassVar = "account_code"
    id: UUID
    purpose: str
    phone_bidx: bytes
    account_id: UUID | None


@dataclass(frozen=True, slots=True)
class Policy:
    TABLE: ClassVar = "policy"
    version: str
    rules: str
    """JSON, as PostgreSQL writes it."""


@dataclass(frozen=True, slots=True)
class Patient:
    """`his_ids`: their cards at the HIS, as it told them last, in JSON as PostgreSQL writes it."""

    TABLE: ClassVar = "patient"
    id: UUID
    birth_on: date
    his_ids: str

    @property
    def cards(self) -> list[str]:
        """None before the HIS has told any."""
        return json.loads(self.his_ids)


@dataclass(frozen=True, slots=True)
class Address:
    """To whom a parcel goes."""

    TABLE: ClassVar = "delivery_address"
    id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Binding:
    """An account that may act for a patient."""

    TABLE: ClassVar = "patient_binding"
    account_id: UUID
    patient_id: UUID


@dataclass(frozen=True, slots=True)
class Supplement:
    """What the HIS lacked of a patient."""

    TABLE: ClassVar = "patient_supplement"
    patient_id: UUID


@dataclass(frozen=True, slots=True)
class Past:
    """What the HIS said that a patient went home with, when somebody looked."""

    TABLE: ClassVar = "refill_past"
    patient_id: UUID


@dataclass(frozen=True, slots=True)
class Consent:
    TABLE: ClassVar = "consent"
    id: UUID
    revisit_id: UUID
    account_id: UUID
    scene: str
    text_version: str
    text_hash: str
    detail: str
    """JSON, as PostgreSQL writes it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What is shown, from an instant on."""

    TABLE: ClassVar = "consent_text"
    version: str
    scene: str
    text: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Intake:
    TABLE: ClassVar = "intake"
    id: UUID
    revisit_id: UUID
    file_ids: str
    """JSON, as PostgreSQL writes it."""

    @property
    def files(self) -> set[UUID]:
        """What was described with pictures."""
        return {UUID(one) for one in json.loads(self.file_ids)}


@dataclass(frozen=True, slots=True)
class File:
    TABLE: ClassVar = "intake_file"
    id: UUID
    revisit_id: UUID
    account_id: UUID
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Chat:
    TABLE: ClassVar = "chat"
    id: UUID
    revisit_id: UUID
    number: int
    account_id: UUID
    side: str


@dataclass(frozen=True, slots=True)
class Record:
    TABLE: ClassVar = "record"
    id: UUID
    revisit_id: UUID
    account_id: UUID
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """Words of a doctor who sends a patient elsewhere."""

    TABLE: ClassVar = "revisit_note"
    id: UUID
    revisit_id: UUID


@dataclass(frozen=True, slots=True)
class Remark:
    """Words between a pharmacist and a doctor."""

    TABLE: ClassVar = "prescription_note"
    id: UUID
    prescription_id: UUID


@dataclass(frozen=True, slots=True)
class Survey:
    TABLE: ClassVar = "survey"
    id: UUID
    revisit_id: UUID
    doctor_id: str
    department_id: str
    state: str
    answer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Answer:
    TABLE: ClassVar = "survey_answer"
    id: UUID
    survey_id: UUID
    answers: str
    """JSON, as PostgreSQL writes it."""

    @property
    def says(self) -> bool:
        """Whether anything was answered."""
        return bool(json.loads(self.answers))


@dataclass(frozen=True, slots=True)
class History:
    """What the engine recorded of a run; archived, it lies in a file of so many bytes."""

    TABLE: ClassVar = "history"
    run_id: UUID
    visit_id: UUID
    bytes: int | None
    file: str | None


@dataclass(frozen=True, slots=True)
class Track:
    """Where a parcel was seen."""

    TABLE: ClassVar = "delivery_track"
    delivery_id: UUID
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    audits: Sequence[Audit]
    """Oldest first."""
    intents: Sequence[Intent]
    sessions: Sequence[Session]
    grants: Sequence[Grant]
    doctors: Sequence[Doctor]
    departments: Sequence[Department]
    codes: Sequence[Code]
    policies: Sequence[Policy]
    patients: Sequence[Patient]
    addresses: Sequence[Address]
    bindings: Sequence[Binding]
    supplements: Sequence[Supplement]
    pasts: Sequence[Past]
    consents: Sequence[Consent]
    consent_texts: Sequence[ConsentText]
    intakes: Sequence[Intake]
    files: Sequence[File]
    chats: Sequence[Chat]
    records: Sequence[Record]
    notes: Sequence[Note]
    remarks: Sequence[Remark]
    surveys: Sequence[Survey]
    answers: Sequence[Answer]
    tracks: Sequence[Track]
    histories: Sequence[History]


async def read_left(wire: Wire) -> Left:
    """In the transaction of the wire."""
    return Left(
        audits=await rows(wire, Audit, order="id"),
        intents=await rows(wire, Intent),
        sessions=await rows(wire, Session),
        grants=await rows(wire, Grant),
        doctors=await rows(wire, Doctor),
        departments=await rows(wire, Department),
        codes=await rows(wire, Code),
        policies=await rows(wire, Policy),
        patients=await rows(wire, Patient),
        addresses=await rows(wire, Address),
        bindings=await rows(wire, Binding),
        supplements=await rows(wire, Supplement),
        pasts=await rows(wire, Past),
        consents=await rows(wire, Consent),
        consent_texts=await rows(wire, ConsentText),
        intakes=await rows(wire, Intake),
        files=await rows(wire, File),
        chats=await rows(wire, Chat),
        records=await rows(wire, Record),
        notes=await rows(wire, Note),
        remarks=await rows(wire, Remark),
        surveys=await rows(wire, Survey),
        answers=await rows(wire, Answer),
        tracks=await rows(wire, Track),
        histories=await rows(wire, History),
    )
