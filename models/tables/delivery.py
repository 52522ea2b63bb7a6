"""Parcels, to whom they go, and where they were seen."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.delivery import Decision, DeliveryState, Mark
from models.tables.process import ProcessColumns
from models.tables.table import Table, one_of

RUNNING = "state not in ('signed','decided')"


class DeliveryAddressRow(Table):
    """To whom and where; sealed. Never changed: another address is another row."""

    __tablename__ = "delivery_address"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    """Who gave it."""
    name: Mapped[bytes]
    phone: Mapped[bytes]
    place: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeliveryRow(ProcessColumns, Table):
    """A parcel; its id in 32 hex digits is the carrier's order number. One of a prescription is under way at a time, held by index."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint(one_of("state", DeliveryState), name="state"),
        CheckConstraint(f"decision is null or {one_of('decision', Decision)}", name="decision"),
        CheckConstraint("(decision is not null) = (state = 'decided')", name="decided"),
        UniqueConstraint("prescription_id", "attempt"),
        Index("uq_delivery_running", "prescription_id", unique=True, postgresql_where=text(RUNNING)),
        Index("ix_delivery_swept_at", "swept_at", postgresql_where=text(RUNNING)),
        Index(None, "visit_id"),
        Index(None, "moved_at", "id"),
    )
    visit_id: Mapped[UUID]
    prescription_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(server_default="0")
    """0 is the first; each time it is sent again, one more."""
    address_id: Mapped[UUID] = mapped_column(ForeignKey("delivery_address.id"))
    carrier: Mapped[str] = mapped_column(server_default="sf")
    waybill: Mapped[str | None]
    polls: Mapped[int] = mapped_column(server_default="0")
    """How often the carrier was asked since it last told something new."""
    trouble: Mapped[str | None]
    decision: Mapped[str | None]


class DeliveryTrackRow(Table):
    """Where a parcel was seen, once for each sight."""

    __tablename__ = "delivery_track"
    __table_args__ = (CheckConstraint(one_of("mark", Mark), name="mark"),)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    event: Mapped[UUID] = mapped_column(primary_key=True)
    """Derived from when, where and what: the same sight, however often it is told."""
    at: Mapped[datetime]
    sequence: Mapped[int]
    mark: Mapped[str]
    code: Mapped[str]
    place: Mapped[bytes]
    text: Mapped[bytes]
    told_at: Mapped[datetime]
