"""A figure says its ratio and whether its budget holds, for people and for programs."""

import json
from pathlib import Path

import pytest

from bench.result import Result, table, written


def test_a_ratio_is_held_to_its_floor_and_to_its_ceiling() -> None:
    assert Result.of("visits a second", 3, bare=5, at_least=0.6).holds
    assert not Result.of("visits a second", 2.9, bare=5, at_least=0.6).holds
    assert not Result.of("p95 of an action, ms", 21, bare=10, at_most=2).holds


def test_what_has_no_bare_program_is_held_by_itself() -> None:
    start = Result.of("start to healthy, s", 14.2, at_most=15)

    assert (start.ratio, start.holds) == (None, True)


def test_a_budget_is_a_floor_or_a_ceiling() -> None:
    with pytest.raises(ValueError, match="floor or a ceiling"):
        Result.of("both", 1, at_least=1, at_most=2)


def test_a_missed_budget_stands_out_and_is_written_as_it_is(tmp_path: Path) -> None:
    results = [Result.of("claims a second", 40, bare=100, at_least=0.5), Result.of("told", 7)]

    written(results, tmp_path / "results.json")

    assert table(results).splitlines()[1].endswith("NO")
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))[0] == {
        "name": "claims a second",
        "value": 40,
        "bare": 100,
        "ratio": 0.4,
        "budget": ">= 0.5",
        "holds": False,
    }


def test_what_is_measured_alone_replaces_its_own_figures_and_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    written([Result.of("told", 7), Result.of("asked", 1)], file)

    written([Result.of("told", 8), Result.of("new", 2)], file, beside=True)

    assert [(one["name"], one["value"]) for one in json.loads(file.read_text(encoding="utf-8"))] == [("told", 8), ("asked", 1), ("new", 2)]
