"""docs/migrations.md shows the example that the tests run, word for word."""

import re

from tests.house.rooms import HOUSE
from tests.migrations.releases import EXAMPLE

PAGE = (HOUSE / "docs" / "migrations.md").read_text(encoding="utf-8")
QUOTE = re.compile(r"^`(tests/migrations/renaming/[\w.]+)`:\n\n```(?:python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:\w+/)+[\w.]*\w|test_\w+\.py|\.squawk\.toml)`")


def test_each_file_of_the_example_is_quoted_as_it_is() -> None:
    quoted = dict(QUOTE.findall(PAGE))

    assert quoted == {str(file.relative_to(HOUSE)): file.read_text(encoding="utf-8") for file in EXAMPLE.iterdir() if file.is_file()}


def test_what_it_names_is_there() -> None:
    named = set(NAMED.findall(PAGE))

    assert len(named) > 6
    assert not [name for name in named if not (HOUSE / name).exists() and not (HOUSE / "tests" / "migrations" / name).exists()]
