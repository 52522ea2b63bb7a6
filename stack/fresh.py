"""A folder that is whole or not there: made beside its name, on the disk before it has it, and removed by whatever goes wrong."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Generator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, TypeVar

from stack.errors import PartError, StackError

T = TypeVar("T")
_CHUNK: Final = 1 << 20
_MARK: Final = ".half-made"
"""In a folder that is being made: whoever finds it knows that it may be cleared."""
_FULL: Final = 1 << 20
"""A disk with less is full."""


@contextlib.contextmanager
def fresh_folder(target: Path, *, mode: int, setting: str) -> Generator[Path]:
    """The folder to fill, of this mode; at the end of the block it becomes `target`, which is not there yet, or is empty.

    Whatever goes wrong leaves nothing, and is a StackError with `setting`, which says how to choose another. One at a time makes `target`.
    """
    target = target.resolve()
    fresh = target.parent / f"{target.name}.new"
    missing = [one for one in target.parents if not one.exists()]
    elsewhere = f"Choose another with {setting}"
    try:
        fresh.mkdir(parents=True, exist_ok=True)
        held = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as refused:
        raise StackError(f"{target} cannot be made: {_why(refused)}. {elsewhere}") from None
    try:
        if not _alone(held, fresh):
            raise StackError(f"{target} is being made by somebody else at this moment. {elsewhere}")
        ours = (fresh / _MARK).exists() or not any(fresh.iterdir())
        try:
            _refuse_taken(target, elsewhere)
            if not ours:
                raise StackError(f"{fresh} is in the way, and holds what no command like this has left. Move it. {elsewhere}")
            _emptied(fresh, mode)
            yield fresh
            (fresh / _MARK).unlink()
            fresh.replace(target)
            synced(target.parent)
        except BaseException as failed:
            full = f"\nThe disk of {fresh.parent} is full." if shutil.disk_usage(fresh.parent).free < _FULL else ""
            left = _removed(fresh, missing) if ours else ""
            match failed:
                case PartError():
                    told = failed.told  # its log goes with the folder
                case StackError():
                    told = str(failed)
                case OSError():
                    told = _not_made(failed, target, fresh, elsewhere)
                case _:
                    raise
            raise StackError(told + full + left) from None
    finally:
        os.close(held)


async def apart(work: Callable[[threading.Event], T]) -> T:
    """In a thread, so that nobody waits for it. Cancelled, it tells the thread by the event, and returns when that has ended."""
    stop = threading.Event()
    doing = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({doing})
        doing.exception()
        raise


def copied(source: Path, target: Path, stop: threading.Event, *but: str, lively: bool = False) -> dict[str, str]:
    """A folder, for its owner alone, on the disk when this returns; answers the sha256 of each file by its path in there.

    Not what fits a pattern of `but`. In a `lively` folder files come and go: one that has gone is none. No folder is an empty one.
    """
    if not source.exists():
        target.mkdir(mode=0o700)
        return {}
    sums: dict[str, str] = {}
    made: list[Path] = []
    for folder, _, names in os.walk(source, onerror=_raised):
        below = Path(folder).relative_to(source)
        (target / below).mkdir(mode=0o700)
        made.append(target / below)
        for name in names:
            if stop.is_set():
                return {}
            if any(fnmatch(name, pattern) for pattern in but):
                continue
            try:
                sums[str(below / name)] = _copied_file(Path(folder, name), target / below / name)
            except FileNotFoundError:
                if not lively or Path(folder, name).exists():
                    raise
    synced(*made)
    return sums


def sha256(file: Path) -> str:
    """In hex digits."""
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()


def synced(*paths: Path) -> None:
    """On the disk: a file's contents, a folder's names."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _copied_file(source: Path, target: Path) -> str:
    seen = hashlib.sha256()
    with source.open("rb") as read, os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as written:
        while chunk := read.read(_CHUNK):
            seen.update(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    return seen.hexdigest()


def _alone(held: int, fresh: Path) -> bool:
    """The kernel lets go of the lock when its holder ends, however; and whoever held it before may have given the folder its name."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(held), fresh.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _refuse_taken(target: Path, elsewhere: str) -> None:
    if target.is_mount():
        raise StackError(f"{target} is a disk of its own, whose place no folder can take. {elsewhere}")
    if target.exists() and not target.is_dir():
        raise StackError(f"{target} is a file, and nothing is ever overwritten. {elsewhere}")
    if target.exists() and any(target.iterdir()):
        raise StackError(f"{target} is not empty, and nothing is ever overwritten. {elsewhere}")


def _emptied(fresh: Path, mode: int) -> None:
    """Of what somebody left who was killed."""
    (fresh / _MARK).touch()
    for one in (one for one in fresh.iterdir() if one.name != _MARK):
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
    fresh.chmod(mode)


def _removed(fresh: Path, missing: list[Path]) -> str:
    """With the folders above it that were made for it. Says so when something is left: there may be keys in it."""
    shutil.rmtree(fresh, ignore_errors=True)
    for one in missing:
        with contextlib.suppress(OSError):
            one.rmdir()
    return f"\n{fresh} could not be removed. Do so by hand: it may hold keys" if fresh.exists() else ""


def _not_made(failed: OSError, target: Path, fresh: Path, elsewhere: str) -> str:
    """Whose fault it is: another place helps only where ours is at fault."""
    if failed.filename and not Path(failed.filename).is_relative_to(fresh) and Path(failed.filename) != target:
        return f"{failed.filename} cannot be read: {failed.strerror}"
    return f"{target} cannot be made: {_why(failed)}. {elsewhere}"


def _why(failed: OSError) -> str:
    return f"{failed.strerror or failed}" + (f" ({failed.filename})" if failed.filename else "")


def _raised(failed: OSError) -> None:
    raise failed
