"""The visit and the facts that hang on it: claim, consent, intake and chat."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.booking import ClaimState
from models.revisit import State
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of

RUNNING = "state not in ('refused','closed','cancelled','declined','absent','suspended')"


class RevisitRow(ProcessColumns, Table):
    __tablename__ = "revisit"
    __table_args__ = (
        CheckConstraint(one_of("state", State), name="state"),
        Index(None, "patient_id", "created_at", "id"),
        Index("ix_revisit_clinic", "doctor_id", "schedule_id", "state"),
        Index("ix_revisit_swept_at", "swept_at", postgresql_where=text(RUNNING)),
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    past_encounter_id: Mapped[str | None]
    past_visits: Mapped[bytes | None]
    """The person's past visits as the HIS told them (department, diagnoses), sealed JSON, newest first."""
    past_prescription: Mapped[str | None]
    """复诊续方: the HIS's number of the prescription whose drugs are wanted again."""
    past_prescribed: Mapped[bytes | None]
    """That prescription as the HIS told it, sealed JSON."""
    unstable: Mapped[bool | None]
    """复诊续方: whether the patient could not confirm that all is stable; None: not asked."""
    his_patient_id: Mapped[str | None]
    missing: Mapped[list[str] | None]
    refusal: Mapped[str | None]
    reason: Mapped[str | None]
    leaving_as: Mapped[str | None]
    self_checked_at: Mapped[datetime | None]
    claim_id: Mapped[UUID | None]
    schedule_id: Mapped[str | None]
    doctor_id: Mapped[str | None]
    department_id: Mapped[str | None]
    slot_id: Mapped[str | None]
    slot_starts_at: Mapped[datetime | None]
    intake_id: Mapped[UUID | None]
    """What was described; other texts that were stored and never bound are not shown."""
    unit_ends_at: Mapped[datetime | None]
    charge_id: Mapped[UUID | None]
    checked_in_at: Mapped[datetime | None]
    passed_over_at: Mapped[datetime | None]
    called_at: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(server_default="0")
    entered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    encounter_id: Mapped[str | None]
    declined_for: Mapped[str | None]
    note_id: Mapped[UUID | None]
    """What the doctor wrote with a 退诊."""
    rearranged_at: Mapped[datetime | None]
    """替诊 or another time came after it was booked: 退号 is free until 接诊, whatever the hospital's cut-off."""
    waits: Mapped[bool] = mapped_column(server_default="false")
    """Ended, and one of its prescriptions is not."""


class NoteRow(Table):
    """Words that go with a step: stored first, so that only their id travels."""

    __tablename__ = "revisit_note"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), index=True)
    account_id: Mapped[UUID]
    text: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ClaimRow(Table):
    """One live claim of a patient in a 就诊单元, held by index."""

    __tablename__ = "booking"
    __table_args__ = (
        CheckConstraint(one_of("state", ClaimState), name="state"),
        Index("uq_booking_live", "patient_id", "schedule_id", unique=True, postgresql_where=text("state in ('held','booked')")),
        Index(None, "slot_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), index=True)
    patient_id: Mapped[UUID]
    slot_id: Mapped[str] = mapped_column(ForeignKey("slot.id"))
    schedule_id: Mapped[str]
    state: Mapped[str]
    appointment_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    fee_fen: Mapped[int | None]
    lock_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stopped_at: Mapped[datetime | None]
    """When it was seen that the HIS had cancelled it by a 停诊, which may be over by now."""


class ConsentRow(Table):
    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("revisit_id", "scene"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"))
    account_id: Mapped[UUID]
    scene: Mapped[str]
    text_version: Mapped[str]
    text_hash: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    at: Mapped[datetime]


class ConsentTextRow(Table):
    __tablename__ = "consent_text"
    version: Mapped[str] = mapped_column(primary_key=True)
    scene: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    effective_at: Mapped[datetime]


class FileRow(Table):
    """An uploaded picture or document: kind by content, bytes in object storage under the id."""

    __tablename__ = "intake_file"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), index=True)
    account_id: Mapped[UUID]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IntakeRow(Table):
    """Condition text and the files that belong to it, as described before paying."""

    __tablename__ = "intake"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"), index=True)
    text: Mapped[bytes]
    file_ids: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ChatRow(Table):
    """One order a visit: `number` counts from 1 without a gap."""

    __tablename__ = "chat"
    __table_args__ = (UniqueConstraint("revisit_id", "number"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"))
    number: Mapped[int]
    account_id: Mapped[UUID]
    side: Mapped[str]
    text: Mapped[bytes]
    at: Mapped[datetime]
