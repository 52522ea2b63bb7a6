"""All that a hospital must not lose, copied out of a stack that runs, and put into an empty folder: rows, files, keys.

Temporal's store is in no backup: every process begins again from its row. The dump is taken first and the files after it, since a file is
there before its row is; so whatever the rows name is among the files.
"""

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from stack.data import COLUMN_KEY, FILES, HALF_MADE, INDEX_KEY, SECRETS, DataFolder
from stack.errors import StackError
from stack.fresh import apart, copied, fresh_folder, sha256, synced
from stack.ports import HOST, free_ports, listens
from stack.postgres import DATABASE, ROLE, PostgreSQL
from stack.process import Process, tether

DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
"""Written last: a folder without one is no backup."""
SILENT_S: Final = 60.0
"""How long the dump may stand still."""
_LOG: Final = "backup.log"
_NOTE: Final = Path(__file__).with_name("restored.sql")
_NOT_KEPT: Final = ("*-password", "*.new")
"""Of a server, which the new one makes for itself; and a key that is just being made."""
_HALF_WRITTEN: Final = "*#*"
"""As the object storage names a file until it is whole."""
_NAMED_MAX: Final = 5


class Manifest(BaseModel):
    """What a backup holds, so that a restore can tell that nothing of it is missing or changed."""

    model_config = ConfigDict(frozen=True)
    taken_at: datetime
    sha256: dict[str, str]
    """Of each file, by its path in the backup."""

    def count(self, folder: str) -> int:
        """How many of its files are in that folder."""
        return sum(name.startswith(f"{folder}/") for name in self.sha256)


async def backup(data: DataFolder, port: int, to: Path, *, silent_s: float = SILENT_S) -> Manifest:
    """Of the stack that is up on `port`, into a folder that is not there yet; whole or not there at all. Nobody waits for it.

    Nothing is made in the stack's own folder. Raises StackError when the stack is not up or says nothing, when it lacks what opens its
    rows, and when `to` is taken.
    """
    server = PostgreSQL(data, port)
    _refuse_no_stack(server, data)
    _refuse_lacking(data)
    _refuse_inside(data.path, to, "TO=…")
    _refuse_in_another(to)
    if not await listens(port):
        raise StackError(f"No database answers on port {port}. Back up a stack that is up, with its PORT_BASE=… and DATA=…")
    with fresh_folder(to, mode=0o700, setting="TO=…") as fresh:
        taken_at, dump = datetime.now(UTC), fresh / DUMP
        options = ["--format=custom", "--no-owner", "--no-privileges", "--no-sync", "--lock-wait-timeout=30s", f"--file={dump}", DATABASE]
        dumping = _program("The backup of the database", "pg_dump", server, port, fresh / _LOG, options)
        await dumping.run(far=lambda: dump.stat().st_size if dump.exists() else 0, within_s=silent_s)
        (fresh / _LOG).unlink()
        sums = await apart(lambda stop: _copied(data.path, fresh, stop, lively=True))
        manifest = Manifest(taken_at=taken_at, sha256=sums | {DUMP: await apart(lambda _: sha256(dump))})
        (fresh / MANIFEST).write_text(manifest.model_dump_json(indent=2))
        await apart(lambda _: synced(dump, fresh / MANIFEST, fresh))
    return manifest


async def restore(kept: Path, data: DataFolder) -> Manifest:
    """A backup into a folder that is not there yet or is empty; whole or not at all. A stack that is started on it goes on from there.

    Raises StackError when the folder holds something, when the backup is half made or not as it was taken, and when the database
    refuses it.
    """
    await apart(lambda _: _refuse_links(kept))
    _refuse_half_made(kept)
    manifest = _manifest(kept)
    _refuse_inside(kept, data.path, "DATA=…")
    with fresh_folder(data.path, mode=0o711, setting="DATA=…") as path:
        fresh = DataFolder(path)
        with fresh.held(making=True):
            seen = await apart(lambda stop: _copied(kept, path, stop))
            if (kept / DUMP).exists():
                seen |= {DUMP: await apart(lambda _: sha256(kept / DUMP))}
            _refuse_other(kept, manifest, seen)
            await _loaded(_dump(kept), fresh, manifest)
        synced(fresh.path)
    return manifest


def _copied(source: Path, target: Path, stop: threading.Event, *, lively: bool = False) -> dict[str, str]:
    """Files and keys; answers their sha256 by path."""
    files = copied(source / FILES, target / FILES, stop, _HALF_WRITTEN, lively=lively)
    keys = copied(source / SECRETS, target / SECRETS, stop, *_NOT_KEPT)
    return {f"{folder}/{name}": value for folder, sums in ((FILES, files), (SECRETS, keys)) for name, value in sums.items()}


async def _loaded(dump: Path, fresh: DataFolder, manifest: Manifest) -> None:
    """Into a server of its own, with a note for who must know that more was done outside than stands here."""
    server = PostgreSQL(fresh, port := free_ports(1)[0])
    log = fresh.log("backup")
    try:
        await server.start()
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}", str(dump)]
        await _program("The restore of the database", "pg_restore", server, port, log, options).run()
        # A variable of `psql` is one only in what it reads, not in `-c`.
        options = ["--set=ON_ERROR_STOP=1", f"--set=taken_at={manifest.taken_at.isoformat()}", f"--file={_NOTE}", DATABASE]
        await _program("The note of the restore", "psql", server, port, log, options).run()
    finally:
        await server.stop()


def _program(title: str, name: str, server: PostgreSQL, port: int, log: Path, options: list[str]) -> Process:
    command = [str(server.program(name)), f"--host={HOST}", f"--port={port}", f"--username={ROLE}", "--no-password", *options]
    settings = {"PGPASSWORD": server.password, "PGCONNECT_TIMEOUT": "10"}
    return Process(title, command, log=log, tether=tether(signal.SIGKILL), settings=settings)


def _refuse_no_stack(server: PostgreSQL, data: DataFolder) -> None:
    """Its password would be made otherwise."""
    try:
        known, why = server.has_password, "it holds no database's password"
    except OSError as refused:
        known, why = False, str(refused.strerror)
    if not known:
        raise StackError(f"{data.path} is no folder of a stack that is up: {why}. Say whose with DATA=…")


def _refuse_lacking(data: DataFolder) -> None:
    """Rows without them are lost all the same."""
    wanted = [data.path / FILES, *(data.secrets / key for key in (COLUMN_KEY, INDEX_KEY))]
    if gone := [str(one) for one in wanted if not one.exists()]:
        raise StackError(f"Nothing was backed up: {', '.join(gone)} is not there, without which what the rows hold or name is lost")


def _refuse_inside(source: Path, target: Path, setting: str) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise StackError(f"{target} is in {source}, of which it would be a copy. Choose another with {setting}")


def _dump(kept: Path) -> Path:
    """For a program that runs elsewhere than we do."""
    return kept.absolute() / DUMP


def _refuse_in_another(to: Path) -> None:
    if older := next((one for one in to.resolve().parents if (one / MANIFEST).exists()), None):
        raise StackError(f"{to} is in the backup {older}, which would be spoilt. Choose another with TO=…")


def _refuse_links(kept: Path) -> None:
    """Nobody knows who keeps what a link leads to."""
    if link := next((one for one in _parts(kept) if one.is_symlink()), None):
        raise StackError(f"{link} is a link, and a backup holds none. Choose another with FROM=…")


def _parts(kept: Path) -> Iterator[Path]:
    for name in (MANIFEST, DUMP, FILES, SECRETS):
        yield kept / name
        yield from (kept / name).rglob("*")


def _refuse_half_made(kept: Path) -> None:
    """Its manifest may be there already, and what it names not yet on the disk."""
    if (kept / HALF_MADE).exists():
        raise StackError(f"{kept} is half made: who makes it is at it, or was killed. Choose another with FROM=…")


def _manifest(kept: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((kept / MANIFEST).read_text())
    except (OSError, ValueError) as wrong:
        why = f"{MANIFEST}: {wrong.strerror}" if isinstance(wrong, OSError) else f"{MANIFEST} is not whole"
        raise StackError(f"{kept} is no whole backup ({why}). Choose another with FROM=…") from None


def _refuse_other(kept: Path, manifest: Manifest, seen: dict[str, str]) -> None:
    """By name, as many as one can read."""
    taken = manifest.sha256
    differing = {
        "missing": sorted(taken.keys() - seen.keys()),
        "changed": sorted(name for name in taken.keys() & seen.keys() if taken[name] != seen[name]),
        "not of it": sorted(seen.keys() - taken.keys()),
    }
    told = [f"{how}: {_some(names)}" for how, names in differing.items() if names]
    if told:
        raise StackError(f"{kept} is not as it was taken; {'; '.join(told)}. Choose another with FROM=…")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more
