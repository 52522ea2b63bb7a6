"""What stands in a column as JSON has the form that others read there."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind


def check(books: Books) -> Iterator[Finding]:
    """Each of them. Nothing of what stands there is told."""
    for row, column, value, reads in _read(books):
        try:
            reads(json.loads(value))
        except (ValueError, KeyError, TypeError, AttributeError):
            of = getattr(row, "id", None) or row.version
            visit = next((one for name in ("revisit_id", "process_id") if (one := getattr(row, name, None)) in books.visits), None)
            about = f"{row.TABLE}={of} column={column}"
            yield Finding(kind=Kind.ROW_ILLEGIBLE, about=about, ours="cannot be understood", theirs="can", visit=visit)


def _read(books: Books) -> Iterator[tuple[Any, str, str, Callable[[Any], object]]]:
    """Rows, a column of theirs, what stands in it, and how others read it."""
    our = books.ours
    yield from ((one, "file_ids", one.file_ids, _numbers) for one in our.left.intakes)
    yield from ((one, "answers", one.answers, _fields) for one in our.left.answers)
    yield from ((one, "event", one.event, _fields) for one in our.inbox)
    yield from ((one, "rules", one.rules, _times) for one in our.left.policies)


def _fields(found: Mapping[str, object]) -> object:
    return found.items()


def _numbers(found: Sequence[str]) -> object:
    return [UUID(one) for one in found]


def _times(found: Mapping[str, int]) -> object:
    return found["enter_s"] // 60 + found["calls_max"]
