"""Patients, who may act for them, and what they supply when the HIS's data is incomplete."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class PatientRow(Table):
    """A person by name and ID number, both sealed. Another name under the number is another row: only the HIS says which is real."""

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("id_number_bidx", "name_bidx"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[bytes]
    name_bidx: Mapped[bytes]
    id_number: Mapped[bytes]
    id_number_bidx: Mapped[bytes]
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
    verified_at: Mapped[datetime | None]
    """When the relation was proved. Before that the account reaches only visits that it opened itself."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SupplementRow(Table):
    """Data that the patient supplied for the regulator's standard: sealed, sent to the HIS by the step that `complete` asks for."""

    __tablename__ = "patient_supplement"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    phone: Mapped[bytes | None]
    address: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
