"""What deploy/README.md says keeps a backup and puts it back, run with a stand-in for `docker`: an error is never passed over."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.compose import DEPLOY
from tests.house.rooms import HOUSE

NIGHT, RESTORE = re.findall(
    r"```bash\n(.*?)\n```", (DEPLOY / "README.md").read_text(encoding="utf-8").split("### Backup and restore")[1], re.DOTALL
)
DOCKER = """#!/bin/bash
# Each call is a line; the one numbered $FAILS does its work half and fails. As Compose, it does nothing without project and settings.
[ -f docker-compose.yml ] || exit 14
[ -n "${COMPOSE_ENV_FILES:-}" ] || exit 15
echo "$*" >> "$CALLS"; number=$(wc -l < "$CALLS")
case "$*" in
    *pg_dump*) echo rows ;;
    *" cp --archive worker:"*) mkdir "${@: -1}"; echo bill > "${@: -1}/bill.pdf" ;;
    *pg_restore* | *psql*) cat > /dev/null ;;
esac
[ "$number" != "$FAILS" ]
"""


SHAPES = ["{}", "{} || false", "if ! {}; then exit 1; fi"]
"""How a line is asked whether it failed: bash takes no notice of `set -e` in what it asks."""


class Machine:
    """With a folder of backups and a `docker` that only pretends."""

    def __init__(self, room: Path, shape: str) -> None:
        self.backups, self._bin, self._calls, self._shape = room / "backups and more", room / "bin", room / "calls", shape
        self.backups.mkdir()
        self._bin.mkdir()
        self.program("docker", DOCKER)

    def program(self, name: str, text: str) -> None:
        """What is called by the name from now on."""
        (self._bin / name).write_text(text)
        (self._bin / name).chmod(0o755)

    def run(self, line: str, fails: int = 0, *, at: Path = HOUSE) -> tuple[int, list[str]]:
        """The line as one gives it: how it ended, and what `docker` was asked for."""
        self._calls.write_text("")
        settings = {"PATH": f"{self._bin}:{os.environ['PATH']}", "CALLS": str(self._calls), "FAILS": str(fails)}
        asked = self._shape.format(line)
        done = subprocess.run(["bash", "-c", asked], cwd=at, env=settings, capture_output=True, text=True, check=False)
        return done.returncode, self._calls.read_text().splitlines()

    def night(self, fails: int = 0) -> tuple[int, list[str]]:
        return self.run(NIGHT.replace("/backups", f"'{self.backups}'"), fails)

    def restore(self, fails: int = 0) -> tuple[int, list[str]]:
        return self.run(RESTORE.replace("/backups/2026-11-27", f"'{self.day}'"), fails)

    @property
    def day(self) -> Path:
        """The one folder that a good night leaves."""
        (day,) = self.backups.iterdir()
        return day


@pytest.fixture(params=SHAPES)
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    return Machine(tmp_path, request.param)


def content(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


def test_a_good_night_is_put_back(machine: Machine) -> None:
    code, calls = machine.night()

    assert (code, len(calls)) == (0, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", machine.day.name)
    assert machine.day.stat().st_mode & 0o777 == 0o700
    assert set(content(machine.day)) == {"taken_at", "database.dump", "files/bill.pdf", "SHA256SUMS"}
    code, calls = machine.restore()
    assert (code, len(calls)) == (0, 6)
    assert (calls[0], calls[-1]) == ("compose up --detach --wait postgres", "compose up --detach")
    assert f"taken_at={(machine.day / 'taken_at').read_text().strip()}" in calls[2]


@pytest.mark.parametrize("fails", [1, 2])
def test_a_failed_night_passes_for_no_backup(machine: Machine, fails: int) -> None:
    code, calls = machine.night(fails)

    assert code != 0
    assert len(calls) == fails
    assert machine.day.name.endswith(".half-made")
    assert machine.restore() == (1, [])
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

    assert machine.restore() == (1, [])


@pytest.mark.parametrize("fails", range(1, 7))
def test_a_restore_ends_at_its_first_error(machine: Machine, fails: int) -> None:
    machine.night()
    code, calls = machine.restore(fails)

    assert code != 0
    assert len(calls) == fails


def test_nothing_is_put_back_of_a_backup_with_a_file_too_many(machine: Machine) -> None:
    machine.night()
    (machine.day / "files" / "another.pdf").write_text("bill")

    assert machine.restore() == (1, [])


@pytest.mark.parametrize("name", ["taken_at", "database.dump", "files/bill.pdf", "files", "SHA256SUMS"])
def test_nothing_is_put_back_of_a_backup_in_which_a_part_is_a_link(machine: Machine, tmp_path: Path, name: str) -> None:
    machine.night()
    (machine.day / name).symlink_to((machine.day / name).rename(tmp_path / "elsewhere"))

    assert machine.restore() == (1, [])


def test_a_night_that_found_a_link_passes_for_no_backup(machine: Machine) -> None:
    machine.program("docker", DOCKER.replace('echo bill > "${@: -1}/bill.pdf"', 'ln -s ../taken_at "${@: -1}/bill.pdf"'))
    code, calls = machine.night()

    assert (code, len(calls)) == (1, 2)
    assert (machine.day / "files" / "bill.pdf").is_symlink()
    assert machine.day.name.endswith(".half-made")


@pytest.mark.parametrize("said", ["", "''", "gone/deeper"])
def test_without_a_folder_that_is_there_nothing_is_made(machine: Machine, said: str) -> None:
    there = machine.backups / "day"
    # A script that forgot its folder makes the day in `/`: by this name that is a folder of ours, so that a broken one does not litter.
    machine.program("date", f"#!/bin/bash\necho '{str(there).removeprefix('/')}'\n")
    code, calls = machine.run(f"bash deploy/backup.sh {said}")

    assert code != 0
    assert calls == []
    assert list(machine.backups.iterdir()) == []


def test_cron_stands_in_no_project(machine: Machine, tmp_path: Path) -> None:
    code, calls = machine.run(f"bash {DEPLOY}/backup.sh '{machine.backups}'", at=tmp_path)

    assert (code, len(calls)) == (0, 2)
    code, calls = machine.run(f"bash {DEPLOY}/restore.sh '{machine.day}'", at=tmp_path)
    assert (code, len(calls)) == (0, 6)


def test_a_link_to_a_script_leads_to_the_project(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "cron.daily").mkdir()
    for name in ("backup", "restore"):
        (tmp_path / "cron.daily" / name).symlink_to(DEPLOY / f"{name}.sh")
    code, calls = machine.run(f"bash cron.daily/backup '{machine.backups}'", at=tmp_path)

    assert (code, len(calls)) == (0, 2)
    code, calls = machine.run(f"bash cron.daily/restore '{machine.day}'", at=tmp_path)
    assert (code, len(calls)) == (0, 6)


def test_without_a_day_nothing_is_put_back(machine: Machine) -> None:
    code, calls = machine.run("bash deploy/restore.sh")

    assert code != 0
    assert calls == []


@pytest.mark.parametrize(
    ("part", "settings"), [("A hospital", "/etc/fuzhen/settings.env"), ("A trial with the sandbox", "var/trial/settings.env")]
)
def test_a_shell_is_told_the_settings_before_it_starts_anything(part: str, settings: str) -> None:
    said = (DEPLOY / "README.md").read_text(encoding="utf-8").split(f"## {part}\n")[1].split("\n## ")[0]

    assert said.index(f"export COMPOSE_ENV_FILES={settings}") < said.index("docker compose")


def test_settings_are_named_in_the_one_form_that_the_scripts_take() -> None:
    for name in ("README.md", "settings.env.example"):
        said = (DEPLOY / name).read_text(encoding="utf-8")
        assert ("COMPOSE_ENV_FILES" in said, "--env-file" in said) == (True, False), name
