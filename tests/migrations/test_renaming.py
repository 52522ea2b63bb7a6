"""The worked example of docs/migrations.md: a visit's state changes its name under visits that run. Rows of every state, three releases."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from models.account import Role
from models.kernel import ids
from models.kernel.vault import Vault
from models.revisit import Accept, State
from models.stores import build as builds
from models.stores import inbox
from models.stores.database import Database
from tests.account.builders import a_staff_member
from tests.builders import rules
from tests.database import Server
from tests.migrations.at_work import MANAGER, Json, elsewhere, go_on, look
from tests.migrations.releases import CONTRACT, EXPAND, revisions, second_release, third_release
from tests.migrations.revisions import line, objections, sql_of, upgrade
from tests.migrations.test_locks import waits_for_a_lock
from tests.queue.builders import in_list
from tests.schedule.builders import a_clinic, a_doctor, at

EACH = 2
OLD_BUILD, NEW_BUILD = "0123456789abcdef", "fedcba9876543210"
OLD, NEW = "waiting", "queueing"


class House:
    """A database with visits in every state; programs of this build come and go on it."""

    def __init__(self, url: str, vault: Vault, example: Path) -> None:
        self.url, self.vault, self.example = url, vault, example
        self.first = Database(url, vault)
        self.accepted = ids.new()
        """A doctor's wish that got no answer yet."""

    async def fill(self) -> None:
        async with self.first.transaction() as db:
            await rules(db)
            await builds.seen(db, OLD_BUILD)
            account_id, _ = await a_staff_member(db), await a_staff_member(db, Role.MANAGEMENT, login=MANAGER)
            clinic = await a_clinic(db, await a_doctor(db, account_id))
            visits = [await in_list(db, clinic, state, checked_in_at=at(9, number)) for state in State for number in range(EACH)]
            [waits, *_] = [id for id, state in zip(visits, (one for one in State for _ in range(EACH)), strict=True) if state == OLD]
            await inbox.keep_command(db, "revisit", waits, Accept(id=self.accepted, by=account_id))

    async def migrate(self, to: str) -> None:
        await upgrade(self.url, self.example, to=to)

    async def one(self, statement: str, **values: object) -> object:
        engine = create_async_engine(self.url)
        async with engine.connect() as wire:
            found = await wire.scalar(text(statement), values)
        await engine.dispose()
        return found

    async def count(self, state: str) -> object:
        return await self.one("select count(*) from revisit where state = :state", state=state)

    async def old_name_in(self, what: str) -> object:
        return await self.one(f"select count(*) from {what} like '%''{OLD}''%'")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return revisions(tmp_path_factory.mktemp("example") / "revisions")


@pytest_asyncio.fixture
async def house(server: Server, vault: Vault, example: Path) -> AsyncIterator[House]:
    async with server.clone() as url:
        filled = House(url, vault, example)
        await filled.fill()
        yield filled
        await filled.first.close()


def one_before(example: Path, revision: str) -> str:
    found = [one.revision for one in line(example)]
    return found[found.index(revision) - 1]


def renamed(seen: Json) -> Json:
    """What the next release shows of the same rows: where a visit stands has another word, what people read has not."""
    screens = {id: one | {"state": NEW if one["state"] == OLD else one["state"]} for id, one in seen["screens"].items()}
    return seen | {"screens": screens}


@pytest.mark.parametrize("revision", [EXPAND, CONTRACT])
def test_the_example_passes_the_gate(example: Path, revision: str) -> None:
    [found] = [one for one in line(example) if one.revision == revision]

    assert objections(sql_of(found, example)) == []


@pytest.mark.long
async def test_visits_in_every_state_change_the_name_of_one_and_end(house: House, tmp_path: Path) -> None:
    second, third = second_release(tmp_path / "second"), third_release(tmp_path / "third")
    before = await look(house.first)
    assert len(before["queue"]) == EACH
    assert {one["state"] for one in before["screens"].values()} == set(State)

    # The second release: its migration first, then its programs beside those of the first.
    await house.migrate(EXPAND)
    assert await look(house.first) == before
    seen, went, then, tables = await elsewhere(second, house.url, "look", "go_on", "look", "tables")
    assert seen == renamed(before)
    assert went["done"] == [str(await house.one("select process_id from inbox"))]
    assert tables == {"differs": []}

    # Put back: what the second wrote is read by the first, which goes on.
    between = await look(house.first)
    assert renamed(between) == then
    assert len(between["queue"]) == EACH
    assert NEW not in str(between)
    await go_on(house.first)
    assert await house.count(OLD) == EACH
    last = await look(house.first)
    await house.first.close()

    # The third release: its migration, when nobody of the first is left; then its programs beside those of the second.
    await house.migrate(CONTRACT)
    assert await house.count(OLD) == 0
    seen, _, then = await elsewhere(second, house.url, "look", "go_on", "look")
    assert seen == renamed(last)
    also, _, after, tables = await elsewhere(third, house.url, "look", "end", "look", "tables")
    assert also == then
    assert tables == {"differs": []}

    assert {one["state"] for one in after["screens"].values()} == {"closed", "cancelled", "refused", "declined", "absent", "suspended"}
    assert await house.one("select outcome from inbox") == "done"
    assert await house.old_name_in("pg_constraint where pg_get_constraintdef(oid)") == 0
    assert await house.old_name_in("pg_indexes where indexdef") == 0
    assert await house.old_name_in("pg_proc where prosrc") == 0
    assert await house.one(f"select count(*) from timeline where '{OLD}' in (before, after)"), "what was written stays as it was written"


@asynccontextmanager
async def a_worker_of(build: str, url: str) -> AsyncGenerator[None]:
    """It says that it lives, by a connection that was lost and made again after the expand."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as wire:
        await wire.execute(text("select pg_advisory_lock_shared(:room, :build)"), builds.lock_of(build))
        yield
        await wire.invalidate()


async def test_no_row_says_the_new_name_while_a_worker_lives_that_cannot_read_it(house: House) -> None:
    await house.first.close()
    await house.migrate(EXPAND)

    async with a_worker_of(OLD_BUILD, house.url):
        with pytest.raises(DBAPIError, match=f"a worker of build {OLD_BUILD}"):
            await house.migrate(CONTRACT)
        assert await house.count(OLD) == EACH

    await house.migrate(CONTRACT)
    assert (await house.count(OLD), await house.count(NEW)) == (0, EACH)


async def test_nor_while_another_program_is_there_from_before_the_expand(house: House) -> None:
    await house.migrate(EXPAND)

    with pytest.raises(DBAPIError, match=r"a program at 127\.0\.0\.1"):
        await house.migrate(CONTRACT)

    await house.first.close()
    await house.migrate(CONTRACT)


async def test_what_the_second_release_is_writing_meanwhile_is_moved_too(house: House) -> None:
    await house.first.close()
    await house.migrate(EXPAND)
    second = Database(house.url, house.vault)
    async with second.transaction() as db:
        await builds.seen(db, NEW_BUILD)

    async with a_worker_of(NEW_BUILD, house.url):
        async with second.transaction() as db:
            await db.execute(text(f"update revisit set state = '{NEW}', version = version + 1 where state = 'booked'"))
            contract = asyncio.create_task(house.migrate(CONTRACT))
            await waits_for_a_lock(second)
        await contract
    await second.close()

    assert (await house.count(OLD), await house.count(NEW)) == (0, 2 * EACH)


@pytest.mark.parametrize("revision", [EXPAND, CONTRACT])
async def test_cut_off_before_its_end_it_is_run_again(house: House, revision: str) -> None:
    await house.first.close()
    await house.migrate(revision)
    engine = create_async_engine(house.url)
    async with engine.begin() as wire:
        await wire.execute(text("update alembic_version set version_num = :before"), {"before": one_before(house.example, revision)})
    await engine.dispose()

    await house.migrate(revision)

    assert await house.count(OLD if revision == EXPAND else NEW) == EACH
