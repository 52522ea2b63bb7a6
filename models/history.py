"""What the engine recorded of a process, kept beyond the engine: its runs, and how each of them was closed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Closing(StrEnum):
    """How a run was closed, in the engine's words."""

    COMPLETED = "COMPLETED"
    CONTINUED_AS_NEW = "CONTINUED_AS_NEW"
    """Renewed: it goes on as another run."""
    TERMINATED = "TERMINATED"
    """By force: begun again from its row, or ended by a person."""
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRun:
    """A run that is over: nothing is added to its history any more."""

    run_id: UUID
    workflow_id: str
    process: str
    process_id: UUID
    visit_id: UUID
    status: Closing
    began_at: datetime
    ended_at: datetime

    @property
    def file(self) -> str:
        """The name of its file: by the month in which it ended, the same whoever archives it."""
        return f"history/{self.ended_at:%Y/%m}/{self.run_id}.json.gz"
