"""A parcel, walked to where a test begins."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import EventDict

from activities.delivery import DeliveryActivities
from models.delivery import Decide, Delivery, DeliveryPushed, DeliveryState, Mark, Receiver
from models.kernel import ids
from models.policy import Policy
from models.process import News
from models.revisit import State
from models.stores import delivery as deliveries
from models.stores import inbox
from models.tables.delivery import DeliveryRow
from models.tables.process import InboxRow
from tests.builders import Person, a_person, a_visit, rules
from tests.process.desk import DeliveryDesk
from tests.process.hospital import MORNING, Hospital, wish

PHARMACY: Final = ids.new()
"""An account of the pharmacy."""
FORWARD: Final = (Mark.PICKED_UP, Mark.TRANSIT, Mark.OUT)


def a_receiver(**changes: str) -> Receiver:
    plain = {"name": "张秀英", "phone": "13800100001", "province": "北京市", "city": "北京市", "county": "东城区", "detail": "演示路2号"}
    return Receiver.model_validate(plain | changes)


async def an_address(db: AsyncSession, **changes: str) -> UUID:
    address_id = ids.new()
    await deliveries.keep_address(db, address_id, PHARMACY, a_receiver(**changes))
    return address_id


async def a_delivery(
    db: AsyncSession, policy: Policy, *, person: Person | None = None, prescription_id: UUID | None = None, city: str = "北京市"
) -> deliveries.Begun:
    """As the step of a prescription wants it, for a visit that is over."""
    return await deliveries.begin(
        db,
        prescription_id=prescription_id or ids.new(),
        visit_id=await a_visit(db, State.ENDED, person=person or await a_person(db)),
        address_id=await an_address(db, city=city),
        policy=policy.version,
        at=MORNING,
    )


async def wanted(hospital: Hospital, changes: Mapping[str, Any] | None = None, *, city: str = "北京市") -> DeliveryDesk:
    """A prescription wants it; nothing has been asked of the carrier yet."""
    async with hospital.database.transaction() as db:
        begun = await a_delivery(db, await rules(db, changes), city=city)
    return await at_its_desk(hospital, begun.id)


async def at_its_desk(hospital: Hospital, delivery_id: UUID) -> DeliveryDesk:
    desk = DeliveryDesk(hospital, delivery_id, DeliveryActivities.load)
    await desk.begin()
    return desk


async def created(hospital: Hospital, changes: Mapping[str, Any] | None = None, *, city: str = "北京市") -> DeliveryDesk:
    """The carrier has the order."""
    desk = await wanted(hospital, changes, city=city)
    await desk.happens()
    return desk


async def seen(desk: DeliveryDesk, *marks: Mark) -> Delivery:
    """The carrier scans the parcel, and it is asked."""
    desk.hospital.logistics.moves(desk.id.hex, *marks)
    return await asked(desk)


async def asked(desk: DeliveryDesk) -> Delivery:
    """The carrier pushes something, and is asked."""
    return await desk.happens(await brought(desk, DeliveryPushed(id=ids.new())))


async def brought(desk: DeliveryDesk, event: News) -> News:
    """As whoever brings news keeps it: a row in the inbox."""
    async with desk.hospital.database.transaction() as db:
        await inbox.bring(db, "delivery", desk.id, event, party="test")
    return event


async def decides(desk: DeliveryDesk, decision: str, **fields: object) -> Delivery:
    """A person of the pharmacy decides."""
    return await desk.happens(wish(Decide, PHARMACY, decision=decision, **fields))


async def returned(hospital: Hospital) -> DeliveryDesk:
    """Refused at the door, and back at the pharmacy."""
    desk = await created(hospital)
    await seen(desk, *FORWARD, Mark.REFUSED, Mark.RETURNING, Mark.DELIVERED)
    return desk


async def overdue(hospital: Hospital, *marks: Mark) -> DeliveryDesk:
    """Nothing was heard for two days."""
    desk = await created(hospital)
    if marks:
        await seen(desk, *marks)
    while desk.state is not DeliveryState.OVERDUE:
        await desk.alarm()
    return desk


async def row(desk: DeliveryDesk) -> DeliveryRow:
    """As it stands in the database."""
    async with desk.hospital.database.reading() as db:
        return await db.get_one(DeliveryRow, desk.id)


async def told(hospital: Hospital, prescription_id: UUID) -> list[tuple[str, str]]:
    """What the prescription was told: of which parcel, and how it ended."""
    async with hospital.database.reading() as db:
        query = select(InboxRow).where(InboxRow.process == "prescription", InboxRow.process_id == prescription_id)
        return [(one.event["delivery_id"], one.event["outcome"]) for one in await db.scalars(query.order_by(InboxRow.created_at))]


def tasks(lines: list[EventDict]) -> list[str]:
    """What an office is told to do by day; nobody is called for anything."""
    assert not [line for line in lines if line["log_level"] == "error"]
    return [line["event"] for line in lines if line["event"] in {"delivery.undeliverable", "delivery.overdue"}]
