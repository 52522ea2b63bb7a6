"""Patients, who may act for them, and what they supply when the HIS's data is incomplete."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class PatientRow(Table):
    """A real-name person. Name, ID number and phone are sealed; the ID number has a blind index."""

    __tablename__ = "patient"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[bytes]
    id_number: Mapped[bytes]
    id_number_bidx: Mapped[bytes] = mapped_column(unique=True)
    birth_on: Mapped[date]
    his_ids: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BindingRow(Table):
    """An account may act for a patient."""

    __tablename__ = "patient_binding"
    __table_args__ = (UniqueConstraint("account_id", "patient_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    relation: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SupplementRow(Table):
    """Data that the patient supplied for the regulator's standard: sealed, sent to the HIS by the step that `complete` asks for."""

    __tablename__ = "patient_supplement"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    phone: Mapped[bytes | None]
    address: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
