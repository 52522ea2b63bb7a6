"""Revisions as the gate meets them: the house's own and more beside, applied to a database, or as the SQL that they would be."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from tests.house.rooms import HOUSE

VERSIONS = HOUSE / "migrations" / "versions"
SQUAWK = Path(sys.executable).with_name("squawk")


def config(*beside: Path) -> Config:
    """Alembic as every installation runs it, knowing the revisions of these folders too."""
    found = Config(HOUSE / "alembic.ini", output_buffer=io.StringIO())
    found.set_main_option("script_location", str(HOUSE / "migrations"))
    found.set_main_option("version_locations", os.pathsep.join(map(str, (VERSIONS, *beside))))
    return found


def line(*beside: Path) -> list[Script]:
    """All revisions, the first one first. Raises when they are no single line."""
    scripts = ScriptDirectory.from_config(config(*beside))
    scripts.get_current_head()
    return list(reversed(list(scripts.walk_revisions())))


async def upgrade(url: str, *beside: Path, to: str = "head") -> None:
    """Apply to the database of that URL, by our own `migrations/env.py`. Raises what the database raises."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FUZHEN_DATABASE_URL", url)
        await asyncio.to_thread(command.upgrade, config(*beside), to)


async def differences(url: str) -> None:
    """`alembic check`: raises when the code has what this database has not."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FUZHEN_DATABASE_URL", url)
        await asyncio.to_thread(command.check, config())


def sql_of(revision: Script, *beside: Path) -> str:
    """What the revision would do to the database, as SQL with its transactions and time-outs."""
    before = revision.down_revision or "base"
    assert isinstance(before, str), "a revision follows one other"
    asked = config(*beside)
    command.upgrade(asked, f"{before}:{revision.revision}", sql=True)
    assert isinstance(asked.output_buffer, io.StringIO)
    return asked.output_buffer.getvalue()


def objections(sql: str) -> list[str]:
    """What squawk has against it, as `rule: the line`."""
    rules = ["--config", str(HOUSE / ".squawk.toml"), "--reporter", "json"]
    said = subprocess.run([SQUAWK, *rules], input=sql, capture_output=True, text=True, check=False)
    assert said.returncode in {0, 1}, said.stderr
    found: list[dict[str, Any]] = json.loads(said.stdout or "[]")
    lines = sql.splitlines()
    return [f"{one['rule_name']}: {lines[one['line']]}" for one in found]


def write(folder: Path, name: str, body: str, *, after: str | None = None) -> Path:
    """A revision file in a folder beside, which does what the body says; the folder, for who applies it."""
    last = after or line()[-1].revision
    revision = (
        f'"""{name}"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {name!r}\ndown_revision = {last!r}\n\n\ndef upgrade() -> None:\n{indent(dedent(body).strip(), '    ')}\n"
    )
    (folder / f"{name}.py").write_text(revision, encoding="utf-8")
    return folder


def names(scripts: Iterable[Script]) -> list[str]:
    """Of their files."""
    return [Path(one.path).name for one in scripts]
