"""A backup is whole and proves it; what cannot be done is said in a sentence, and leaves nothing anywhere."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from stack.backup import Manifest, backup, restore
from stack.data import HALF_MADE, DataFolder
from stack.errors import StackError
from stack.ports import free_ports
from stack.postgres import PostgreSQL
from tests.journeys.people import until
from tests.stack.leftovers import processes_of
from tests.stack.terminal import terminal
from tests.stack.test_postgres import ask, connected

PDF = "files/invoice/3f/bill.pdf"
KEY = "secrets/column-key"


class Stack:
    """As much of one as a backup asks of it: a database, files and keys."""

    def __init__(self, room: Path, port: int) -> None:
        self.data, self.port = DataFolder(room / "data"), port
        self.server = PostgreSQL(self.data, port)

    async def fill(self) -> None:
        async with connected(self.server.url) as db:
            await db.execute(text("create table restored (taken_at timestamptz, restored_at timestamptz)"))
            await db.execute(text("create table kept as select repeat(md5(n::text), 9) as word from generate_series(1, 20000) n"))
            await db.commit()
        for name, content in {PDF: "%PDF-1", "files/history/2026/11/run.json.gz": "…", f"{PDF}#1": "half"}.items():
            (self.data.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.data.path / name).write_text(content)
        (self.data.path / KEY).write_text("k1=00")
        (self.data.path / "secrets/index-key").write_text("00")


@pytest_asyncio.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    up = Stack(tmp_path_factory.mktemp("stack"), free_ports(1)[0])
    with up.data.held():
        try:
            await up.server.start()
            await up.fill()
            yield up
        finally:
            await up.server.stop()


@pytest_asyncio.fixture(scope="module")
async def taken(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = tmp_path_factory.mktemp("backups") / "taken"
    await backup(stack.data, stack.port, kept)
    return kept


@pytest.fixture
def kept(taken: Path, tmp_path: Path) -> Path:
    """A backup of one's own, to be spoilt."""
    return Path(shutil.copytree(taken, tmp_path / "kept"))


def below(folder: Path) -> set[str]:
    """The database's own files aside: they come and go."""
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if "postgres/" not in str(one)}


def command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "stack", *words)


async def test_a_backup_comes_back_as_it_was(stack: Stack, taken: Path, tmp_path: Path) -> None:
    second = DataFolder(tmp_path / "new" / "data")
    await restore(taken, second)

    assert not (tmp_path / "new" / "data.new").exists()
    assert {(second.path / name).read_text() for name in (PDF, KEY)} == {"%PDF-1", "k1=00"}
    assert [(second.path / name).stat().st_mode & 0o777 for name in (".", "files", "secrets", KEY)] == [0o711, 0o700, 0o700, 0o600]
    with second.held():
        server = PostgreSQL(second, free_ports(1)[0])
        try:
            await server.start()
            assert await ask(server, "select count(*) from kept") == 20000
            assert await ask(server, "select count(*) from restored where taken_at < restored_at") == 1
        finally:
            await server.stop()


def test_it_holds_what_is_whole_and_no_password(taken: Path) -> None:
    assert below(taken) >= {PDF, KEY, "database.dump", "manifest.json"}
    assert not {f"{PDF}#1", "secrets/postgres-password", "backup.log"} & below(taken)
    assert taken.stat().st_mode & 0o777 == 0o700
    manifest = Manifest.model_validate_json((taken / "manifest.json").read_text())
    assert (set(manifest.sha256), manifest.count("files"), manifest.count("secrets")) == (
        {name for name in below(taken) if (taken / name).is_file()} - {"manifest.json"},
        2,
        2,
    )


@pytest.mark.parametrize("name", [PDF, KEY, "database.dump", "files/history/2026/11/run.json.gz"])
@pytest.mark.parametrize(("how", "said"), [("changed", "changed"), ("gone", "missing")])
async def test_a_file_that_is_not_as_it_was_taken_is_named(kept: Path, tmp_path: Path, name: str, how: str, said: str) -> None:
    before = (kept / name).read_bytes()
    if how == "gone":
        (kept / name).unlink()
    else:
        (kept / name).write_bytes(bytes([before[0] ^ 1]) + before[1:])

    with pytest.raises(StackError, match=re.escape(f"is not as it was taken; {said}: {name}. Choose another with FROM=…")):
        await restore(kept, DataFolder(tmp_path / "data"))

    assert os.listdir(tmp_path) == ["kept"]


async def test_files_that_nobody_took_are_named_as_many_as_one_can_read(kept: Path, tmp_path: Path) -> None:
    for number in range(7):
        (kept / "files" / f"{number}.pdf").write_text("forged")

    with pytest.raises(StackError, match=r"not of it: files/0\.pdf, .*files/4\.pdf and 2 more\."):
        await restore(kept, DataFolder(tmp_path / "data"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, ": No such file or directory"),
        *((cut, " is not whole") for cut in ("", "{", '{"taken_at": "2026-11-27T00:00:00Z"}', "\udcff")),
    ],
)
async def test_a_folder_without_a_whole_manifest_is_no_backup(kept: Path, tmp_path: Path, content: str | None, why: str) -> None:
    (kept / "manifest.json").unlink()
    if content is not None:
        (kept / "manifest.json").write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(StackError, match=rf"is no whole backup \(manifest\.json{why}\)\. .*FROM="):
        await restore(kept, DataFolder(tmp_path / "data"))


async def test_a_half_made_folder_is_no_backup_though_its_manifest_is_there(kept: Path, tmp_path: Path) -> None:
    (kept / HALF_MADE).touch()

    with pytest.raises(StackError, match=r"is half made: .*FROM="):
        await restore(kept, DataFolder(tmp_path / "restored"))
    assert not (tmp_path / "restored").exists()


async def test_what_the_database_refuses_leaves_nothing(kept: Path, tmp_path: Path) -> None:
    """A dump that was no dump when it was taken."""
    manifest = Manifest.model_validate_json((kept / "manifest.json").read_text())
    (kept / "database.dump").write_text("")
    empty = manifest.model_copy(
        update={"sha256": manifest.sha256 | {"database.dump": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}
    )
    (kept / "manifest.json").write_text(empty.model_dump_json())

    with pytest.raises(StackError, match="The restore of the database ended with exit code 1") as refused:
        await restore(kept, DataFolder(tmp_path / "data"))

    assert "data.new/logs" not in str(refused.value), "it is gone"
    assert os.listdir(tmp_path) == ["kept"]


def _file(path: Path) -> Path:
    path.write_text("here")
    return path


def _full(path: Path) -> Path:
    path.mkdir()
    _file(path / "x")
    return path


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file": (lambda room: _file(room / "taken"), "is a file, and nothing is ever overwritten"),
    "below a file": (lambda room: _file(room / "taken") / "x", "cannot be made: Not a directory"),
    "not empty": (lambda room: _full(room / "taken"), "is not empty, and nothing is ever overwritten"),
    "the root": (lambda _: Path("/"), "cannot be made|is a disk of its own"),
    "where nobody makes folders": (lambda _: Path("/proc/taken"), "cannot be made"),
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_place_that_cannot_be_had_is_told_and_left_as_it_is(stack: Stack, taken: Path, tmp_path: Path, place: str) -> None:
    where, said = PLACES[place]
    target = where(tmp_path)
    before = below(tmp_path)

    with pytest.raises(StackError, match=f"({said}).*with TO=…"):
        await backup(stack.data, stack.port, target)
    with pytest.raises(StackError, match=f"({said}).*with DATA=…"):
        await restore(taken, DataFolder(target))

    assert below(tmp_path) == before


async def test_an_empty_folder_is_taken(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    await backup(stack.data, stack.port, tmp_path / "to")
    assert os.listdir(tmp_path) == ["to"]


async def test_what_is_copied_into_itself_is_refused(stack: Stack, kept: Path) -> None:
    with pytest.raises(StackError, match=r"of which it would be a copy\. Choose another with TO=…"):
        await backup(stack.data, stack.port, stack.data.path / "files" / "kept")
    with pytest.raises(StackError, match=r"of which it would be a copy\. Choose another with DATA=…"):
        await restore(kept, DataFolder(kept / "data"))


async def test_a_folder_that_is_no_stacks_is_told_and_nothing_is_made_in_it(stack: Stack, tmp_path: Path) -> None:
    for wrong in (tmp_path / "wrong", tmp_path / "missing", _file(tmp_path / "file")):
        if wrong.name == "wrong":
            wrong.mkdir()
        with pytest.raises(StackError, match=r"is no folder of a stack that is up.*DATA="):
            await backup(DataFolder(wrong), stack.port, tmp_path / "kept")
    assert below(tmp_path) == {"wrong", "file"}


async def test_another_stacks_folder_is_refused_by_the_database_and_nothing_is_made_in_it(stack: Stack, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    with other.held():
        other.room("files")
        for name in ("postgres-password", "column-key", "index-key"):
            other.secret(name, lambda: "another")
    before = below(tmp_path)

    with pytest.raises(StackError, match="password authentication failed"):
        await backup(other, stack.port, tmp_path / "deep" / "kept")

    assert below(tmp_path) == before


async def test_nothing_is_made_in_the_stacks_own_folder(stack: Stack, tmp_path: Path) -> None:
    before = below(stack.data.path)
    await backup(stack.data, stack.port, tmp_path / "kept")
    assert below(stack.data.path) == before


async def test_two_at_once_make_one(stack: Stack, tmp_path: Path) -> None:
    done = await asyncio.gather(*(backup(stack.data, stack.port, tmp_path / "kept") for _ in range(3)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in done) == ["Manifest", "StackError", "StackError"]
    assert {str(one).partition(". ")[0].rpartition("kept ")[2] for one in done if isinstance(one, StackError)} == {
        "is being made by somebody else at this moment"
    }
    assert os.listdir(tmp_path) == ["kept"]


async def test_a_strangers_folder_of_that_name_is_left_as_it_is(stack: Stack, taken: Path, tmp_path: Path) -> None:
    _full(tmp_path / "kept.new")
    for said in ("is in the way", "is not empty"):
        with pytest.raises(StackError, match=said):
            await backup(stack.data, stack.port, tmp_path / "kept")
        with pytest.raises(StackError, match=said):
            await restore(taken, DataFolder(tmp_path / "kept"))
        assert (tmp_path / "kept.new" / "x").exists()
        if said == "is in the way":
            _full(tmp_path / "kept")


@pytest.mark.parametrize("lacking", ["files", "secrets/column-key", "secrets/index-key"])
async def test_without_what_opens_the_rows_there_is_no_backup(stack: Stack, tmp_path: Path, lacking: str) -> None:
    aside = (stack.data.path / lacking).rename(tmp_path / "aside")
    try:
        with pytest.raises(StackError, match=f"Nothing was backed up: .*{lacking} is not there"):
            await backup(stack.data, stack.port, tmp_path / "kept")
    finally:
        aside.rename(stack.data.path / lacking)
    assert os.listdir(tmp_path) == []


async def test_no_backup_is_put_into_another(stack: Stack, kept: Path) -> None:
    with pytest.raises(StackError, match=r"which would be spoilt\. Choose another with TO=…"):
        await backup(stack.data, stack.port, kept / "files" / "inner")
    (kept / "manifest.json").unlink()
    _file(kept / ".half-made")
    with pytest.raises(StackError, match=r"which is half made and will be cleared\. Choose another with TO=…"):
        await backup(stack.data, stack.port, kept / "files" / "inner")


async def test_what_cannot_be_read_is_named(kept: Path, tmp_path: Path) -> None:
    shutil.rmtree(kept / "secrets")
    _file(kept / "secrets")  # not even the superuser reads what is in it

    with pytest.raises(StackError, match=f"^{re.escape(str(kept / 'secrets'))} cannot be read: [^.]*$"):
        await restore(kept, DataFolder(tmp_path / "data"))


@pytest.mark.parametrize("name", ["files", "secrets", "files/invoice", PDF, KEY, "database.dump", "manifest.json"])
async def test_a_backup_is_not_read_through_a_link(kept: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (kept / name).symlink_to((kept / name).rename(tmp_path / "elsewhere" / "part"))

    with pytest.raises(StackError, match=f"^{re.escape(str(kept / name))} is a link, and a backup holds none"):
        await restore(kept, DataFolder(tmp_path / "data"))
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "kept"]


async def test_a_place_is_said_as_one_stands(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await restore(Path(kept.name), DataFolder(Path("data")))
    assert (tmp_path / "data" / PDF).exists()


async def test_a_stalled_database_is_told(stack: Stack, tmp_path: Path) -> None:
    stack.server.pause()
    try:
        with pytest.raises(StackError, match="The backup of the database has not come any further for 1 s"):
            await backup(stack.data, stack.port, tmp_path / "kept", silent_s=1)
    finally:
        stack.server.resume()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backup",), "Say where to put the backup, a folder that is not there yet: TO=…"),
        (("restore",), "Say which backup to put back: FROM=…"),
        (("restore", "--from", ""), "Say which backup to put back: FROM=…"),
        (("restore", "--from", "/nowhere"), "/nowhere is no whole backup"),
        (("backup", "--to", "/tmp/never", "--data", "/nowhere"), "Say whose with DATA=…"),
        (("backup", "--to", "/tmp/never", "--port-base", "1"), "PORT_BASE=1 does not leave room"),
    ],
)
async def test_the_commands_say_what_is_wrong_in_a_sentence(words: tuple[str, ...], said: str) -> None:
    async with terminal(*command(*words)) as at:
        assert await at.ended() == 1
    assert said in at.text
    assert "Traceback" not in at.text


async def test_the_commands_say_what_was_done(stack: Stack, tmp_path: Path) -> None:
    kept, second = tmp_path / "kept", tmp_path / "second"
    words = ("backup", "--to", str(kept), "--data", str(stack.data.path), "--port-base", str(stack.port - 4))
    async with terminal(*command(*words)) as at:
        assert (await at.ended(), at.text) == (0, f"Backed up into {kept}: the database; files: 2, keys: 2.")
    async with terminal(*command("restore", "--from", str(kept), "--data", str(second))) as at:
        assert await at.ended() == 0
    assert at.text.startswith(f"Restored into {second}, as of 20")


async def test_make_takes_any_name(stack: Stack, tmp_path: Path) -> None:
    kept, second = (tmp_path / f'{name} "$HOME" $(HOME) `touch x` $$ it\'s # 备份' for name in ("kept", "second"))
    for words in ((f"backup|TO={kept}|DATA={stack.data.path}|PORT_BASE={stack.port - 4}"), f"restore|FROM={kept}|DATA={second}"):
        async with terminal("make", "-o", ".venv/stack.stamp", *words.split("|")) as at:
            assert await at.ended() == 0, at.text
    assert sorted(os.listdir(tmp_path)) == [kept.name, second.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_command_that_is_broken_off_leaves_nothing(stack: Stack, tmp_path: Path, number: signal.Signals) -> None:
    """While the database stalls, so that it surely is at work."""
    words = {"--to": tmp_path / "kept", "--data": stack.data.path, "--port-base": stack.port - 4}
    log = tmp_path / "kept.new" / "backup.log"

    async def begun() -> bool:
        return log.exists()

    stack.server.pause()
    try:
        async with terminal(*command("backup", *(str(word) for pair in words.items() for word in pair))) as at:
            await until("the backup to be at work", begun, bool)
            os.kill(at.pid, number)
            assert (await at.ended(), at.lines[-1]) == (130, "Broken off; nothing of it stays.")
    finally:
        stack.server.resume()
    assert os.listdir(tmp_path) == []
    assert not processes_of(tmp_path)
