"""A short run of the chaos, by a seed that is kept: the same choices each time."""

import os
import subprocess
import sys

import pytest

from tests.house.rooms import HOUSE

SEEDS = ("b",)
"""Those that once failed, and one to begin with."""


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_all_books_agree_after_the_storm(seed: str) -> None:
    short = {"PATHWAYS": "16", "MINUTES": "4", "SEED": seed}
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos"], env=os.environ | short, cwd=HOUSE, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
