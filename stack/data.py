"""The stack's folder on disk: who holds it, where each part keeps its own, and the keys made once."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

from stack.errors import StackError

FILES: Final = "files"
SECRETS: Final = "secrets"
COLUMN_KEY: Final = "column-key"
INDEX_KEY: Final = "index-key"
HALF_MADE: Final = ".half-made"
"""In a folder that is being made: no stack runs on it, and whoever makes it anew may clear it."""


class DataFolder:
    """Everything a stack keeps: database files, logs, uploaded files and secrets. Backed up or deleted as one."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.secrets = self.path / SECRETS
        self._lock = self.path / "lock"

    @property
    def half_made(self) -> bool:
        """Whether its maker is still at it, or was killed."""
        return (self.path / HALF_MADE).exists()

    @property
    def runs(self) -> bool:
        """Whether a stack holds it at this moment."""
        try:
            lock = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not alone(lock)
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def held(self, *, making: bool = False) -> Generator[None]:
        """Make the folder and hold it alone. The kernel lets go of the lock when we end, however we end.

        Raises StackError when it cannot be had; a half-made one has only who is `making` it.
        """
        try:
            # 0711: PostgreSQL's own account may pass through when we are root, and nobody can look around.
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
            lock = os.open(self._lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as refused:
            raise StackError(f"The data folder {self.path} cannot be used: {refused.strerror}. Choose another with DATA=…") from refused
        try:
            ours = alone(lock)
            if self.half_made and not making:
                raise StackError(
                    f"The data folder {self.path} is half made: who makes it is at it, or was killed. "
                    "Restore it anew, or choose another with DATA=…"
                )
            if not ours:
                raise StackError(
                    f"Another stack is running on the data folder {self.path}. Stop it, or start this one with DATA=… and PORT_BASE=…"
                )
            yield
        finally:
            os.close(lock)

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def room(self, name: str) -> Path:
        """A folder for one part alone."""
        room = self.path / name
        room.mkdir(exist_ok=True, mode=0o700)
        return room

    def has_secret(self, name: str) -> bool:
        """Whether it was made already."""
        return (self.secrets / name).exists()

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """A secret that is made at its first use and then stays; whole or not there at all, also after a power cut."""
        self.secrets.mkdir(exist_ok=True, mode=0o700)
        kept = self.secrets / name
        if not kept.exists():
            fresh = self.secrets / f"{name}.new"
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(kept)
        return kept.read_text()


def alone(handle: int) -> bool:
    """Whether what is open here is ours alone from now on. The kernel lets go of it when we end, however."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
