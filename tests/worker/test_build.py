"""Builds: what makes a new one, which has workers, which is the newest."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from models.stores import build as builds
from models.stores.database import Database
from tests.house.rooms import HOUSE
from worker.build import Standing, build_of

ROOMS = ("workflows", "activities", "models", "api")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(HOUSE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    "file", ["workflows/revisit.py", "workflows/process.py", "activities/queue.py", "models/revisit.py", "models/kernel/ids.py"]
)
def test_what_workflows_import_makes_a_new_build(house: Path, file: str) -> None:
    before = build_of(house)

    (house / file).write_text((house / file).read_text() + "\n# changed\n")

    assert before == build_of(HOUSE)
    assert build_of(house) != before


@pytest.mark.parametrize("file", ["models/stores/revisit.py", "models/tables/revisit.py", "api/app.py"])
def test_what_they_do_not_import_makes_none(house: Path, file: str) -> None:
    (house / file).write_text((house / file).read_text() + "\n# changed\n")

    assert build_of(house) == build_of(HOUSE)


def test_a_run_goes_on_elsewhere_only_when_another_build_is_current() -> None:
    standing = Standing("b" * 16, frozenset({"a" * 16}))

    assert standing.outdated("a" * 16)
    assert not standing.outdated("b" * 16)
    assert not standing.outdated(""), "not begun yet, it goes to the current build by itself"
    assert not Standing(None, frozenset()).outdated("a" * 16)


async def test_a_build_lives_as_long_as_one_of_its_workers_does(own_database: Database) -> None:
    old, new = "0123456789abcdef", "fedcba9876543210"
    for build in (old, new, old):
        async with own_database.transaction() as db:
            await builds.seen(db, build)

    async def alive() -> frozenset[str]:
        async with own_database.reading() as db:
            return await builds.alive(db)

    assert await alive() == frozenset()
    async with own_database.engine.connect() as first, own_database.engine.connect() as second:
        for wire in (first, second):
            await wire.execute(text("select pg_advisory_lock_shared(:room, :build)"), builds.lock_of(old))
        assert await alive() == {old}
        await first.invalidate()
        assert await alive() == {old}
        await second.invalidate()
    assert await alive() == frozenset()
    async with own_database.reading() as db:
        assert await builds.newest(db) == new, "one that comes back keeps its age"
