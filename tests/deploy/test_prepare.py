"""The secrets that the file asks for, made; with a running sandbox, all that our programs need to begin."""

import re
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.part import HttpPart
from stack.ports import free_ports
from stack.programs import program
from tests.deploy.compose import DEPLOY, compose, services
from worker.settings import Settings

OWN = {"POSTGRES_PASSWORD", "POSTGRES_FUZHEN_PASSWORD", "POSTGRES_TEMPORAL_PASSWORD"} | {
    "FUZHEN_DATABASE_URL",
    "FUZHEN_COLUMN_KEYS",
    "FUZHEN_INDEX_KEY",
}


def test_what_is_ours_is_made_and_what_is_missing_is_named(tmp_path: Path) -> None:
    said = _prepare(tmp_path / "secrets")

    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == OWN
    assert {line.rpartition("/")[2] for line in said.splitlines()} == set(compose()["secrets"]) - OWN


def test_what_was_made_is_never_made_again(tmp_path: Path) -> None:
    _prepare(tmp_path)
    before = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}

    _prepare(tmp_path)

    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == before


def test_the_folder_is_closed_and_its_files_can_be_read_in_a_container(tmp_path: Path) -> None:
    _prepare(tmp_path / "secrets")

    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}


def test_the_database_is_reached_under_the_password_that_its_role_gets(tmp_path: Path) -> None:
    _prepare(tmp_path)

    password = (tmp_path / "POSTGRES_FUZHEN_PASSWORD").read_text(encoding="utf-8")
    assert (tmp_path / "FUZHEN_DATABASE_URL").read_text(encoding="utf-8") == f"postgresql+asyncpg://fuzhen:{password}@postgres:5432/fuzhen"


def test_with_a_sandbox_our_programs_have_all_that_they_need(sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _prepare(tmp_path, "--sandbox", sandbox)

    assert [line.rpartition("/")[2] for line in said.splitlines()] == ["TLS_CERTIFICATE", "TLS_KEY"]
    for name, value in _environment_of_the_api(tmp_path).items():
        monkeypatch.setenv(name, value)
    settings = Settings.model_validate({})
    assert settings.environment == "embedded"
    assert settings.his.base_url == "http://sandbox:8401/his"
    assert settings.wechat_pay.private_key.get_secret_value().startswith("-----BEGIN")


@pytest_asyncio.fixture
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """As its container runs it."""
    data, port = tmp_path_factory.mktemp("sandbox"), free_ports(1)[0]
    settings = {"SANDBOX_PORT": str(port), "SANDBOX_DATA": str(data)}
    running = HttpPart(program("Sandbox", data / "log", ["sandbox"], settings), port, "/health", stop_within_s=5)
    await running.start()
    yield f"http://127.0.0.1:{port}"
    await running.stop()


def _environment_of_the_api(folder: Path) -> dict[str, str]:
    """As compose puts it together: the file's own values, what settings.env says, and the secrets by their files."""
    said = dict(re.findall(r"^(\w+)='(.*)'$", (folder / "settings.env").read_text(encoding="utf-8"), re.MULTILINE))
    api = services()["api"]
    plain = {name: _resolved(str(value), said) for name, value in api["environment"].items()}
    return plain | {name: (folder / name).read_text(encoding="utf-8") for name in api["secrets"]}


def _resolved(value: str, said: dict[str, str]) -> str:
    """`${NAME:?why}` must be said, `${NAME:-else}` may be."""
    asked = re.compile(r"\$\{(\w+)(?::\?[^}]*|:-([^}]*))\}")
    return asked.sub(lambda found: said[found[1]] if found[2] is None else said.get(found[1], found[2]), value)


def _prepare(folder: Path, *more: str) -> str:
    command = [sys.executable, str(DEPLOY / "prepare.py"), str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
