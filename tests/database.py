"""A real PostgreSQL for the tests of one process: migrated once into a template, cloned in some 20 ms for who needs one of its own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from models.kernel import ids
from models.kernel.vault import Vault
from models.stores.database import Asked, Database, put
from stack.postgres import embedded_postgres

PROJECT = Path(__file__).resolve().parent.parent


class Server:
    """One PostgreSQL with a template that nobody is connected to."""

    def __init__(self, url: str) -> None:
        self._template = make_url(url)

    @asynccontextmanager
    async def clone(self) -> AsyncGenerator[str]:
        """A database of one's own, as the migrations left it; its URL for SQLAlchemy."""
        name = f"test_{ids.new().hex}"
        await self._order(f"create database {name} template {self._template.database} strategy file_copy")
        try:
            yield self._template.set(database=name).render_as_string(hide_password=False)
        finally:
            await self._order(f"drop database {name} with (force)")

    async def _order(self, statement: str) -> None:
        beside = create_async_engine(self._template.set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with beside.connect() as wire:
            await wire.execute(text(statement))


@asynccontextmanager
async def migrated_server(folder: Path) -> AsyncGenerator[Server]:
    """Up and migrated by Alembic, as every installation is: never by `create_all`."""
    async with embedded_postgres(folder) as url:
        migrations = Config(PROJECT / "alembic.ini")
        migrations.set_main_option("path_separator", "os")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("FUZHEN_DATABASE_URL", url)
            await asyncio.to_thread(command.upgrade, migrations, "head")
        yield Server(url)


class RolledBack(Database):
    """The `Database` of one test: each transaction is a savepoint, each reading a savepoint that PostgreSQL refuses every write in.

    It stands on one connection, so uses of it take turns: for races there is `own_database`.
    """

    def __init__(self, wire: AsyncConnection, vault: Vault) -> None:
        self.engine, self.vault = wire.engine, vault
        self._wire, self._turn = wire, asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with self._turn, session(self._wire, self.vault) as db, db.begin():
            yield db

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        async with self._turn, self._wire.begin_nested() as savepoint:
            await self._wire.execute(text("set local transaction_read_only = on"))
            async with session(self._wire, self.vault) as db:
                yield db
            await savepoint.rollback()

    async def ask(self, asked: Asked, values: Mapping[str, object]) -> Sequence[Any]:
        async with self._turn:
            return await put(self._wire, asked, values)

    async def close(self) -> None:
        """The test closes what it opened."""


def session(wire: AsyncConnection, vault: Vault) -> AsyncSession:
    """A session inside the transaction that a connection is already in."""
    return AsyncSession(wire, join_transaction_mode="create_savepoint", expire_on_commit=False, info={"vault": vault})
