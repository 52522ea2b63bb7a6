"""What goes into an image is there, and is enough: each program is imported from a folder that holds nothing else."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.deploy.compose import DEPLOY, services
from tests.house.rooms import HOUSE

STAGE = re.compile(r"^FROM (\S+) AS (\w+)$")
COPY = re.compile(r"^COPY (?!--from)(.+) (\S+)$")
REFUSING = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refusing())
"""
"""Python as if the modules named were not installed."""


def test_every_source_of_a_copy_exists_and_goes_into_the_build() -> None:
    let_in = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for _, copied in _stages().values() for source, _ in copied}

    assert len(sources) > 10
    for source in sources:
        assert (HOUSE / source).exists(), source
        assert any(Path(source).match(line) for line in let_in), f"{source} is kept out by Dockerfile.dockerignore"


@pytest.mark.parametrize(
    ("stage", "programs"),
    [("fuzhen", ["api.__main__", "worker.__main__", "worker.books"]), ("demo", ["stack.seed"]), ("sandbox", ["sandbox.__main__"])],
)
def test_an_image_holds_what_its_programs_import(stage: str, programs: list[str], tmp_path: Path) -> None:
    _fill(tmp_path, stage)

    imports = f"import {', '.join(programs)}"
    command = [sys.executable, "-c", REFUSING + imports, *_not_installed()]

    subprocess.run(command, cwd=tmp_path, env=_environment(), check=True)


def test_the_images_of_production_hold_neither_the_outside_world_nor_the_demo(tmp_path: Path) -> None:
    _fill(tmp_path, "fuzhen")

    assert not {"sandbox", "stack", "tests"} & {path.name for path in tmp_path.iterdir()}


def test_the_sandboxs_image_holds_none_of_our_code(tmp_path: Path) -> None:
    _fill(tmp_path, "sandbox")

    assert {path.name for path in tmp_path.iterdir()} == {"sandbox"}


def test_the_migrations_find_their_scripts(tmp_path: Path) -> None:
    _fill(tmp_path, "fuzhen")
    command = [sys.executable, "-m", *services()["migrate"]["command"][:1], "history"]

    shown = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=True)

    assert "<base> ->" in shown.stdout


def test_nobody_in_an_image_is_root() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    for stage in ("fuzhen", "sandbox"):
        body = dockerfile.split(f" AS {stage}\n")[1].split("\nFROM ")[0]
        assert re.search(r"^USER 10001:10001$", body, re.MULTILINE), stage


def test_a_command_finds_each_secret_under_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "FUZHEN_INDEX_KEY").write_text("a key", encoding="utf-8")
    (tmp_path / "FUZHEN_WECHAT_PAY_PUBLIC_KEY").write_text("-----BEGIN\nof 'two' \"lines\" and $one\n", encoding="utf-8")
    command = [
        "/bin/sh",
        str(DEPLOY / "with_secrets.sh"),
        "/bin/sh",
        "-c",
        'printf "%s|%s" "$FUZHEN_INDEX_KEY" "$FUZHEN_WECHAT_PAY_PUBLIC_KEY"',
    ]

    ran = subprocess.run(command, env={"SECRETS_AT": str(tmp_path)}, capture_output=True, text=True, check=True)

    assert ran.stdout == "a key|-----BEGIN\nof 'two' \"lines\" and $one"


def test_a_command_takes_the_place_of_the_script_and_gets_the_signals(tmp_path: Path) -> None:
    shell = f'echo $$; exec /bin/sh "{DEPLOY / "with_secrets.sh"}" /bin/sh -c "echo \\$\\$"'

    ran = subprocess.run(["/bin/sh", "-c", shell], env={"SECRETS_AT": str(tmp_path)}, capture_output=True, text=True, check=True)

    first, second = ran.stdout.split()
    assert first == second


def _stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Each stage: what it stands on, and what it copies from the project, source and target."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    copied: list[tuple[str, str]] = []
    for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if stage := STAGE.match(line):
            copied = []
            found[stage[2]] = (stage[1], copied)
        elif copy := COPY.match(line):
            copied += [(source, copy[2]) for source in copy[1].split()]
    return found


def _fill(folder: Path, stage: str) -> None:
    """The folder as the stage's working folder holds it."""
    below, copied = _stages().get(stage, ("", []))
    if below:
        _fill(folder, below)
    for source, target in copied:
        if (HOUSE / source).is_dir():
            shutil.copytree(HOUSE / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(HOUSE / source, folder / target)


def _not_installed() -> list[str]:
    """Modules of this environment that the image has not: it installs requirements/app.txt alone."""
    pinned = set(re.findall(r"^([\w-]+)==", (HOUSE / "requirements" / "app.txt").read_text(encoding="utf-8"), re.MULTILINE))
    return [name for name, of in packages_distributions().items() if not {re.sub(r"[_.]", "-", dist).lower() for dist in of} & pinned]


def _environment() -> dict[str, str]:
    """Without the project on any path; the modules compiled here are of no use to anyone."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "FUZHEN_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:9/none",
    }
