"""What a screen may follow while it is open: the topics of its stream, of which it is told ids and versions and nothing else."""

from dataclasses import dataclass
from typing import Literal, Self, cast, get_args
from uuid import UUID

from models.kernel import ids

Subject = Literal["revisit", "charge", "refund", "prescription", "record", "delivery", "chat"]
"""Refunds, prescriptions, signings of the record, parcels and chat go by the id of their visit."""

TOPICS_MAX = 20
"""Of one stream."""
STREAMS_MAX = 5
"""Of one account, on one API process."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`revisit:<id>`, as the database tells of it and as a screen asks for it."""

    subject: Subject
    id: UUID

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises `ValueError` for what is no topic."""
        subject, _, number = text.partition(":")
        if subject not in get_args(Subject):
            raise ValueError("no such subject")
        return cls(cast(Subject, subject), ids.read(number))

    def __str__(self) -> str:
        return f"{self.subject}:{self.id}"
