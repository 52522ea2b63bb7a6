"""What has come for a process. Inserted in the transaction that knows it; the relay's guarantee begins there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.process import Event
from models.tables.process import InboxRow

SHORT_CUT = timedelta(seconds=2)
"""In which the short cut has knocked, or is lost."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An inbox row that nobody has acted on yet."""

    id: UUID
    process: str
    process_id: UUID | None
    """None: for nobody that we know."""
    party: str
    kind: str
    event: dict[str, Any]
    knocks: int


async def bring(
    db: AsyncSession, process: str, process_id: UUID | None, event: Event, *, party: str, external_id: str | None = None
) -> bool:
    """Keeps an event for a process. False: the same had come before.

    Whoever brings it knocks as soon as this is committed, so the relay gives that a moment; for nobody it comes at once.
    """
    kept = (
        insert(InboxRow)
        .values(
            id=event.id,
            process=process,
            process_id=process_id,
            kind=event.model_dump()["kind"],
            event=event.model_dump(mode="json"),
            party=party,
            external_id=external_id or str(event.id),
            knock_at=func.now() + (SHORT_CUT if process_id else timedelta()),
        )
        .on_conflict_do_nothing()
        .returning(InboxRow.id)
    )
    return await db.scalar(kept) is not None


async def keep_command(db: AsyncSession, process: str, process_id: UUID, event: Event, *, waited: timedelta = timedelta()) -> None:
    """A person's wish that got no answer in time: the relay repeats its Update. Closed as refused before, it is opened again.

    It is as old as the wish: its sender has `waited` already.
    """
    await db.execute(
        insert(InboxRow)
        .values(
            id=event.id,
            process=process,
            process_id=process_id,
            kind=event.model_dump()["kind"],
            event=event.model_dump(mode="json"),
            party="person",
            external_id=str(event.id),
            created_at=func.now() - waited,
        )
        .on_conflict_do_update(
            index_elements=[InboxRow.id],
            set_={"handled_at": None, "outcome": None, "knock_at": func.now()},
            where=InboxRow.outcome.is_distinct_from("done"),
        )
    )


async def body_kept(db: AsyncSession, event_id: UUID) -> str | None:
    """The hash of the body that a command was kept with; None when it was not."""
    return await db.scalar(select(InboxRow.event["body"].astext).where(InboxRow.id == event_id))


async def due(db: AsyncSession, limit: int) -> list[Waiting]:
    """Rows to knock for now, oldest first; each is put off by a growing pause before the knock, so a lost one is knocked again."""
    rows = (
        await db.execute(
            select(InboxRow)
            .where(InboxRow.handled_at.is_(None), InboxRow.knock_at <= func.now())
            .order_by(InboxRow.knock_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).scalars()
    waiting = [Waiting(row.id, row.process, row.process_id, row.party, row.kind, row.event, row.knocks) for row in rows]
    if waiting:
        await db.execute(
            update(InboxRow)
            .where(InboxRow.id.in_([one.id for one in waiting]))
            .values(
                knocks=InboxRow.knocks + 1,
                knock_at=func.now() + func.least(text("interval '300 seconds'"), text("interval '2 seconds' * power(2, least(knocks, 8))")),
            )
            .execution_options(synchronize_session=False)
        )
    return waiting
