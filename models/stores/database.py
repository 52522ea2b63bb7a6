"""The one engine of a process, and the two ways to use it: a transaction, or a read."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from models.kernel.vault import Vault

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Database:
    """`transaction()` commits at its end or not at all; `reading()` is refused every write by PostgreSQL itself."""

    def __init__(self, url: str, vault: Vault, *, pool: int = 20) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            hide_parameters=True,
            connect_args={"timeout": 5, "server_settings": {"application_name": "fuzhen"}},
        )
        self.vault = vault

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False, info={"vault": self.vault}) as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        async with self.engine.connect() as wire:
            await wire.execution_options(postgresql_readonly=True)
            async with AsyncSession(wire, expire_on_commit=False, info={"vault": self.vault}) as session:
                yield session

    async def close(self) -> None:
        await self.engine.dispose()


def vault(db: AsyncSession) -> Vault:
    """The vault that this session's database was opened with."""
    found = db.info["vault"]
    if not isinstance(found, Vault):
        raise TypeError("the session carries no vault")
    return found
