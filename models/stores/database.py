"""The one engine of a process, and the ways to use it: a transaction, a read, or one statement by itself."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import Select, text
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from models.kernel.vault import Vault

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Asked:
    """A question that is put often: written once, not each time that it is asked, and asked without a session around it.

    Its values come as the driver gives them: JSON as text, enums as words.
    """

    def __init__(self, question: Select[Any]) -> None:
        written = question.compile(dialect=asyncpg.dialect())
        self.sql = written.string
        self._names = tuple(written.positiontup or ())
        self._given = {name: one.effective_value for name, one in written.binds.items() if not one.required}

    def values(self, asked: Mapping[str, object]) -> list[object]:
        """In the order of the statement's places."""
        values = self._given | dict(asked)
        return [values[name] for name in self._names]


Ask = Callable[[Asked, Mapping[str, object]], Awaitable[Sequence[Any]]]
"""`Database.ask`: the rows."""
PREPARED = 500
"""Statements that a connection keeps prepared: a visit with prescription and parcel asks some 160 different ones, and then the next."""
KEPT = "kept"
"""In a session's `info`: what never changes once it is read, for the life of the process."""


class Database:
    """`transaction()` commits at its end or not at all; `reading()` is refused every write by PostgreSQL itself; `ask()` is one question,
    at one moment, on the way to PostgreSQL and back."""

    def __init__(self, url: str, vault: Vault, *, pool: int = 20) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            hide_parameters=True,
            connect_args={"timeout": 5, "server_settings": {"application_name": "fuzhen"}, "prepared_statement_cache_size": PREPARED},
        )
        self.vault = vault
        self._info = {"vault": vault, KEPT: dict[str, object]()}

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False, info=self._info) as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        async with self.engine.connect() as wire:
            await wire.execution_options(postgresql_readonly=True)
            async with AsyncSession(wire, expire_on_commit=False, info=self._info) as session:
                yield session

    async def ask(self, asked: Asked, values: Mapping[str, object]) -> Sequence[Any]:
        """The rows. PostgreSQL makes one statement a transaction of its own: there is none to begin and to end around it."""
        async with self.engine.connect() as wire:
            try:
                return await put(wire, asked, values)
            except Exception:
                await wire.execute(text("select 1"))  # whether it is the connection that is lost: then the pool has to know
                raise

    async def close(self) -> None:
        await self.engine.dispose()


async def put(wire: AsyncConnection, asked: Asked, values: Mapping[str, object]) -> Sequence[Any]:
    """The question by the driver itself."""
    driver: Any = (await wire.get_raw_connection()).driver_connection
    return await driver.fetch(asked.sql, *asked.values(values))


def vault(db: AsyncSession) -> Vault:
    """The vault that this session's database was opened with."""
    found = db.info["vault"]
    if not isinstance(found, Vault):
        raise TypeError("the session carries no vault")
    return found
