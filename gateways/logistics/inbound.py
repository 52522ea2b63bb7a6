"""What SF pushes to us: read, and no more; no I/O. The wire has no signature [G], so a push proves nothing: it is a knock.

Whoever takes it believes its numbers only when both are those of one order of ours, and its news only when the carrier, asked, says so.
"""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from models.kernel.errors import DomainError

PUSHES_MAX = 200
"""In one message."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A parcel of which something is told: by our order's number and the carrier's."""

    order_no: str
    waybill: str
    push_id: str
    """Of the carrier; the same when it repeats the push."""


class _Route(BaseModel):
    id: str | int
    mailno: str
    orderid: str


class _Body(BaseModel):
    WaybillRoute: list[_Route]


class _Push(BaseModel):
    Body: _Body


def read_push(body: bytes) -> list[Pushed]:
    """The parcels that a push tells of [B], each once, by its last line. Refused `logistics.malformed`."""
    try:
        routes = _Push.model_validate(json.loads(body)).Body.WaybillRoute
    except (ValidationError, ValueError, RecursionError):
        raise DomainError("logistics.malformed", "malformed") from None  # its text would quote the push
    if not routes or len(routes) > PUSHES_MAX:
        raise DomainError("logistics.malformed", "malformed")
    told = {(route.orderid, route.mailno): Pushed(route.orderid, route.mailno, str(route.id)) for route in routes}
    return list(told.values())
