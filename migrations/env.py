"""Alembic's door: a revision a transaction, under time-outs, so that a migration fails at once rather than make visits wait."""

import asyncio
import os
from typing import Any, Final

from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import Table

TIMEOUTS: Final = {"lock_timeout": "4s", "statement_timeout": "30s"}
"""Whoever waits for a lock makes everybody wait who comes after; whoever holds one must be quick (docs/migrations.md)."""
REVISIONS: Final[dict[str, Any]] = {
    "target_metadata": Table.metadata,
    "compare_type": True,
    "compare_server_default": True,
    "transaction_per_migration": True,
}


def run(connection: Connection) -> None:
    context.configure(connection=connection, **REVISIONS)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    engine = create_async_engine(os.environ["FUZHEN_DATABASE_URL"], poolclass=NullPool, connect_args={"server_settings": TIMEOUTS})
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def offline() -> None:
    """The SQL alone, for who reads it before it runs: the gate, and a database's own administrators."""
    context.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, **REVISIONS)
    for name, value in TIMEOUTS.items():
        context.execute(f"set {name} = '{value}'")
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(online())
