"""What every durable process has: a row that is its program counter, and the events that come to its desk."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.kernel.errors import DomainError

S = TypeVar("S", bound=StrEnum)
V = TypeVar("V")


class Row(BaseModel, Generic[S, V]):
    """A snapshot of the process's row: what it needs to decide its next step, and no more."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    version: int
    state: S
    due_at: datetime | None = None
    """The deadline that screens show."""
    wake_at: datetime | None = None
    """When the process itself has something to do next: a reminder, or the deadline."""
    under_way: V | None = None
    """What a step now asking outside was made for: whoever begins again finishes it first."""
    request: str | None = None
    """Id of the last request that moved it, for log lines alone."""

    @property
    def last_call(self) -> bool:
        """The alarm set now is the deadline itself: said by the row, not by a clock."""
        return self.due_at is not None and self.wake_at is not None and self.wake_at >= self.due_at


class Event(BaseModel):
    """Something that happens to a process.

    Its id is that of the request or the inbox row that brings it: what was done under it is done once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: UUID
    seen: int = 0
    """Version of the row that its sender had read."""
    request: str = ""
    """Id of the request that brought it, for log lines alone."""


class Command(Event):
    """A person asks, and waits for the answer."""

    allowed_in: ClassVar[frozenset[str]]
    by: UUID
    """The account that asks."""
    body: str = ""
    """Hash of the request's body: another body under the same key is another wish, and refused."""


class News(Event):
    """The world or another process reports; behind it stands an inbox row of the same id."""


class Alarm(BaseModel):
    """The time that the row names has come."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["alarm"] = "alarm"


class Moves(Generic[S]):
    """The one table of allowed moves of a process: stores refuse any other, docs and tests are made from it.

    `again`: where news of a world that has changed takes up what had ended, and no step of its own does.
    """

    def __init__(self, table: dict[S, frozenset[S]], again: dict[S, S] | None = None) -> None:
        self.table, self.again = table, again or {}

    def ends(self) -> frozenset[S]:
        """States that nothing leaves."""
        return frozenset(state for state, after in self.table.items() if not after)

    def check(self, before: S, after: S) -> None:
        """A move that is not in the table is a bug, never a refusal."""
        if after not in self.table[before]:
            raise RuntimeError(f"{before} → {after} is not in the table of moves")


class Runs(Protocol):
    """The short cut beside the rows: begin a process's run, or knock at its desk.

    Both may fail silently; relay and sweep are the guarantee.
    """

    async def begin(self, process: str, id: UUID, visit: UUID, row: "AnyRow | None" = None) -> None: ...

    async def knock(self, process: str, id: UUID, event: News) -> None: ...


def command_of(kind: str, known: tuple[type[Command], ...]) -> type[Command]:
    """The command named `kind`, for who reads it back from the inbox."""
    for one in known:
        if one.model_fields["kind"].default == kind:
            return one
    raise DomainError("command.unknown", "malformed", command=kind)


def allowed(state: str, known: tuple[type[Command], ...]) -> list[str]:
    """What people may ask in a state: screens show these and no others."""
    return [str(one.model_fields["kind"].default) for one in known if state in one.allowed_in]


AnyRow = Row[Any, Any]
