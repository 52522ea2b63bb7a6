"""Messages, and a carrier that says what the test has it say."""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from gateways.sms.port import Fate
from models.kernel import ids
from models.message import Template
from models.stores import message as store
from models.stores.database import Database
from models.tables.message import MessageRow


class Killed(BaseException):
    """What happens to a process, not what happens in it."""


Outcome = str | Exception
Told = str | Fate | Exception
"""A text is the receipt of one of which no more is known."""


class Carrier:
    """The outside at the port: what `send` and `sent` say is queued by the test; otherwise it takes everything and knows what it took."""

    def __init__(self) -> None:
        self.took: list[tuple[UUID, str, str, dict[str, str]]] = []
        self.asked: list[UUID] = []
        self.to_send: deque[Outcome] = deque()
        self.to_ask: deque[Told | None] = deque()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def send(self, number: UUID, phone: str, template: str, params: dict[str, str]) -> str:
        outcome = self.to_send.popleft() if self.to_send else f"biz-{len(self.took)}"
        if happens := self.meanwhile:
            self.meanwhile = None
            await happens()
        if isinstance(outcome, Exception):
            raise outcome
        self.took.append((number, phone, template, params))
        return outcome

    async def sent(self, number: UUID, phone: str, at: datetime) -> Fate | None:
        self.asked.append(number)
        outcome = self.to_ask.popleft() if self.to_ask else next((f"biz-of-{one[0].hex}" for one in self.took if one[0] == number), None)
        if isinstance(outcome, Exception):
            raise outcome
        return Fate(outcome) if isinstance(outcome, str) else outcome


async def enqueued(database: Database, phone: str, due_at: datetime, *, code: str = "271828", id: UUID | None = None) -> UUID:
    message_id = id or ids.new()
    async with database.transaction() as db:
        await store.enqueue(db, message_id, Template.SIGN_IN_CODE, phone, {"code": code}, visit_id=None, due_at=due_at)
    return message_id


async def row(database: Database, message_id: UUID) -> MessageRow:
    """As it stands."""
    async with database.reading() as db:
        return (await db.scalars(select(MessageRow).where(MessageRow.id == message_id))).one()
