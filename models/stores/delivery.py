"""Parcels: begun once for a prescription and attempt, and what their steps and screens need."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.delivery import MOVES, Decision, Delivery, DeliveryState, Mark, Receiver, TrackEvent, merged
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.stores import steps
from models.stores.database import vault
from models.stores.reader import Reach
from models.tables.delivery import DeliveryAddressRow, DeliveryRow, DeliveryTrackRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow

_NAME, _PHONE, _PLACE = "delivery_address.name", "delivery_address.phone", "delivery_address.place"
_SEEN_AT, _SEEN = "delivery_track.place", "delivery_track.text"


def snapshot(row: dict[str, Any]) -> Delivery:
    """The row as the process sees it."""
    return Delivery.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, DeliveryRow.__table__), MOVES, snapshot)


@dataclass(frozen=True, slots=True)
class Facts:
    """What steps need of a parcel beyond its snapshot."""

    id: UUID
    visit_id: UUID
    prescription_id: UUID
    attempt: int
    address_id: UUID
    policy: str
    polls: int
    due_at: datetime | None

    @property
    def number(self) -> str:
        """Of the order at the carrier: constant, so that it exists there at most once."""
        return self.id.hex


@dataclass(frozen=True, slots=True)
class Begun:
    """A parcel that was begun, for who starts its run."""

    id: UUID
    visit_id: UUID
    row: Delivery


def id_of(prescription_id: UUID, attempt: int = 0) -> UUID:
    """A prescription's parcel; sent again it is the next one."""
    return ids.derived("delivery", prescription_id, attempt)


async def last(db: AsyncSession, prescription_id: UUID) -> UUID | None:
    """The parcel that a prescription's drugs are in now; None: they never were to be sent."""
    newest = select(DeliveryRow.id).where(DeliveryRow.prescription_id == prescription_id).order_by(DeliveryRow.attempt.desc()).limit(1)
    return await db.scalar(newest)


async def begin(
    db: AsyncSession,
    *,
    prescription_id: UUID,
    visit_id: UUID,
    address_id: UUID,
    policy: str,
    at: datetime,
    attempt: int = 0,
    request: str = "",
) -> Begun:
    """The row of a parcel, in the transaction of the step that wants it; asked again for the same attempt it answers what stands.

    `address_id` is that of `keep_address`; raises `delivery.address_missing` for another. `policy` is the version that is pinned.
    """
    if await db.get(DeliveryAddressRow, address_id) is None:
        raise DomainError("delivery.address_missing", "missing")
    number = id_of(prescription_id, attempt)
    await db.execute(
        insert(DeliveryRow)
        .values(
            id=number,
            state=DeliveryState.CREATING,
            policy=policy,
            visit_id=visit_id,
            prescription_id=prescription_id,
            attempt=attempt,
            address_id=address_id,
            created_at=at,
            moved_at=at,
            request=request or None,
        )
        .on_conflict_do_nothing(index_elements=[DeliveryRow.id])
    )
    return Begun(number, visit_id, await load(db, number))


async def keep_address(db: AsyncSession, address_id: UUID, account_id: UUID, receiver: Receiver) -> None:
    """Sealed under an id that may travel; kept once under it."""
    box = vault(db)
    place = json.dumps(receiver.model_dump(include={"province", "city", "county", "detail"}), ensure_ascii=False)
    await db.execute(
        insert(DeliveryAddressRow)
        .values(
            id=address_id,
            account_id=account_id,
            name=box.seal(_NAME, address_id, receiver.name),
            phone=box.seal(_PHONE, address_id, receiver.phone),
            place=box.seal(_PLACE, address_id, place),
        )
        .on_conflict_do_nothing(index_elements=[DeliveryAddressRow.id])
    )


async def is_theirs(db: AsyncSession, address_id: UUID | None, account_id: UUID) -> bool:
    """Whether the account gave this address itself."""
    given = select(DeliveryAddressRow.id).where(DeliveryAddressRow.id == address_id, DeliveryAddressRow.account_id == account_id)
    return await db.scalar(given) is not None


async def receiver(db: AsyncSession, address_id: UUID) -> Receiver:
    """To whom and where, opened. Raises `delivery.address_missing`."""
    row = await db.get(DeliveryAddressRow, address_id)
    if row is None:
        raise DomainError("delivery.address_missing", "missing")
    return _receiver(db, row)


def _receiver(db: AsyncSession, row: DeliveryAddressRow) -> Receiver:
    box = vault(db)
    place = json.loads(box.open(_PLACE, row.id, row.place))
    return Receiver(name=box.open(_NAME, row.id, row.name), phone=box.open(_PHONE, row.id, row.phone), **place)


async def load(db: AsyncSession, delivery_id: UUID) -> Delivery:
    row = (await db.execute(select(*DeliveryRow.__table__.c).where(DeliveryRow.id == delivery_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("delivery.missing", "missing")
    return snapshot(dict(row))


async def facts(db: AsyncSession, delivery_id: UUID) -> Facts:
    row = await db.get(DeliveryRow, delivery_id, populate_existing=True)
    if row is None:
        raise DomainError("delivery.missing", "missing")
    return Facts(row.id, row.visit_id, row.prescription_id, row.attempt, row.address_id, row.policy, row.polls, row.due_at)


async def entered_at(db: AsyncSession, delivery_id: UUID) -> datetime:
    """When it came to where it stands, once it has moved at all."""
    moves = select(func.max(TimelineRow.at)).where(TimelineRow.process_id == delivery_id, TimelineRow.before != TimelineRow.after)
    return known(await db.scalar(moves))


async def tracks(db: AsyncSession, delivery_id: UUID) -> tuple[TrackEvent, ...]:
    """Where it was seen, in the order in which it happened."""
    box = vault(db)
    rows = await db.scalars(select(DeliveryTrackRow).where(DeliveryTrackRow.delivery_id == delivery_id))
    return merged(
        TrackEvent(
            at=row.at,
            sequence=row.sequence,
            mark=Mark(row.mark),
            code=row.code,
            place=box.open(_SEEN_AT, row.event, row.place),
            text=box.open(_SEEN, row.event, row.text),
        )
        for row in rows
    )


async def keep_tracks(db: AsyncSession, delivery_id: UUID, events: Iterable[TrackEvent], at: datetime) -> None:
    """Each sight is kept once, in the words in which it was told first."""
    box = vault(db)
    rows = [
        {
            "delivery_id": delivery_id,
            "event": (number := event.id_of(delivery_id)),
            "at": event.at,
            "sequence": event.sequence,
            "mark": event.mark,
            "code": event.code,
            "place": box.seal(_SEEN_AT, number, event.place),
            "text": box.seal(_SEEN, number, event.text),
            "told_at": at,
        }
        for event in events
    ]
    if rows:
        await db.execute(insert(DeliveryTrackRow).values(rows).on_conflict_do_nothing())


async def of_push(db: AsyncSession, order_no: str, waybill: str) -> UUID | None:
    """The parcel that both numbers are of; before the carrier's answer is known, ours alone. None for what is not ours."""
    try:
        number = ids.read(order_no)
    except ValueError:
        return None
    known = func.coalesce(DeliveryRow.waybill, waybill) == waybill
    return await db.scalar(select(DeliveryRow.id).where(DeliveryRow.id == number, known))


@dataclass(frozen=True, slots=True)
class Told:
    """A parcel as people read it."""

    id: UUID
    visit_id: UUID
    prescription_id: UUID
    state: DeliveryState
    attempt: int
    carrier: str
    waybill: str | None
    receiver: Receiver
    trouble: str | None
    decision: Decision | None
    due_at: datetime | None
    created_at: datetime
    moved_at: datetime
    version: int


def _telling(reach: Reach) -> Select[DeliveryRow, DeliveryAddressRow]:
    """A parcel is reached through its visit."""
    return (
        select(DeliveryRow, DeliveryAddressRow)
        .join(DeliveryAddressRow, DeliveryAddressRow.id == DeliveryRow.address_id)
        .join(RevisitRow, RevisitRow.id == DeliveryRow.visit_id)
        .where(reach.condition())
    )


async def told(db: AsyncSession, delivery_id: UUID, reach: Reach) -> Told:
    """One of them. Raises `delivery.missing`, also for what is not theirs."""
    row = (await db.execute(_telling(reach).where(DeliveryRow.id == delivery_id))).one_or_none()
    if row is None:
        raise DomainError("delivery.missing", "missing")
    return _told(db, *row)


async def of_prescription(db: AsyncSession, prescription_id: UUID, reach: Reach) -> list[Told]:
    """All that was sent for a prescription, in the order of the attempts."""
    rows = await db.execute(_telling(reach).where(DeliveryRow.prescription_id == prescription_id).order_by(DeliveryRow.attempt))
    return [_told(db, *row) for row in rows]


async def listed(
    db: AsyncSession, states: Collection[DeliveryState], reach: Reach, after: tuple[datetime, UUID] | None, limit: int
) -> list[Told]:
    """Those in these states; who has waited longest comes first."""
    query = _telling(reach).where(DeliveryRow.state.in_(states))
    if after is not None:
        query = query.where(tuple_(DeliveryRow.moved_at, DeliveryRow.id) > after)
    return [_told(db, *row) for row in await db.execute(query.order_by(DeliveryRow.moved_at, DeliveryRow.id).limit(limit))]


def _told(db: AsyncSession, row: DeliveryRow, address: DeliveryAddressRow) -> Told:
    return Told(
        row.id,
        row.visit_id,
        row.prescription_id,
        DeliveryState(row.state),
        row.attempt,
        row.carrier,
        row.waybill,
        _receiver(db, address),
        row.trouble,
        None if row.decision is None else Decision(row.decision),
        row.due_at,
        row.created_at,
        row.moved_at,
        row.version,
    )
