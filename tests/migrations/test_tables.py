"""The database that the migrations made against the tables of the code: nothing differs, down to checks and the predicates of indexes."""

from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from models.tables import Table
from tests.database import Server
from tests.migrations.revisions import differences, line, sql_of

TOLD = """
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = to_regnamespace(:schema) and contype not in ('n', 't')
union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = cast(:schema as text)
union all select 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default)
  from information_schema.columns where table_schema = cast(:schema as text)
"""
"""What Alembic does not compare is compared too: checks (each enum has one), predicates of indexes, all as PostgreSQL itself says them."""

DRIFTS = {
    "a state that the code does not have": """
        alter table revisit drop constraint ck_revisit_state, add constraint ck_revisit_state check (state in ('checking'))""",
    "no check": "alter table refund drop constraint ck_refund_cause",
    "other ends": "drop index ix_charge_swept_at; create index ix_charge_swept_at on charge (swept_at) where state = 'open'",
    "another default": "alter table revisit alter column calls set default 1",
    "a check not validated": """
        alter table refund drop constraint ck_refund_amount, add constraint ck_refund_amount check (amount_fen > 0) not valid""",
}


async def told(wire: AsyncConnection, schema: str) -> set[tuple[str, ...]]:
    rows = await wire.execute(text(TOLD), {"schema": schema})
    return {tuple(str(value).replace(f"{schema}.", "") for value in row) for row in rows if "alembic_version" not in row[1]}


async def as_the_code_has_them(wire: AsyncConnection) -> set[tuple[str, ...]]:
    """The tables made by the code in a schema of their own, which goes with the test's transaction."""
    await wire.execute(text("create schema code"))
    elsewhere = await wire.execution_options(schema_translate_map={None: "code"})
    await elsewhere.run_sync(Table.metadata.create_all)
    await wire.execution_options(schema_translate_map={})
    return await told(wire, "code")


async def test_alembic_would_change_nothing(server: Server) -> None:
    async with server.clone() as url:
        await differences(url)


async def test_alembic_would_say_so(server: Server) -> None:
    async with server.clone() as url:
        engine = create_async_engine(url)
        async with engine.begin() as wire:
            await wire.execute(text("alter table revisit drop column calls"))
        await engine.dispose()
        with pytest.raises(CommandError, match="revisit"):
            await differences(url)


async def test_each_constraint_index_and_column_is_that_of_the_code(wire: AsyncConnection) -> None:
    code = await as_the_code_has_them(wire)
    database = await told(wire, "public")

    assert len(code) > 200
    assert database == code


async def test_the_sql_alone_makes_the_same_database(server: Server) -> None:
    """For whoever reads migrations before they run, and runs them by hand."""
    script = "".join(sql_of(revision) for revision in line())
    async with server.clone() as url:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        async with engine.connect() as wire:
            made = await told(wire, "public")
            driver: Any = (await wire.get_raw_connection()).driver_connection
            await driver.execute("drop schema public cascade; create schema public")
            for statement in filter(str.strip, script.split(";\n\n")):  # as psql sends them: an index is built in no transaction
                await driver.execute(statement)
            assert await told(wire, "public") == made
            assert await wire.scalar(text("select version_num from alembic_version")) == line()[-1].revision
        await engine.dispose()


@pytest.mark.parametrize("drift", DRIFTS)
async def test_what_differs_is_seen(wire: AsyncConnection, drift: str) -> None:
    for statement in DRIFTS[drift].split(";"):
        await wire.execute(text(statement))

    assert await told(wire, "public") != await as_the_code_has_them(wire)
