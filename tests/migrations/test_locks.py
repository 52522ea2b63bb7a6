"""A migration that cannot have its lock at once fails within seconds, and who came behind it goes on; run again, it succeeds."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.builders import a_visit
from tests.migrations.revisions import upgrade, write

GIVES_UP_WITHIN_S = 6.0
"""A step's attempt has eight."""
ADDS_A_COLUMN = "op.add_column('revisit', sa.Column('ward', sa.Text()))"


async def moved(database: Database) -> None:
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).values(version=RevisitRow.version + 1))


async def waits_for_a_lock(database: Database) -> None:
    """Until PostgreSQL says so of the migration."""
    async with asyncio.timeout(5), database.engine.connect() as wire:
        while not await wire.scalar(text("select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'")):
            await wire.rollback()


async def columns(database: Database) -> set[str]:
    async with database.reading() as db:
        return set(await db.scalars(text("select column_name from information_schema.columns where table_name = 'revisit'")))


async def test_behind_a_long_reader_it_gives_up_and_visits_go_on(own_database: Database, tmp_path: Path) -> None:
    url = own_database.engine.url.render_as_string(hide_password=False)
    write(tmp_path, "ward", ADDS_A_COLUMN)
    async with own_database.transaction() as db:
        await a_visit(db)

    async with own_database.reading() as reader:
        await reader.execute(text("select count(*) from revisit"))
        began = time.monotonic()
        migration = asyncio.create_task(upgrade(url, tmp_path))
        await waits_for_a_lock(own_database)
        await moved(own_database)  # stands behind the migration, and is let go by it
        with pytest.raises(DBAPIError, match="lock timeout"):
            await migration
        assert time.monotonic() - began < GIVES_UP_WITHIN_S
        assert "ward" not in await columns(own_database)

    await upgrade(url, tmp_path)
    assert "ward" in await columns(own_database)


async def test_a_statement_that_holds_its_lock_for_long_would_be_cut_off(own_database: Database, tmp_path: Path) -> None:
    url = own_database.engine.url.render_as_string(hide_password=False)
    write(tmp_path, "told", "op.execute(\"create table told as select current_setting('statement_timeout') as after\")")

    await upgrade(url, tmp_path)

    async with own_database.reading() as db:
        assert await db.scalar(text("select after from told")) == "30s"


async def test_what_a_failed_migration_did_is_undone_and_what_came_before_it_stands(own_database: Database, tmp_path: Path) -> None:
    url = own_database.engine.url.render_as_string(hide_password=False)
    write(tmp_path, "ward", ADDS_A_COLUMN)
    write(tmp_path, "bed", "op.add_column('revisit', sa.Column('bed', sa.Text()))\nop.execute('select 1/0')", after="ward")

    with pytest.raises(DBAPIError, match="division by zero"):
        await upgrade(url, tmp_path)

    assert {"ward", "bed"} & await columns(own_database) == {"ward"}
