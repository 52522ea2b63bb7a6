"""What people were told, for the management, and a message sent again (P-13.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.vault import Vault
from models.message import CODES, NOT_THERE, TEXTS, MessageState, Template
from models.revisit import State
from models.stores.message import PHONE, enqueue, opened
from models.tables.message import MessageRow
from models.tables.revisit import RevisitRow

_TRUE_WHILE: Final[dict[Template, frozenset[State]]] = {
    Template.REVISIT_BOOKED: frozenset({State.BOOKED}),
    Template.REVISIT_REMINDER: frozenset({State.BOOKED}),
    Template.REVISIT_REARRANGED: frozenset({State.BOOKED, State.WAITING}),
    Template.CLINIC_WAITING: frozenset({State.WAITING}),
    Template.REVISIT_CALLED: frozenset(),
    Template.REVISIT_CALLED_AGAIN: frozenset(),
}
"""Words that are true only while the visit stands there; minutes to come in never are again, and the doctor calls anew. All others tell
what has happened, and stay true."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message as the management reads it, its phone still whole."""

    id: UUID
    created_at: datetime
    phone: str
    text: str
    facts: dict[str, Any]


def phone_index(box: Vault, phone: str) -> bytes:
    """By which the messages to a phone are found."""
    return box.index(PHONE, phone)


async def listed(
    db: AsyncSession,
    after: tuple[datetime, UUID] | None,
    limit: int,
    *,
    visit_id: UUID | None = None,
    state: MessageState | None = None,
    phone_bidx: bytes | None = None,
    unreached: bool = False,
) -> list[Said]:
    """Newest first. `unreached`: about a visit, with no phone, and nobody has sent it again."""
    row, again = MessageRow, aliased(MessageRow)
    query = _saying(again)
    if unreached:
        query = query.where(row.state.in_(NOT_THERE), row.visit_id.is_not(None), again.id.is_(None))
    if after is not None:
        query = query.where(tuple_(row.created_at, row.id) < after)
    if visit_id is not None:
        query = query.where(row.visit_id == visit_id)
    if state is not None:
        query = query.where(row.state == state)
    if phone_bidx is not None:
        query = query.where(row.phone_bidx == phone_bidx)
    rows = await db.execute(query.order_by(row.created_at.desc(), row.id.desc()).limit(limit))
    return [_said(db, one, resent_as) for one, resent_as in rows]


async def said(db: AsyncSession, id: UUID) -> Said:
    """One of them. Raises `message.missing`."""
    row = (await db.execute(_saying(aliased(MessageRow)).where(MessageRow.id == id))).one_or_none()
    if row is None:
        raise DomainError("message.missing", "missing")
    return _said(db, *row)


async def resend(db: AsyncSession, id: UUID, wish: UUID, now: datetime) -> UUID:
    """The same words to the same phone once more, in a row whose id is that of the message and the wish; answers it.

    Raises `message.missing`, `message.is_code`, `message.under_way` (it may still arrive), `message.arrived`, `message.resent_already`,
    `message.out_of_date` (what it said is no longer so).
    """
    first = await db.get(MessageRow, id, with_for_update=True, populate_existing=True)
    if first is None:
        raise DomainError("message.missing", "missing")
    state = MessageState(first.state)
    if Template(first.template) in CODES:
        raise DomainError("message.is_code", "conflict")
    if state is MessageState.DELIVERED:
        raise DomainError("message.arrived", "conflict")
    if state not in NOT_THERE:
        raise DomainError("message.under_way", "conflict")
    if await db.scalar(select(MessageRow.id).where(MessageRow.resend_of == id)) is not None:
        raise DomainError("message.resent_already", "conflict")
    true_while = _TRUE_WHILE.get(Template(first.template))
    if true_while is not None and await db.scalar(select(RevisitRow.state).where(RevisitRow.id == first.visit_id)) not in true_while:
        raise DomainError("message.out_of_date", "conflict")
    again = ids.derived("message", id, wish)
    await enqueue(db, again, Template(first.template), *opened(db, first), visit_id=first.visit_id, due_at=now)
    await db.execute(update(MessageRow).where(MessageRow.id == again).values(resend_of=id))
    return again


def _saying(again: type[MessageRow]) -> Select[MessageRow, UUID]:
    return select(MessageRow, again.id).outerjoin(again, again.resend_of == MessageRow.id)


def _said(db: AsyncSession, row: MessageRow, resent_as: UUID | None) -> Said:
    phone, params = opened(db, row)
    told = ("id", "visit_id", "template", "state", "failure", "created_at", "due_at", "sent_at", "reported_at", "resend_of")
    facts = {name: getattr(row, name) for name in told} | {"resent_as": resent_as}
    return Said(row.id, row.created_at, phone, TEXTS[Template(row.template)].shown(params), facts)
