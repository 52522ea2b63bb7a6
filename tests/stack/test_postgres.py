"""A real PostgreSQL out of the wheel: closed to the outside, and up again after any crash."""

import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from stack.data import DataFolder
from stack.errors import PartError, StackError
from stack.ports import free_ports
from stack.postgres import PostgreSQL, embedded_postgres
from tests.stack.leftovers import processes_of


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[PostgreSQL]:
    data = DataFolder(tmp_path / "data")
    with data.held():
        running = PostgreSQL(data, free_ports(1)[0])
        try:
            await running.start()
            yield running
        finally:
            await running.stop()


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[AsyncConnection]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as wire:
        yield wire


async def ask(server: PostgreSQL, question: str) -> object:
    async with connected(server.url) as wire:
        return await wire.scalar(text(question))


async def test_it_comes_up_and_leaves_nothing(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        assert url.startswith("postgresql+asyncpg://")
        assert processes_of(tmp_path)

    assert not processes_of(tmp_path)


async def test_it_listens_on_this_machine_only_and_keeps_utf8(server: PostgreSQL) -> None:
    assert await ask(server, "select current_setting('server_version_num')::int >= 180000")
    assert await ask(server, "show listen_addresses") == "127.0.0.1"
    assert await ask(server, "show fsync") == "on"
    assert await ask(server, "show server_encoding") == "UTF8"
    assert await ask(server, "show timezone") == "UTC"
    assert await ask(server, "show max_connections") == "100"
    assert await ask(server, "select lower('ÄÖ') || upper('复诊é')") == "äö复诊É"


async def test_our_role_owns_its_database_and_is_no_superuser(server: PostgreSQL) -> None:
    assert await ask(server, "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user") is False
    assert await ask(server, "select datdba::regrole::text from pg_database where datname = current_database()") == "fuzhen"
    async with connected(server.url) as wire:
        await wire.execute(text("create extension btree_gist"))
        await wire.execute(text("create extension pg_trgm"))


@pytest.mark.parametrize(("ours", "theirs"), [(":[^:@]+@", ":guessed@"), ("//fuzhen:", "//postgres:")])
async def test_nobody_signs_in_without_the_password_and_nobody_as_superuser(server: PostgreSQL, ours: str, theirs: str) -> None:
    with pytest.raises(DBAPIError, match="password authentication failed"):
        async with connected(re.sub(ours, theirs, server.url)):
            pytest.fail("signed in")


async def test_it_finds_its_rows_after_kill_9_though_its_number_is_someone_elses_now(server: PostgreSQL, tmp_path: Path) -> None:
    async with connected(server.url) as wire:
        await wire.execute(text("create table kept as select 42 as answer"))
        await wire.commit()
    os.kill(server.process.pid, signal.SIGKILL)
    await server.process.ended()
    lock_file = tmp_path / "data" / "postgres" / "postmaster.pid"
    lock_file.write_text(lock_file.read_text().replace(str(server.process.pid), str(os.getpid()), 1))

    await server.start()

    assert await ask(server, "select answer from kept") == 42


async def test_it_ends_what_an_earlier_run_left_on_its_folder(server: PostgreSQL, tmp_path: Path) -> None:
    next_run = PostgreSQL(DataFolder(tmp_path / "data"), free_ports(1)[0])

    await next_run.start()

    assert await server.process.ended() == 0
    assert await ask(next_run, "select 1") == 1
    await next_run.stop()


async def test_killing_it_leaves_none_of_its_backends(server: PostgreSQL, tmp_path: Path) -> None:
    engine = create_async_engine(server.url)
    async with engine.connect():
        await server.kill()

        assert not processes_of(tmp_path)
        await engine.dispose(close=False)


async def test_a_lost_password_is_told_before_anything_is_started(server: PostgreSQL, tmp_path: Path) -> None:
    await server.stop()
    (tmp_path / "data" / "secrets" / "postgres-password").unlink()

    with pytest.raises(StackError, match="postgres-password is gone"):
        await server.start()


async def test_a_start_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    async with embedded_postgres(tmp_path):
        assert not half_made.exists()


async def test_a_database_that_does_not_start_shows_its_own_log(server: PostgreSQL, tmp_path: Path) -> None:
    await server.stop()
    (tmp_path / "data" / "postgres" / "postgresql.conf").write_text("shared_buffers = 'plenty'\n")

    with pytest.raises(PartError, match='invalid value for parameter "shared_buffers"') as failed:
        await server.start()

    assert str(failed.value).startswith("PostgreSQL died with exit code 1")
