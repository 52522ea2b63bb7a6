"""配送 (P-8): where a parcel is, for its patient; and what waits for the pharmacy's decision. Names, phones and addresses are masked."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator

from api.act import ActionOut, on_delivery, wish
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent
from api.pathways import AskPathways
from api.problems import problems
from api.security import may
from api.wiring import Body, Reading, Wired, wrong
from models.account import Principal
from models.delivery import CARRIERS, COMMANDS, MOVES, TASKS, Decide, Decision, DeliveryState, Mark, Receiver, TrackEvent
from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.phone import Phone
from models.kernel.text import Line, masked_name, masked_phone
from models.process import allowed
from models.stores import audit, timeline
from models.stores import delivery as deliveries
from models.stores.reader import Reach
from models.timeline_delivery import DECISION_TEXTS, DELIVERY_TEXTS, MARK_TEXTS

router = APIRouter(tags=["delivery"])
MayRead = Annotated[Principal, Depends(may("delivery:read", "delivery:read_any"))]
MayReadAny = Annotated[Principal, Depends(may("delivery:read_any"))]
MayDecide = Annotated[Principal, Depends(may("delivery:decide"))]

Standing = Literal["tasks", "running", "ended"]
_STANDINGS: Final[dict[Standing, frozenset[DeliveryState]]] = {
    "tasks": TASKS,
    "running": frozenset(DeliveryState) - MOVES.ends(),
    "ended": MOVES.ends(),
}


def _reach(me: Principal) -> Reach:
    return Reach(me.account_id, as_patient=me.may("delivery:read"), everywhere=me.may("delivery:read_any"))


class SeenOut(BaseModel):
    """A sight of the parcel: our word for it, and the carrier's own."""

    at: datetime
    mark: Mark
    title: Annotated[str, Field(examples=["派送中"])]
    place: str
    text: str


class DeliveryOut(BaseModel):
    """A parcel as lists show it."""

    id: UUID
    revisit_id: UUID
    prescription_id: UUID
    attempt: int = Field(description="0 is the first; each time it was sent again, one more.")
    state: DeliveryState
    state_text: Annotated[str, Field(examples=["运输中"])]
    carrier: Annotated[str, Field(examples=["顺丰速运"])]
    waybill: str | None = Field(description="运单号, once the carrier has given it.")
    receiver: Annotated[str, Field(examples=["张**"])]
    phone: Annotated[str, Field(examples=["138****0001"])]
    place: Annotated[str, Field(examples=["北京市 北京市 东城区 ****"])]
    decision: Decision | None
    decision_text: str | None
    resent_as: UUID | None = Field(description="The parcel that was sent in its stead.")
    created_at: datetime
    moved_at: datetime
    version: int


class TaskOut(DeliveryOut):
    """As the pharmacy reads it: why it waits, and what may be asked."""

    trouble: Annotated[str | None, Field(examples=["delivery.unreachable"])]
    allowed: list[str]


class ParcelOut(TaskOut):
    """One parcel, with where it was seen, oldest first. `trouble` and `allowed` are the pharmacy's."""

    seen: list[SeenOut]


class DeliveriesOut(BaseModel):
    """Who has waited longest comes first; `next` is the cursor of the following page."""

    items: list[TaskOut]
    next: str | None


def _task(one: deliveries.Told, *, staff: bool = True) -> TaskOut:
    resent = one.decision is Decision.RESEND
    return TaskOut(
        id=one.id,
        revisit_id=one.visit_id,
        prescription_id=one.prescription_id,
        attempt=one.attempt,
        state=one.state,
        state_text=DELIVERY_TEXTS[one.state],
        carrier=CARRIERS[one.carrier],
        waybill=one.waybill,
        receiver=masked_name(one.receiver.name),
        phone=masked_phone(one.receiver.phone),
        place=one.receiver.masked_place,
        decision=one.decision,
        decision_text=DECISION_TEXTS[one.decision] if one.decision else None,
        resent_as=deliveries.id_of(one.prescription_id, one.attempt + 1) if resent else None,
        created_at=one.created_at,
        moved_at=one.moved_at,
        version=one.version,
        trouble=one.trouble if staff else None,
        allowed=allowed(one.state, COMMANDS) if staff else [],
    )


def _seen(event: TrackEvent, state: DeliveryState) -> SeenOut:
    came_back = event.mark is Mark.DELIVERED and state not in {DeliveryState.SIGNED}
    title = DELIVERY_TEXTS[DeliveryState.RETURNED] if came_back else MARK_TEXTS[event.mark]
    return SeenOut(at=event.at, mark=event.mark, title=title, place=event.place, text=event.text)


@router.get("/v1/deliveries", responses=problems(malformed=("request.cursor",)))
async def listed(
    me: MayReadAny,
    db: Reading,
    standing: Annotated[Standing, Query(description="`tasks` wait for a person; they are `running` too.")] = "tasks",
    after: After = None,
    limit: Limit = 20,
) -> DeliveriesOut:
    """配送管理: what waits for a decision, what is on its way, what has ended."""
    name = f"deliveries/{standing}"
    found = await deliveries.listed(db, _STANDINGS[standing], _reach(me), open_id_cursor(name, after), limit + 1)
    page, further = cut(found, limit, lambda one: seal_cursor(name, one.moved_at, one.id))
    return DeliveriesOut(items=[_task(one) for one in page], next=further)


@router.get("/v1/deliveries/{delivery_id}", responses=problems(missing=("delivery.missing",)))
async def one(delivery_id: UUID, me: MayRead, db: Reading) -> ParcelOut:
    """物流详情: the patient's own, or any for the pharmacy."""
    told = await deliveries.told(db, delivery_id, _reach(me))
    events = await deliveries.tracks(db, delivery_id)
    task = _task(told, staff=me.may("delivery:read_any"))
    return ParcelOut(**dict(task), seen=[_seen(event, told.state) for event in events])


class ReceiverOut(BaseModel):
    """收件信息, unmasked."""

    name: str
    phone: str
    province: str
    city: str
    county: str
    detail: str


@router.get("/v1/deliveries/{delivery_id}/receiver", responses=problems(missing=("delivery.missing",), conflict=("delivery.not_now",)))
async def receiver(delivery_id: UUID, me: MayDecide, wiring: Wired) -> ReceiverOut:
    """Whom the pharmacy rings up about a parcel that waits for its decision, and of no other; each reading leaves an audit row first."""
    async with wiring.database.reading() as db:
        told = await deliveries.told(db, delivery_id, _reach(me))
    if told.state not in TASKS:
        raise DomainError("delivery.not_now", "conflict")
    async with wiring.database.transaction() as db:
        await audit.record(db, me.account_id, "delivery:receiver", "delivery", delivery_id, "pharmacy")
    return ReceiverOut.model_validate(told.receiver, from_attributes=True)


class ReceiverIn(Body):
    """收件信息: to whom and where."""

    name: Line
    phone: Phone
    province: Line
    city: Line
    county: Line
    detail: Line

    def receiver(self) -> Receiver:
        return Receiver.model_validate(self.model_dump())


class DecideIn(Body):
    """What becomes of it; sent again it may go to another address."""

    decision: Decision
    receiver: ReceiverIn | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.receiver and self.decision is not Decision.RESEND:
            raise wrong("receiver", "extra_forbidden")
        return self


@router.post(
    "/v1/deliveries/{delivery_id}/decide",
    response_model=ActionOut,
    responses=problems(
        conflict=("delivery.not_now", "process.busy", "delivery.picked_up", "delivery.moved_on"),
        missing=("delivery.missing",),
    ),
)
async def decide(delivery_id: UUID, body: DecideIn, me: MayDecide, intent: Intent, pathways: AskPathways, wiring: Wired) -> ActionOut:
    """退药退费, 重新配送 or 留存药房, of what was not handed over. The address is stored first, its id travels."""
    reach, address_id = _reach(me), None
    if body.receiver:
        address_id = ids.derived("delivery_address", intent.id, intent.body)
        async with wiring.database.transaction() as db:
            where = await timeline.delivery(db, delivery_id, reach)
            if where.state in Decide.allowed_in:
                await deliveries.keep_address(db, address_id, me.account_id, body.receiver.receiver())
    return await on_delivery(pathways, delivery_id, reach, intent, wish(Decide, intent, decision=body.decision, address_id=address_id))
