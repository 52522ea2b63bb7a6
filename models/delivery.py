"""A parcel with drugs: ordered at the carrier once, followed until it is signed for, and decided by a person when it is not.

What a carrier tells is merged by when and where it was seen, whoever tells it and in whatever order; a parcel never goes back in its
states. Nothing about money is decided by time or by the carrier: a person of the pharmacy does it (`decide`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.kernel import ids
from models.kernel.phone import Phone
from models.kernel.text import Line
from models.process import Alarm, Command, Moves, News, Row


class DeliveryState(StrEnum):
    CREATING = "creating"
    CREATED = "created"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    REFUSED = "refused"
    RETURNING = "returning"
    OVERDUE = "overdue"
    """Nothing was heard of it for too long: an office looks for it."""
    UNDELIVERABLE = "undeliverable"
    """The carrier does not take it: the place, or what we sent."""
    RETURNED = "returned"
    SIGNED = "signed"
    DECIDED = "decided"


_S = DeliveryState


def _to(*after: DeliveryState) -> frozenset[DeliveryState]:
    return frozenset(after)


WAY: Final = (_S.CREATED, _S.PICKED_UP, _S.IN_TRANSIT, _S.OUT_FOR_DELIVERY, _S.REFUSED, _S.RETURNING)
"""In the order of the way; a state of it goes to itself, to a later one, and never back."""
_END_OF_WAY = (_S.RETURNED, _S.SIGNED)
_RANK: Final = {state: rank for rank, state in enumerate((*WAY, *_END_OF_WAY))} | {_S.RETURNED: len(WAY), _S.SIGNED: len(WAY)}


def _onwards(state: DeliveryState) -> frozenset[DeliveryState]:
    return _to(*WAY[WAY.index(state) :], *_END_OF_WAY, _S.OVERDUE)


MOVES = Moves[DeliveryState](
    {
        _S.CREATING: _to(_S.CREATING, _S.CREATED, _S.UNDELIVERABLE),
        **{state: _onwards(state) for state in WAY},
        _S.CREATED: _onwards(_S.CREATED) | _to(_S.DECIDED),
        _S.OVERDUE: _to(*WAY, *_END_OF_WAY, _S.OVERDUE, _S.DECIDED),
        _S.UNDELIVERABLE: _to(*WAY[1:], *_END_OF_WAY, _S.UNDELIVERABLE, _S.DECIDED),
        _S.RETURNED: _to(_S.RETURNED, _S.DECIDED),
        _S.SIGNED: _to(),
        _S.DECIDED: _to(),
    }
)

CARRIERS: Final = {"sf": "顺丰速运"}
"""By the carrier's code, as people read it."""
TASKS: Final = _to(_S.OVERDUE, _S.UNDELIVERABLE, _S.RETURNED)
"""Where a person has to decide."""


class Receiver(BaseModel):
    """To whom and where. Personal, so it is sealed in its row and never in a history."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    name: Line
    phone: Phone
    province: Line
    city: Line
    county: Line
    detail: Line

    @property
    def masked_place(self) -> str:
        """北京市 北京市 东城区 ****"""
        return f"{self.province} {self.city} {self.county} ****"


class Reach(StrEnum):
    """Whether the carrier goes to a place."""

    YES = "yes"
    NO = "no"
    PENDING = "pending"
    """Somebody at the carrier looks at it first."""


class Waybill(BaseModel):
    """An order as the carrier has it."""

    model_config = ConfigDict(frozen=True)
    number: str | None
    """The carrier's own; none where it does not go."""
    reach: Reach


class Mark(StrEnum):
    """What a scan of the carrier means to us; a code that we don't know is `other`, and moves nothing."""

    PICKED_UP = "picked_up"
    TRANSIT = "transit"
    OUT = "out"
    FAILED = "failed"
    """Not handed over, and tried again: the parcel stays on its way."""
    REFUSED = "refused"
    RETURNING = "returning"
    DELIVERED = "delivered"
    """Handed over at the end of the way: to the receiver, or, on the way back, to the sender."""
    OTHER = "other"


_STANDS: Final = {
    Mark.PICKED_UP: _S.PICKED_UP,
    Mark.TRANSIT: _S.IN_TRANSIT,
    Mark.OUT: _S.OUT_FOR_DELIVERY,
    Mark.FAILED: _S.OUT_FOR_DELIVERY,
    Mark.REFUSED: _S.REFUSED,
    Mark.RETURNING: _S.RETURNING,
}


class TrackEvent(BaseModel):
    """Where a parcel was seen. Its text and place are the carrier's words and may name people: sealed in the row."""

    model_config = ConfigDict(frozen=True)
    at: datetime
    sequence: int
    """Its place among what was told with it: decides between two of the same second."""
    mark: Mark
    code: str
    """The carrier's own."""
    place: str
    text: str

    def id_of(self, delivery_id: UUID) -> UUID:
        """The same for the same sight of the same parcel, however often and by whichever way it is told. Its text may be told otherwise."""
        return ids.derived("delivery_track", delivery_id, self.at.timestamp(), self.code, self.place)


def merged(*tellings: Iterable[TrackEvent]) -> tuple[TrackEvent, ...]:
    """All that is known, in the order in which it happened: each sight once, in the words of the last telling."""
    known = {(event.at, event.code, event.place): event for telling in tellings for event in telling}
    return tuple(sorted(known.values(), key=lambda event: (event.at, event.sequence, event.code, event.place)))


def standing(events: Iterable[TrackEvent]) -> DeliveryState:
    """Where a parcel is by all that is known of it, `events` being merged. More knowledge never moves it back."""
    state = _S.CREATED
    for event in events:
        if event.mark is Mark.DELIVERED:
            seen = _S.RETURNED if _RANK[state] in {_RANK[_S.REFUSED], _RANK[_S.RETURNING]} else _S.SIGNED
        else:
            seen = _STANDS.get(event.mark, state)
        if _RANK[seen] > _RANK[state]:
            state = seen
    return state


_NOT_HANDED_OVER: Final = _to(_S.REFUSED, _S.RETURNING, _S.RETURNED, _S.UNDELIVERABLE)


def wants_receiver(state: DeliveryState, events: Sequence[TrackEvent]) -> bool:
    """Whether it was not handed over, as it stands now, so that its receiver should be reached; `events` being merged."""
    understood = [event.mark for event in events if event.mark is not Mark.OTHER]
    return state in _NOT_HANDED_OVER or understood[-1:] == [Mark.FAILED]


class Decision(StrEnum):
    """What a person decides about a parcel that was not handed over."""

    REFUND = "refund"
    RESEND = "resend"
    KEEP = "keep"
    """Neither: the money stays, and the drugs wait at the pharmacy."""


class Decide(Command):
    """A person of the pharmacy decides. For another address the parcel is sent to, that address is stored first."""

    kind: Literal["decide"] = "decide"
    allowed_in = TASKS | _to(_S.CREATED)
    decision: Decision
    address_id: UUID | None = None


class DeliveryPushed(News):
    """The carrier says that something has happened: only a reason to ask it."""

    kind: Literal["delivery_pushed"] = "delivery_pushed"


DeliveryEvent = Annotated[Decide | DeliveryPushed | Alarm, Field(discriminator="kind")]
COMMANDS: tuple[type[Command], ...] = (Decide,)


class Delivery(Row[DeliveryState, DeliveryEvent]):
    """The row of `delivery/<id>`; its id is that of prescription and attempt, and in 32 hex digits the carrier's order number."""

    visit_id: UUID
    prescription_id: UUID
    trouble: str | None = None
    """Why the carrier does not take it."""
