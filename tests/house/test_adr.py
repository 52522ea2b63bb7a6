"""A decision is a page: short, found from the index, and true to what stands in the house."""

import re
from pathlib import Path

import pytest

from tests.house.rooms import HOUSE

FOLDER = HOUSE / "docs" / "adr"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))
LINES_MAX = 60
PARTS = ["The question", "The decision", "What follows", "What was tried"]
ROW = re.compile(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|yml|md))`")


def test_there_are_decisions_and_the_architecture_leads_to_them() -> None:
    assert len(DECISIONS) >= 8
    assert "(adr/README.md)" in (HOUSE / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_each_is_in_the_index_under_its_number_and_in_their_order() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))

    assert [file for _, file, _ in rows] == [path.name for path in DECISIONS]
    assert [number for number, _, _ in rows] == [f"{at:04}" for at in range(1, len(DECISIONS) + 1)]
    assert all(file.startswith(f"{number}-") for number, file, _ in rows)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_it_is_a_page_with_its_parts(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) < LINES_MAX
    assert lines[0].startswith(f"# {path.stem[:4]} ")
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == PARTS
    assert any(line.startswith("> ") for line in lines), "the decision itself, in words that can be quoted"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_what_it_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    everything = {found.name for found in (HOUSE / "tests").rglob("*.py")}

    named = {name for name in NAMED.findall(text) if "<" not in name and not name.startswith("/")}
    gone = [name for name in named if not (HOUSE / name).exists() and name not in everything]
    lost = [link for link in re.findall(r"\]\((\S+\.md)\)", text) if not (FOLDER / link).exists()]

    assert gone + lost == []
