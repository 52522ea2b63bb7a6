"""The outbox of messages: rows taken by state, a lease, a fencing number, and order for each recipient."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.message import TEXTS, MessageState, Template, report_asked_at
from models.stores.database import vault
from models.tables.message import MessageRow
from models.tables.process import RestoredRow

LEASE = timedelta(seconds=20)
"""How long a hand may be at a message before the next one asks after it: longer than the gateway's own limit."""
AFTER_RESTORE = timedelta(days=1)
"""By then what was on its way when the machine was lost has been done again."""
OPEN = (MessageState.DUE, MessageState.SENDING)
PHONE, _PARAMS = "message.phone", "message.params"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message in one hand."""

    id: UUID
    visit_id: UUID | None
    template: Template
    phone: str
    params: dict[str, str]
    attempt: int
    """The fencing number: who has it may write the outcome."""
    repeated: bool
    handed_over_at: datetime | None
    """When it was last given to the carrier, who is asked by that day before a repeat; None when it never was."""
    due_at: datetime
    lost_since: datetime | None
    """A backup of then was put back within the day: the carrier may have it from the time that was lost, and is asked first."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that the carrier has, and of which nothing more is known."""

    id: UUID
    visit_id: UUID | None
    template: Template
    phone: str
    sent_at: datetime


async def enqueue(
    db: AsyncSession,
    message_id: UUID,
    template: Template,
    phone: str,
    params: Mapping[str, str],
    *,
    visit_id: UUID | None,
    due_at: datetime,
) -> None:
    """One message to one phone; its id comes from its cause, so that the same cause twice is one message.

    Raises `ValueError` for parameters that are not the template's: a bug of the caller.
    """
    box, fitted = vault(db), TEXTS[template].fitted(params)
    await db.execute(
        insert(MessageRow)
        .values(
            id=message_id,
            visit_id=visit_id,
            template=template,
            phone=box.seal(PHONE, message_id, phone),
            phone_bidx=box.index(PHONE, phone),
            params=box.seal(_PARAMS, message_id, json.dumps(fitted, ensure_ascii=False)),
            state=MessageState.DUE,
            due_at=due_at,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )


async def last_due(db: AsyncSession, template: Template, phone: str) -> datetime | None:
    """When the newest message of a template to a phone was due; None when it never had one."""
    to_it = select(MessageRow.due_at).where(MessageRow.phone_bidx == vault(db).index(PHONE, phone), MessageRow.template == template)
    return await db.scalar(to_it.order_by(MessageRow.created_at.desc(), MessageRow.due_at.desc()).limit(1))


async def take(db: AsyncSession, now: datetime, limit: int) -> list[Taken]:
    """Messages that are due and in nobody's hand, at most one a recipient: a later one waits until the earlier one has its outcome.

    They are `sending` when this commits, so that a crash in mid-call is seen.
    """
    first = await _first_of_each_recipient(db, now)
    if not first:
        return []
    free = or_(MessageRow.lease_until.is_(None), MessageRow.lease_until <= now)
    rows = await db.scalars(
        select(MessageRow)
        .where(MessageRow.id.in_(first), MessageRow.state.in_(OPEN), free)
        .order_by(MessageRow.due_at, MessageRow.created_at, MessageRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    lost_since = await db.scalar(select(func.max(RestoredRow.taken_at)).where(RestoredRow.restored_at > now - AFTER_RESTORE))
    return [_taken_by(db, row, now, lost_since) for row in rows.all()]


async def giving(db: AsyncSession, mine: Taken, now: datetime, *, again: bool) -> bool:
    """Commits that it now goes to the carrier, `again` for a counted repeat; False when it is in another hand meanwhile."""
    values: dict[str, object] = {"sent_at": now, "lease_until": now + LEASE}
    if again:
        values["repeated"] = True
    return await _write(db, mine, values)


async def was_sent(db: AsyncSession, mine: Taken, receipt: str, now: datetime) -> bool:
    """The carrier has it, and is asked later what became of it."""
    values = {"state": MessageState.SENT, "receipt": receipt, "lease_until": None, "ask_at": report_asked_at(now, now, 0), "asks": 0}
    return await _write(db, mine, values)


async def was_refused(db: AsyncSession, mine: Taken, code: str) -> bool:
    """The carrier will not send it, or nobody could tell for too long."""
    return await _write(db, mine, {"state": MessageState.FAILED, "failure": code, "lease_until": None})


async def was_not_taken(db: AsyncSession, mine: Taken, due_at: datetime) -> bool:
    """The carrier surely has it not, for a reason that is not the recipient's: given again then, and no repeat."""
    return await _write(db, mine, {"state": MessageState.DUE, "sent_at": None, "lease_until": due_at})


async def stays_unknown(db: AsyncSession, mine: Taken, ask_at: datetime) -> bool:
    """Asked again then; until then it holds up its recipient's later messages, and nobody else's."""
    return await _write(db, mine, {"lease_until": ask_at})


async def asked_after(db: AsyncSession, now: datetime, limit: int) -> list[Gone]:
    """Messages whose report is overdue, the longest first; when each is asked again is committed before it is asked."""
    rows = await db.scalars(
        select(MessageRow)
        .where(MessageRow.state == MessageState.SENT, MessageRow.ask_at <= now)
        .order_by(MessageRow.ask_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [_gone(db, one, now) for one in rows.all()]


async def was_reported(db: AsyncSession, id: UUID, *, arrived: bool, code: str | None, at: datetime) -> bool:
    """What the carrier says of it; False when that was known already."""
    state = MessageState.DELIVERED if arrived else MessageState.UNDELIVERED
    written = await db.scalar(
        update(MessageRow)
        .where(MessageRow.id == id, MessageRow.state == MessageState.SENT)
        .values(state=state, failure=code, reported_at=at, ask_at=None)
        .returning(MessageRow.id)
    )
    return written is not None


async def knocked(db: AsyncSession, id: UUID, receipt: str, now: datetime) -> bool:
    """The carrier has news of one that it took: asked at once, if it is not known yet. Whether both numbers are of one of ours; where it
    never told us its own, ours is all there is."""
    ours = and_(MessageRow.id == id, MessageRow.receipt.in_([receipt, id.hex]))
    await db.execute(
        update(MessageRow).where(ours, MessageRow.state == MessageState.SENT).values(ask_at=func.least(MessageRow.ask_at, now))
    )
    return await db.scalar(select(MessageRow.id).where(ours)) is not None


async def _write(db: AsyncSession, mine: Taken, values: Mapping[str, object]) -> bool:
    """Only the hand that raised `attempt` last writes: a slow one finds that it came too late."""
    written = await db.scalar(
        update(MessageRow)
        .where(MessageRow.id == mine.id, MessageRow.attempt == mine.attempt, MessageRow.state == MessageState.SENDING)
        .values(**values)
        .returning(MessageRow.id)
    )
    return written is not None


async def _first_of_each_recipient(db: AsyncSession, now: datetime) -> list[UUID]:
    """By the phone's blind index: equal phones are sealed differently."""
    first = (
        select(MessageRow.id)
        .ext(distinct_on(MessageRow.phone_bidx))
        .where(MessageRow.state.in_(OPEN), MessageRow.due_at <= now)
        .order_by(MessageRow.phone_bidx, MessageRow.due_at, MessageRow.created_at, MessageRow.id)
    )
    return list(await db.scalars(first))


def opened(db: AsyncSession, row: MessageRow) -> tuple[str, dict[str, str]]:
    """Its phone and its parameters."""
    box = vault(db)
    return box.open(PHONE, row.id, row.phone), json.loads(box.open(_PARAMS, row.id, row.params))


def _taken_by(db: AsyncSession, row: MessageRow, now: datetime, lost_since: datetime | None) -> Taken:
    box = vault(db)
    row.state, row.attempt, row.lease_until = MessageState.SENDING, row.attempt + 1, now + LEASE
    return Taken(
        id=row.id,
        visit_id=row.visit_id,
        template=Template(row.template),
        phone=box.open(PHONE, row.id, row.phone),
        params=json.loads(box.open(_PARAMS, row.id, row.params)),
        attempt=row.attempt,
        repeated=row.repeated,
        handed_over_at=row.sent_at,
        due_at=row.due_at,
        lost_since=lost_since,
    )


def _gone(db: AsyncSession, row: MessageRow, now: datetime) -> Gone:
    sent_at = row.sent_at or row.due_at
    row.asks, row.ask_at = row.asks + 1, report_asked_at(now, sent_at, row.asks + 1)
    phone = vault(db).open(PHONE, row.id, row.phone)
    return Gone(row.id, row.visit_id, Template(row.template), phone, sent_at)
