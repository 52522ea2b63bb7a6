"""The builds of the workflows that ran here."""

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.table import Table


class BuildRow(Table):
    """A hash of what workflows import, and when a worker of it was first seen."""

    __tablename__ = "build"
    id: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
