"""All that a hospital must not lose, copied out of a stack that runs, and put into an empty folder: rows, files, keys.

Temporal's store is in no backup: every process begins again from its row. The dump is taken first and the files after it, since a file is
there before its row is; so whatever the rows name is among the files.
"""

import asyncio
import hashlib
import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from stack.data import DataFolder
from stack.errors import StackError
from stack.ports import HOST, free_ports, listens
from stack.postgres import DATABASE, ROLE, PostgreSQL
from stack.process import Process, tether

DUMP: Final = "database.dump"
FILES: Final = "files"
SECRETS: Final = "secrets"
MANIFEST: Final = "manifest.json"
"""Written last: a folder without one is no backup."""
_NOTE: Final = Path(__file__).with_name("restored.sql")
NOT_KEPT: Final = "*-password"
"""Of a server, which the new one makes for itself."""


class Manifest(BaseModel):
    """What a backup holds, so that a restore can tell that nothing of it is missing or changed."""

    model_config = ConfigDict(frozen=True)
    taken_at: datetime
    dump_sha256: str
    files: int
    secrets: dict[str, str]
    """Names and sha256."""


async def backup(data: DataFolder, port: int, to: Path) -> Manifest:
    """Of the stack that is up on `port`, into a folder that is not there yet; whole or not there at all. Nobody waits for it.

    Raises StackError when the stack is not up or `to` is taken, PartError with its log when the database cannot be read.
    """
    if not await listens(port):
        raise StackError(f"No database answers on port {port}. Back up a stack that is up, with its PORT_BASE=… and DATA=…")
    taken_at, fresh = datetime.now(UTC), await asyncio.to_thread(_room, to, 0o700)
    server = PostgreSQL(data, port)
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={fresh / DUMP}"]
    await _program(data, server, "The backup of the database", "pg_dump", port, [*options, DATABASE]).run()
    await asyncio.to_thread(_copy, data.path / FILES, fresh / FILES)
    await asyncio.to_thread(_copy, data.secrets, fresh / SECRETS, NOT_KEPT)
    manifest = Manifest(taken_at=taken_at, **await asyncio.to_thread(_seen, fresh))
    await asyncio.to_thread(_named, fresh, to, manifest)
    return manifest


async def restore(kept: Path, data: DataFolder) -> Manifest:
    """A backup into a folder that is not there yet or is empty; whole or not at all. A stack that is started on it goes on from there.

    Raises StackError when the folder holds something or the backup is not whole, PartError when the database refuses it.
    """
    manifest = await asyncio.to_thread(_checked, kept)
    fresh = DataFolder(await asyncio.to_thread(_room, data.path, 0o711))
    with fresh.held():
        await asyncio.to_thread(_copy, kept / FILES, fresh.path / FILES)
        await asyncio.to_thread(_copy, kept / SECRETS, fresh.secrets)
        server = PostgreSQL(fresh, port := free_ports(1)[0])
        try:
            await server.start()
            options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}"]
            await _program(fresh, server, "The restore of the database", "pg_restore", port, [*options, str(kept / DUMP)]).run()
            await _program(fresh, server, "The note of the restore", "psql", port, _noted(manifest)).run()
        finally:
            await server.stop()
    await asyncio.to_thread(fresh.path.replace, data.path)
    return manifest


def _program(data: DataFolder, server: PostgreSQL, title: str, name: str, port: int, options: list[str]) -> Process:
    command = [str(server.program(name)), f"--host={HOST}", f"--port={port}", f"--username={ROLE}", "--no-password", *options]
    return Process(title, command, log=data.log("backup"), tether=tether(signal.SIGKILL), settings={"PGPASSWORD": server.password})


def _noted(manifest: Manifest) -> list[str]:
    """For who must know that more was done outside than stands here. A variable of `psql` is one only in what it reads, not in `-c`."""
    return ["--set=ON_ERROR_STOP=1", f"--set=taken_at={manifest.taken_at.isoformat()}", f"--file={_NOTE}", DATABASE]


def _room(target: Path, mode: int) -> Path:
    """A fresh folder beside the one that it becomes once it is whole. An empty folder may stand there already."""
    if target.exists() and any(target.iterdir()):
        raise StackError(f"{target} is not empty, and nothing is ever overwritten. Choose another with TO=… or DATA=…")
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=mode)
    return fresh


def _named(fresh: Path, to: Path, manifest: Manifest) -> None:
    """On the disk before it has its name."""
    (fresh / MANIFEST).write_text(manifest.model_dump_json(indent=2))
    for one in (fresh, *fresh.rglob("*")):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    fresh.replace(to)


def _copy(source: Path, target: Path, *but: str) -> None:
    if source.exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*but))
    else:
        target.mkdir(mode=0o700)


def _seen(folder: Path) -> dict[str, Any]:
    secrets = {one.name: _sha256(one) for one in sorted((folder / SECRETS).iterdir())}
    files = sum(one.is_file() for one in (folder / FILES).rglob("*"))
    return {"dump_sha256": _sha256(folder / DUMP), "files": files, "secrets": secrets}


def _checked(kept: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((kept / MANIFEST).read_text())
        seen = _seen(kept)
    except (OSError, ValidationError, json.JSONDecodeError) as wrong:
        raise StackError(f"{kept} is no whole backup ({type(wrong).__name__}). Choose another with FROM=…") from None
    if differing := [name for name, value in seen.items() if getattr(manifest, name) != value]:
        raise StackError(f"{kept} is not as it was taken: {', '.join(differing)} differ. Choose another with FROM=…")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
