"""A connection to our PostgreSQL, of the auditor's own."""

from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import fields
from typing import Any, Protocol, TypeVar, cast

import asyncpg

_CONNECT_S = 10.0
_SQL = cast(Any, asyncpg)


class AwayError(Exception):
    """Our database, or the outside's pages, cannot be read: nothing can be said of them."""


class Wire(Protocol):
    """As much of asyncpg's connection as is used here; the library has no types of its own."""

    async def fetch(self, query: str, *args: Any) -> list[Mapping[str, Any]]: ...

    async def execute(self, query: str, *args: Any) -> str: ...

    def transaction(self, *, isolation: str, readonly: bool) -> AbstractAsyncContextManager[object]: ...

    async def close(self) -> None: ...


async def connect(database_url: str) -> Wire:
    """By a URL as SQLAlchemy or as PostgreSQL writes it. Raises `AwayError`."""
    url = database_url.replace("postgresql+asyncpg://", "postgresql://", 1)
    with reading():
        return cast(Wire, await _SQL.connect(url, timeout=_CONNECT_S))


@contextmanager
def reading() -> Generator[None]:
    """Whatever PostgreSQL or the way there will not let us read is an `AwayError`, with a sentence."""
    try:
        yield
    except (OSError, TimeoutError, _SQL.PostgresError, _SQL.InterfaceError) as fault:
        raise AwayError(f"Our database cannot be read: {type(fault).__name__}: {' '.join(str(fault).split())}") from fault


R = TypeVar("R")


async def rows(wire: Wire, kind: type[R], order: str = "1") -> list[R]:
    """All of a table, `TABLE` of the dataclass: its fields are the columns."""
    shape = cast(Any, kind)
    names = [field.name for field in fields(shape)]
    with reading():
        found = await wire.fetch(f"select {', '.join(names)} from {shape.TABLE} order by {order}")
    return [kind(**dict(row)) for row in found]
