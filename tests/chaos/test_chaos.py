"""A short run of the chaos, by a seed that is kept: the same choices each time."""

import os
import subprocess
import sys

import pytest

from tests.chaos.ways import WAYS
from tests.house.rooms import HOUSE

SEEDS = ("b",)
"""Those that once failed, and one to begin with."""


def _run(**given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos"]
    return subprocess.run(command, env=os.environ | given, cwd=HOUSE, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_all_books_agree_after_the_storm(seed: str) -> None:
    done = _run(PATHWAYS="60", SEED=seed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nways: none\nparts: none\n" in done.stdout  # every way was taken, and every part killed, stalled and restarted


@pytest.mark.long
def test_in_calm_every_way_comes_to_its_end() -> None:
    done = _run(PATHWAYS=str(len(WAYS)), MINUTES="0", SEED="calm")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "value", "least"), [("PATHWAYS", "many", 1), ("PATHWAYS", "0", 1), ("MINUTES", "-1", 0)])
def test_what_is_no_number_is_said(name: str, value: str, least: int) -> None:
    done = _run(**{name: value})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{name} is a whole number from {least} on, and not '{value}'.\n"
