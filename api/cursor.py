"""Where the next page of a list begins: the last row's place in the list's total order, opaque to the client and bound to its list.

`name` says the list with all its filters (`revisits/<patient>`); a cursor of another list is refused. It is not signed: a place is no
secret, and whose rows a list holds is said by its SQL.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, StringConstraints, TypeAdapter

from models.kernel.errors import DomainError

R = TypeVar("R")
K = TypeVar("K")

LIMIT, LIMIT_MAX = 20, 100
CURSOR_CHARS_MAX = 400

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many rows at most.")]
"""Of one page; a route gives it the default `LIMIT`."""
After = Annotated[str | None, Query(max_length=CURSOR_CHARS_MAX, description="`next` of the page before.")]

_TextId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
_BY_UUID = TypeAdapter(tuple[str, AwareDatetime, UUID])
_BY_TEXT = TypeAdapter(tuple[str, AwareDatetime, _TextId])


def seal_cursor(name: str, at: datetime, id: UUID | str) -> str:
    """The place of a row in a list that is ordered by an instant and an id."""
    place = _BY_TEXT.dump_json((_list_of(name), at, str(id)))
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def open_cursor(name: str, after: str | None) -> tuple[datetime, str] | None:
    """The place that a cursor names; None is the list's beginning. Raises `request.cursor` for what is no cursor of this list."""
    return None if after is None else _opened(_BY_TEXT, name, after)


def open_id_cursor(name: str, after: str | None) -> tuple[datetime, UUID] | None:
    """As `open_cursor`, for lists of rows that have an id of ours."""
    return None if after is None else _opened(_BY_UUID, name, after)


def cut(rows: Sequence[R], limit: int, seal: Callable[[R], str]) -> tuple[Sequence[R], str | None]:
    """A page out of one row more than it shows: the rows, and the cursor of the next page if there is one."""
    page = rows[:limit]
    return page, seal(page[-1]) if len(rows) > limit else None


def _list_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _opened(shape: TypeAdapter[tuple[str, datetime, K]], name: str, after: str) -> tuple[datetime, K]:
    try:
        place = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        of, at, id = shape.validate_json(place)
    except ValueError:  # of base64 or of its content
        raise DomainError("request.cursor", "malformed") from None
    if of != _list_of(name):
        raise DomainError("request.cursor", "malformed")
    return at, id
