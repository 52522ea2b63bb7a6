"""Each measure of the bench runs on the house as it is, small: what is measured by hand alone would rot."""

import importlib
from pathlib import Path
from typing import Final

import pytest

from bench.__main__ import MEASURES

SMALL: Final[dict[str, dict[str, object]]] = {
    "visits": {"VISITS": 2, "ROUNDS": 1, "AT_ONCE": 2, "COUNTED": 1},
    "actions": {"VISITS": 2, "ROUNDS": 2, "AT_ONCE": 2},
    "billing": {"VISITS": 1},
    "reads": {"VISITS": 3, "ROUNDS": 1, "SECONDS": 0.5, "WARM_S": 0.2},
    "claims": {"ROUNDS": 1, "STORE_PEOPLE": 30, "STORE_PLACES": 20, "PEOPLE": 30, "PLACES": 10},
    "stop": {"VISITS": 8},
    "start": {},
}


def test_none_is_left_out() -> None:
    assert set(SMALL) == set(MEASURES)


@pytest.mark.long
@pytest.mark.spare
@pytest.mark.parametrize("name", MEASURES)
async def test_it_measures(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measure = importlib.import_module(f"bench.{name}")
    for constant, value in SMALL[name].items():
        monkeypatch.setattr(measure, constant, value)
    if name == "billing":
        monkeypatch.setattr(measure, "FIGURES", tmp_path / "billing.md")  # the figures that are kept are not of a busy machine

    results = await measure.measure()

    assert results
    assert [one for one in results if one.bare is not None and min(one.value, one.bare) <= 0] == []
    assert [one for one in results if one.name.startswith("oversold") and not one.holds] == []
