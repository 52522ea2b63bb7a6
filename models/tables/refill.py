"""What people went home with from this hospital, as the HIS told it when it was last looked at."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class PastRow(Table):
    """One patient's past prescriptions: how the worker, which asks the HIS, hands them to a screen."""

    __tablename__ = "refill_past"
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    told: Mapped[bytes]
    """Sealed JSON of `models.refill.PastPrescriptions`."""
    seen_at: Mapped[datetime]
