"""A folder that is whole or not there: made beside its name, on the disk before it has it, and removed by whatever goes wrong."""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Generator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, TypeVar

from stack.data import HALF_MADE, DataFolder, alone
from stack.errors import PartError, StackError

T = TypeVar("T")
_CHUNK: Final = 1 << 20
_FULL: Final = 1 << 20
"""A disk with less is full."""
_NO_SPACE: Final = os.strerror(errno.ENOSPC)
"""As programs say it; some of them clear up before they end, and then there is space again."""


@contextlib.contextmanager
def fresh_folder(target: Path, *, mode: int, setting: str) -> Generator[Path]:
    """The folder to fill, of this mode; at the end of the block it becomes `target`, which is not there yet, or is empty.

    Whatever goes wrong leaves nothing, and is a StackError with `setting`, which says how to choose another. One at a time makes `target`.
    Its mark goes last, when it has its name: who is killed leaves one with a mark or an empty one, and the next clears that.
    """
    target = target.resolve()
    fresh = target.parent / f"{target.name}.new"
    missing = [one for one in target.parents if not one.exists()]
    elsewhere = f"Choose another with {setting}"
    _refuse_in_half_made(target, elsewhere)
    try:
        fresh.mkdir(parents=True, exist_ok=True)
        held = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as refused:
        raise StackError(f"{target} cannot be made: {_why(refused)}. {elsewhere}") from None
    ours, made = False, fresh
    try:
        _refuse_others(held, fresh, target, elsewhere)
        _refuse_running(fresh, elsewhere)
        ours = _marked(fresh) or not any(fresh.iterdir())
        _refuse_taken(target, elsewhere)
        if not ours:
            raise StackError(f"{fresh} is in the way, and holds what no command like this has left. Move it. {elsewhere}")
        _begun(fresh, mode)
        if _marked(target):
            _cleared(target, elsewhere)
        yield fresh
        made = fresh.replace(target)
        synced(target.parent)
        (target / HALF_MADE).unlink()
        synced(target)
    except BaseException as failed:
        space = shutil.disk_usage(fresh.parent).free
        left = _removed(made, missing) if ours else ""
        match failed:
            case PartError():
                told = failed.told  # its log goes with the folder
            case StackError():
                told = str(failed)
            case OSError():
                told = _not_made(failed, target, fresh, elsewhere)
            case _:
                raise
        full = f"\nThe disk of {fresh.parent} is full." if space < _FULL or _NO_SPACE in told else ""
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


def _marked(folder: Path) -> bool:
    return DataFolder(folder).half_made


def _refuse_others(held: int, folder: Path, target: Path, elsewhere: str) -> None:
    """Whoever held it before may have given the folder its name."""
    try:
        ours = alone(held) and os.path.samestat(os.fstat(held), folder.stat())
    except FileNotFoundError:
        ours = False
    if not ours:
        raise StackError(f"{target} is being made by somebody else at this moment. {elsewhere}")


def _refuse_in_half_made(target: Path, elsewhere: str) -> None:
    if above := next((one for one in target.parents if _marked(one)), None):
        raise StackError(f"{target} is in {above}, which is half made and will be cleared. {elsewhere}")


def _refuse_running(folder: Path, elsewhere: str) -> None:
    if DataFolder(folder).runs:
        raise StackError(f"A stack is running on {folder}, which would be cleared. Stop it. {elsewhere}")


def _refuse_taken(target: Path, elsewhere: str) -> None:
    if target.is_mount():
        raise StackError(f"{target} is a disk of its own, whose place no folder can take. {elsewhere}")
    if target.exists() and not target.is_dir():
        raise StackError(f"{target} is a file, and nothing is ever overwritten. {elsewhere}")
    if target.exists() and any(target.iterdir()) and not _marked(target):
        raise StackError(f"{target} is not empty, and nothing is ever overwritten. {elsewhere}")


def _begun(fresh: Path, mode: int) -> None:
    """With a mark, and without what somebody left who was killed."""
    (fresh / HALF_MADE).touch()
    synced(fresh)
    _emptied(fresh)
    fresh.chmod(mode)


def _cleared(target: Path, elsewhere: str) -> None:
    """What has its name and still its mark: who made it was killed between the two, unless they are about to take it off."""
    held = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _refuse_others(held, target, target, elsewhere)
        _refuse_taken(target, elsewhere)
        _refuse_running(target, elsewhere)
        _emptied(target)
        _unmade(target)
    finally:
        os.close(held)


def _emptied(folder: Path) -> None:
    """Of all but its mark, as far as it can be; then raises the first refusal."""
    refused: list[OSError] = []
    for one in (one for one in folder.iterdir() if one.name != HALF_MADE):
        try:
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
        except OSError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _unmade(folder: Path) -> None:
    """An emptied one: its mark, and then itself."""
    (folder / HALF_MADE).unlink(missing_ok=True)
    folder.rmdir()


def _removed(made: Path, missing: list[Path]) -> str:
    """With the folders above it that were made for it. Says so when something is left: there may be keys in it."""
    with contextlib.suppress(OSError):
        _emptied(made)
        _unmade(made)
    for one in missing:
        with contextlib.suppress(OSError):
            one.rmdir()
    return f"\n{made} could not be removed. Do so by hand: it may hold keys" if made.exists() else ""


def _not_made(failed: OSError, target: Path, fresh: Path, elsewhere: str) -> str:
    """Whose fault it is: another place helps only where ours is at fault."""
    if failed.filename and not any(Path(failed.filename).is_relative_to(ours) for ours in (fresh, target)):
        return f"{failed.filename} cannot be read: {failed.strerror}"
    return f"{target} cannot be made: {_why(failed)}. {elsewhere}"


def _why(failed: OSError) -> str:
    return f"{failed.strerror or failed}" + (f" ({failed.filename})" if failed.filename else "")


def _raised(failed: OSError) -> None:
    raise failed
