"""The mirror of the HIS: departments, doctors, 就诊单元 and slots, and how old each copy is."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.schedule import SlotState
from models.tables.table import Table, one_of


class DepartmentRow(Table):
    __tablename__ = "department"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("department.id"))
    synced_at: Mapped[datetime]


class DoctorRow(Table):
    __tablename__ = "doctor"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), unique=True)
    suspended_at: Mapped[datetime | None]
    """By the hospital, here: nobody books with them, whatever the HIS says of their places."""
    synced_at: Mapped[datetime]


class ScheduleRow(Table):
    """A 就诊单元."""

    __tablename__ = "schedule"
    __table_args__ = (Index(None, "on", "department_id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    doctor_id: Mapped[str] = mapped_column(ForeignKey("doctor.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    on: Mapped[date]
    period: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    version: Mapped[str]
    synced_at: Mapped[datetime]


class SlotRow(Table):
    """`taken` counts our live claims; `his_taken` what others hold at the HIS, as of `synced_at`."""

    __tablename__ = "slot"
    __table_args__ = (
        CheckConstraint("taken >= 0 and taken <= capacity", name="taken"),
        CheckConstraint(one_of("state", SlotState), name="state"),
        Index(None, "schedule_id"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedule.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(server_default="0")
    his_remaining: Mapped[int]
    fee_fen: Mapped[int]
    state: Mapped[str]
    version: Mapped[str]
    synced_at: Mapped[datetime]


class MirrorRow(Table):
    """When a part of the mirror was last pulled in full, and what went wrong since."""

    __tablename__ = "mirror"
    part: Mapped[str] = mapped_column(primary_key=True)
    synced_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
