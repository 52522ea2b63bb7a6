"""The releases of the worked example (docs/migrations.md): copies of this tree, each changed as its diff says, and their revisions."""

import re
import shutil
from pathlib import Path
from typing import Final

from tests.house.rooms import HOUSE, ROOMS
from tests.migrations.revisions import line

EXAMPLE: Final = Path(__file__).with_name("renaming")
EXPAND, CONTRACT = "queueing_expand", "queueing_contract"
MEMBER: Final = (re.compile(r"\bState\.WAITING\b"), "State.QUEUEING")
FILE: Final = re.compile(r"^--- (\S+)\n\+\+\+ \1\n((?:(?!--- )[^\n]*\n)*)", re.MULTILINE)


def revisions(folder: Path) -> Path:
    """The two revisions of the example in a folder of their own, after the newest of the house."""
    folder.mkdir()
    newest = line()[-1].revision
    for file in EXAMPLE.glob("*.py"):
        text = file.read_text(encoding="utf-8").replace('"the newest"', repr(newest))
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


def second_release(folder: Path) -> Path:
    """This house, but reading both names and writing the new one."""
    for room in ROOMS:
        shutil.copytree(HOUSE / room, folder / room)  # with what is compiled: what stays as it is need not be compiled again
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if MEMBER[0].search(text):
            file.write_text(MEMBER[0].sub(MEMBER[1], text), encoding="utf-8")
    return apply((EXAMPLE / "expand.diff").read_text(encoding="utf-8"), folder)


def third_release(folder: Path) -> Path:
    """The house that never heard of the old name, but in its timeline."""
    return apply((EXAMPLE / "contract.diff").read_text(encoding="utf-8"), second_release(folder))


def apply(diff: str, folder: Path) -> Path:
    """A diff without line numbers, so that it outlives changes around it: each hunk is found by its lines, which stand there once."""
    for name, hunks in FILE.findall(diff):
        text = (folder / name).read_text(encoding="utf-8")
        for hunk in hunks.split("@@\n")[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(one[1:] for one in lines if one[0] != "+")
            after = "".join(one[1:] for one in lines if one[0] != "-")
            assert text.count(before) == 1, f"the example no longer fits {name}:\n{hunk}"
            text = text.replace(before, after)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
