"""FHIR searches over the HIS's tables: parameters to SQL, pages by an opaque cursor."""

import base64
import binascii
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlencode

from fastapi import Request

from sandbox.his import elements, exchange, instants
from sandbox.his.outcome import Refusal
from sandbox.store import Store

COUNT_DEFAULT: Final = 100
COUNT_MAX: Final = 500
_COMPARISONS: Final = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, how many rows all pages have, and where the next one is."""

    rows: list[sqlite3.Row]
    total: int
    next_url: str | None


class Search:
    """One search while its parameters are read. Each method takes one parameter of the request; what nobody took is refused.

    Column and table names are written by us, every value of the client is bound.
    """

    def __init__(self, request: Request, store: Store, table: str, *, order: str, newest_first: bool = False) -> None:
        """`order` is an integer or text column; with `id` it gives each row its one place."""
        self._request, self._store, self._table, self._order, self._newest_first = request, store, table, order, newest_first
        self._given: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            self._given.setdefault(name, []).append(value)
        self._clauses: list[str] = []
        self._values: list[object] = []

    def where(self, clause: str, *values: object) -> None:
        """A condition that always holds."""
        self._clauses.append(f"({clause})")
        self._values.extend(values)

    def code(self, name: str, column: str) -> None:
        """A code; `system|code` is taken by its code."""
        self._each(name, lambda value: self._one_of(column, [item.rpartition("|")[2] for item in value.split(",")]))

    def link(self, name: str, kind: str, column: str) -> None:
        """A reference to a resource of that kind, `kind/id` or bare."""

        def clause(value: str) -> None:
            ids = [elements.reference_id(kind, item) for item in value.split(",")]
            if None in ids:
                raise _unreadable(name)
            self._one_of(column, ids)

        self._each(name, clause)

    def number(self, name: str, columns: Mapping[str, str]) -> None:
        """An identifier in the column of its system: `system|value`, the bare value, or `system|` for every one of that system."""

        def clause(value: str) -> None:
            asked_system, _, number = value.rpartition("|")
            asked = [column for system, column in columns.items() if asked_system in ("", system)]
            if number:
                self.where(" OR ".join(f"{column} = ?" for column in asked) or "0", *[number] * len(asked))
            else:
                self.where(" OR ".join(f"{column} IS NOT NULL" for column in asked) or "0")

        self._each(name, clause)

    def moment(self, name: str, column: str) -> None:
        """An instant in a column of milliseconds, with FHIR's prefixes; a bare date is the whole Beijing day."""

        def clause(value: str) -> None:
            prefix, rest = _prefix(value)
            try:
                first, after = instants.parse_range(rest)
            except ValueError as error:
                raise _unreadable(name) from error
            if prefix == "eq":
                self.where(f"{column} >= ? AND {column} < ?", first, after)
            elif prefix in ("ge", "lt"):
                self.where(f"{column} {_COMPARISONS[prefix]} ?", first)
            else:
                self.where(f"{column} {'>=' if prefix == 'gt' else '<'} ?", after)

        self._each(name, clause)

    def day(self, name: str, column: str) -> None:
        """A date in a text column."""

        def clause(value: str) -> None:
            prefix, rest = _prefix(value)
            try:
                day = instants.parse_day(rest).isoformat()
            except ValueError as error:
                raise _unreadable(name) from error
            self.where(f"{column} {_COMPARISONS.get(prefix, '=')} ?", day)

        self._each(name, clause)

    def include(self, known: str) -> bool:
        """Whether the one `_include` that this search knows was asked for."""
        asked = self._given.pop("_include", [])
        if any(item != known for item in asked):
            raise Refusal("not-supported", hint=f"_include={known} only")
        return bool(asked)

    def page(self) -> Page:
        """The page that the request asks for; refused when a parameter is not known or a value unreadable."""
        count = self._count()
        cursor = self._given.pop("_cursor", [None])[0]
        if self._given:
            raise Refusal("not-supported", hint=f"unknown parameter {', '.join(sorted(self._given))}")
        condition = " AND ".join(self._clauses) or "1"
        total = self._store.rows(f"SELECT count(*) FROM {self._table} WHERE {condition}", *self._values)[0][0]  # noqa: S608  names are ours
        values = list(self._values)
        if cursor is not None:
            condition += f" AND ({self._order}, id) {'<' if self._newest_first else '>'} (?, ?)"
            values += _open(cursor)
        way = "DESC" if self._newest_first else "ASC"
        rows = self._store.rows(
            f"SELECT * FROM {self._table} WHERE {condition} ORDER BY {self._order} {way}, id {way} LIMIT ?",  # noqa: S608  names are ours
            *values,
            count + 1,
        )
        more = len(rows) > count
        rows = rows[:count]
        return Page(rows, total, self._next_url(rows[-1]) if more else None)

    def _count(self) -> int:
        asked = self._given.pop("_count", [str(COUNT_DEFAULT)])[0]
        if not asked.isascii() or not asked.isdigit() or len(asked) > 9 or int(asked) == 0:
            raise _unreadable("_count")
        return min(int(asked), COUNT_MAX)

    def _each(self, name: str, clause: Callable[[str], None]) -> None:
        for value in self._given.pop(name, []):
            clause(value)

    def _one_of(self, column: str, values: list[str] | list[str | None]) -> None:
        self.where(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def _next_url(self, last: sqlite3.Row) -> str:
        kept = [(name, value) for name, value in self._request.query_params.multi_items() if name != "_cursor"]
        path = self._request.url.path.rpartition("/")[2]
        return f"{exchange.base_url(self._request)}/{path}?{urlencode([*kept, ('_cursor', _seal(last[self._order], last['id']))])}"


def _prefix(value: str) -> tuple[str, str]:
    return (value[:2], value[2:]) if value[:2] in (*_COMPARISONS, "eq") else ("eq", value)


def _unreadable(name: str) -> Refusal:
    return Refusal("invalid", name, f"value of {name} is not readable")


def _seal(*place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _open(cursor: str) -> list[object]:
    try:
        place: object = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (binascii.Error, ValueError) as error:
        raise _unreadable("_cursor") from error
    items = cast("list[object]", place) if isinstance(place, list) else []
    if len(items) != 2 or not all(isinstance(item, str) or (isinstance(item, int) and abs(item) < 2**62) for item in items):
        raise _unreadable("_cursor")
    return items
