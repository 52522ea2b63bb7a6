"""A folder is whole or not there, and whoever is killed while it is made leaves what the next one understands."""

import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import pytest

from stack.data import HALF_MADE, DataFolder
from stack.errors import PartError, StackError
from stack.fresh import fresh_folder

FILES = ("secrets/key", "backup.log", "database.dump", "lock", "manifest.json")
STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod"}
"""What changes something on a disk, as Python tells it before it is done."""


def make(target: Path, content: str, *, fails: bool = False) -> None:
    with fresh_folder(target, mode=0o700, setting="TO=…") as fresh:
        (fresh / "secrets").mkdir()
        for name in FILES:
            (fresh / name).write_text(content)
        if fails:
            raise StackError("no more")


def content(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


def whole(text: str) -> dict[str, str]:
    return dict.fromkeys(FILES, text)


def left(folder: Path, *, mark: bool = True) -> Path:
    """As one that was killed leaves it."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "key").write_text("old")
    if mark:
        (folder / HALF_MADE).touch()
    return folder


BEFORE = {"nothing": (), "one without its name": ("kept.new",), "one with its name and its mark": ("kept",), "both": ("kept", "kept.new")}


@pytest.mark.parametrize("before", BEFORE)
def test_what_a_killed_one_left_is_no_hindrance(tmp_path: Path, before: str) -> None:
    for name in BEFORE[before]:
        left(tmp_path / name)

    make(tmp_path / "kept", "new")

    assert os.listdir(tmp_path) == ["kept"]
    assert content(tmp_path / "kept") == whole("new")


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("fails", [False, True])
def test_one_that_is_killed_at_any_step_leaves_what_the_next_understands(tmp_path: Path, before: str, fails: bool) -> None:
    killed = 0
    for room in rooms(tmp_path):
        for name in BEFORE[before]:
            left(room / name)
        ended = killed_at(killed, room / "kept", fails=fails)
        if content(room / "kept") != whole("first"):  # else it is whole, and nothing is ever overwritten
            make(room / "kept", "second")
            assert content(room / "kept") == whole("second")
        assert os.listdir(room) == ["kept"]
        if ended != -signal.SIGKILL:
            break
        killed += 1

    assert killed > 10


def rooms(folder: Path) -> Iterator[Path]:
    for number in count():
        (folder / str(number)).mkdir()
        yield folder / str(number)


def killed_at(step: int, target: Path, *, fails: bool) -> int | None:
    """Its exit code; it comes to its end when it has fewer steps."""
    maker = get_context("fork").Process(target=_make_until, args=(step, target, fails))
    maker.start()
    maker.join()
    return maker.exitcode


def _make_until(step: int, target: Path, fails: bool) -> None:
    steps = count()

    def kill(event: str, told: tuple[object, ...]) -> None:
        if event in STEPS and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    try:
        make(target, "first", fails=fails)
    except StackError:
        os._exit(1)
    os._exit(0)


@pytest.mark.parametrize("name", ["kept", "kept.new"])
def test_what_a_stack_runs_on_is_not_cleared(tmp_path: Path, name: str) -> None:
    running = left(tmp_path / name)

    with DataFolder(running).held(making=True):
        with pytest.raises(StackError, match=rf"A stack is running on {running}, which would be cleared\. Stop it\. .*TO=…"):
            make(tmp_path / "kept", "new")
        assert (running / "secrets" / "key").read_text() == "old"
        assert os.listdir(tmp_path) == [name]

    make(tmp_path / "kept", "new")
    assert content(tmp_path / "kept") == whole("new")


def test_one_that_is_being_made_is_not_cleared(tmp_path: Path) -> None:
    """Neither before it has its name nor between that and the end of its mark."""
    target = tmp_path / "kept"
    with fresh_folder(target, mode=0o700, setting="TO=…") as fresh:
        with pytest.raises(StackError, match="is being made by somebody else at this moment"):
            make(target, "new")
        fresh.rename(target)
        with pytest.raises(StackError, match="is being made by somebody else at this moment"):
            make(target, "new")
        assert os.listdir(tmp_path) == ["kept"]
        target.rename(fresh)


def test_nothing_is_made_in_one_that_is_half_made(tmp_path: Path) -> None:
    above = left(tmp_path / "above")

    with pytest.raises(StackError, match=rf"kept is in {above}, which is half made and will be cleared\. Choose another with TO=…"):
        make(above / "deep" / "kept", "new")
    assert not (above / "deep").exists()


def test_a_strangers_folder_is_left_as_it_is(tmp_path: Path) -> None:
    stranger = left(tmp_path / "kept.new", mark=False)

    with pytest.raises(StackError, match="is in the way"):
        make(tmp_path / "kept", "new")
    assert content(stranger) == {"secrets/key": "old"}


def test_a_full_disk_is_told_though_the_program_that_met_it_has_cleared_up(tmp_path: Path) -> None:
    tail = "FATAL:  could not write to file: No space left on device\ninitdb: removing contents of data directory"

    with (
        pytest.raises(StackError, match=f"No space left on device\n.*\nThe disk of {tmp_path} is full"),
        fresh_folder(tmp_path / "kept", mode=0o700, setting="TO=…") as fresh,
    ):
        raise PartError("The making of the database", "ended with exit code 1", fresh / "log", tail)
