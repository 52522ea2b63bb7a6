"""A connection to our PostgreSQL, of the auditor's own."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from typing import Any, Protocol, TypeVar, cast

import asyncpg

_CONNECT_S = 10.0


class Wire(Protocol):
    """As much of asyncpg's connection as is used here; the library has no types of its own."""

    async def fetch(self, query: str, *args: Any) -> list[Mapping[str, Any]]: ...

    async def execute(self, query: str, *args: Any) -> str: ...

    def transaction(self, *, isolation: str, readonly: bool) -> AbstractAsyncContextManager[object]: ...

    async def close(self) -> None: ...


async def connect(database_url: str) -> Wire:
    """By a URL as SQLAlchemy or as PostgreSQL writes it."""
    url = database_url.replace("postgresql+asyncpg://", "postgresql://", 1)
    return cast(Wire, await cast(Any, asyncpg).connect(url, timeout=_CONNECT_S))


R = TypeVar("R")


async def rows(wire: Wire, kind: type[R], order: str = "1") -> list[R]:
    """All of a table, `TABLE` of the dataclass: its fields are the columns."""
    shape = cast(Any, kind)
    names = [field.name for field in fields(shape)]
    found = await wire.fetch(f"select {', '.join(names)} from {shape.TABLE} order by {order}")
    return [kind(**dict(row)) for row in found]
