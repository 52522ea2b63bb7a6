"""One stack a folder, and secrets that are made once."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from stack.data import HALF_MADE, DataFolder
from stack.errors import StackError


def test_a_folder_is_held_by_one_stack_at_a_time(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")

    with first.held(), pytest.raises(StackError, match="Another stack is running on the data folder"), second.held():
        pytest.fail("held twice")

    with second.held():
        assert (tmp_path / "data" / "lock").exists()


def test_a_half_made_folder_is_held_by_its_maker_alone(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    (tmp_path / HALF_MADE).touch()

    for making in (False, True):  # whether its maker is still at it or not
        with data.held(making=True) if making else nullcontext(), pytest.raises(StackError, match="is half made"), data.held():
            pytest.fail("held half made")


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(StackError, match="DATA="), DataFolder(tmp_path / "data").held():
        pytest.fail("held a file")


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    with data.held():
        first = data.secret("key", lambda: "made")

        assert data.secret("key", lambda: "made again") == first == "made"
        assert (data.secrets / "key").stat().st_mode & 0o777 == 0o600
        assert data.secrets.stat().st_mode & 0o777 == 0o700
