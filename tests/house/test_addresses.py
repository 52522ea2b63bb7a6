"""No committed file says where packages come from or on which machine it was written."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.house.rooms import HOUSE

REGISTRY = re.compile(
    r"https?://[\w.-]*(pypi\.|pythonhosted\.|npmjs\.|npmmirror\.|registry[.-]|debian\.org|ubuntu\.com|golang\.org|crates\.io|mirrors?\.)"
    r"|--(extra-)?index[-]url\s*[=\s]|--find[-]links\s*[=\s]|_auth[T]oken",
    re.IGNORECASE,
)
MACHINE = re.compile(r"(?<![\w.~-])/(home|root|work|Users)/[\w.]")


def test_no_committed_file_names_a_registry() -> None:
    assert not list(_lines_like(REGISTRY)), "the machine's own settings say where packages come from"


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    assert not list(_lines_like(MACHINE))


def _lines_like(pattern: re.Pattern[str]) -> Iterator[str]:
    for path in _committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # an image or another binary file
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(HOUSE)}:{number} {line.strip()}"


def _committed() -> Iterator[Path]:
    # A tree that belongs to another user, as in some containers, is still only read.
    git = ["git", "-c", "safe.directory=*", "-C", str(HOUSE), "ls-files", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    paths = [HOUSE / name for name in listed.split("\0") if name]
    return (path for path in paths if path.is_file())
