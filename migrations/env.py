"""Alembic's door: one transaction, under a lock time-out, so that a migration never queues behind a long reader."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import Table


def run(connection: Connection) -> None:
    connection.execute(text("set lock_timeout = '4s'"))
    context.configure(connection=connection, target_metadata=Table.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    engine = create_async_engine(os.environ["FUZHEN_DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
