"""The lines of deploy/README.md that keep a backup and put it back, run with a stand-in for `docker`: an error is never passed over."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.compose import DEPLOY
from tests.house.rooms import HOUSE

NIGHT, RESTORE = re.findall(
    r"```bash\n(.*?)```", (DEPLOY / "README.md").read_text(encoding="utf-8").split("### Backup and restore")[1], re.DOTALL
)
DOCKER = """#!/bin/bash
# Each call is a line; the one numbered $FAILS does its work half and fails.
echo "$*" >> "$CALLS"; number=$(wc -l < "$CALLS")
case "$*" in
    *pg_dump*) echo rows ;;
    *" cp --archive worker:"*) mkdir "${@: -1}"; echo bill > "${@: -1}/bill.pdf" ;;
    *pg_restore* | *psql*) cat > /dev/null ;;
esac
[ "$number" != "$FAILS" ]
"""


class Machine:
    """With a folder of backups and a `docker` that only pretends."""

    def __init__(self, room: Path) -> None:
        self.backups, self._bin, self._calls = room / "backups and more", room / "bin", room / "calls"
        self.backups.mkdir()
        self._bin.mkdir()
        (self._bin / "docker").write_text(DOCKER)
        (self._bin / "docker").chmod(0o755)

    def run(self, lines: str, fails: int = 0, **settings: str) -> tuple[int, list[str]]:
        """The lines as one pastes them: how they ended, and what `docker` was asked for."""
        self._calls.write_text("")
        settings |= {"PATH": f"{self._bin}:{os.environ['PATH']}", "CALLS": str(self._calls), "FAILS": str(fails)}
        lines = lines.replace("/backups/$(date +%F)", f'"{self.backups}"/$(date +%F)')
        done = subprocess.run(["bash", "-c", lines], cwd=HOUSE, env=settings, capture_output=True, text=True, check=False)
        return done.returncode, self._calls.read_text().splitlines()

    def night(self, fails: int = 0) -> tuple[int, list[str]]:
        return self.run(NIGHT, fails)

    @property
    def day(self) -> Path:
        """The one folder that a good night leaves."""
        (day,) = self.backups.iterdir()
        return day


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def content(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


def test_a_good_night_is_put_back(machine: Machine) -> None:
    code, calls = machine.night()

    assert (code, len(calls)) == (0, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", machine.day.name)
    assert machine.day.stat().st_mode & 0o777 == 0o700
    assert set(content(machine.day)) == {"taken_at", "database.dump", "files/bill.pdf", "SHA256SUMS"}
    code, calls = machine.run(RESTORE, FROM=str(machine.day))
    assert (code, len(calls)) == (0, 6)
    assert (calls[0], calls[-1]) == ("compose up --detach --wait postgres", "compose up --detach")
    assert f"taken_at={(machine.day / 'taken_at').read_text().strip()}" in calls[2]


@pytest.mark.parametrize("fails", [1, 2])
def test_a_failed_night_passes_for_no_backup(machine: Machine, fails: int) -> None:
    code, calls = machine.night(fails)

    assert code != 0
    assert len(calls) == fails
    assert machine.day.name.endswith(".half-made")
    assert machine.run(RESTORE, FROM=str(machine.day)) == (1, [])
    assert machine.night() == (1, []), "it is looked at first"


def test_a_second_night_of_the_same_day_changes_nothing(machine: Machine) -> None:
    machine.night()
    before = content(machine.day)

    assert machine.night() == (1, [])
    assert content(machine.day) == before


@pytest.mark.parametrize("name", ["taken_at", "database.dump", "files/bill.pdf", "SHA256SUMS"])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_nothing_is_put_back_of_a_backup_that_is_not_as_it_was_taken(machine: Machine, name: str, how: str) -> None:
    machine.night()
    if how == "gone":
        (machine.day / name).unlink()
    else:
        (machine.day / name).write_text("another")

    assert machine.run(RESTORE, FROM=str(machine.day)) == (1, [])


@pytest.mark.parametrize("fails", range(1, 7))
def test_a_restore_ends_at_its_first_error(machine: Machine, fails: int) -> None:
    machine.night()
    code, calls = machine.run(RESTORE, fails, FROM=str(machine.day))

    assert code != 0
    assert len(calls) == fails


def test_without_a_day_nothing_is_put_back(machine: Machine) -> None:
    code, calls = machine.run(RESTORE)

    assert code != 0
    assert calls == []
