"""Object storage, and uploaded bytes in it: a local folder today, S3 by the same interface later. The facts about each stand in its row."""

import asyncio
import hashlib
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from models.kernel.errors import DomainError

log = structlog.get_logger()
UNREAD: Final = (OSError, BaseError)
"""How a store says that it does not give an object: none is there, or it may not or cannot be read."""


class ObjectFolder:
    """Objects under names that are paths. Whole or not at all; what is not there is a fault, and raised as one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, name: str, content: bytes) -> None:
        await obstore.put_async(_at(self._folder), name, content)

    async def read(self, name: str) -> bytes:
        found = await obstore.get_async(_at(self._folder), name)
        return bytes(await found.bytes_async())

    async def same(self, name: str, sha256: str) -> bytes:
        """The bytes that were kept under this name. Raises `file.unreadable` where they are gone or are others; the log tells it."""
        try:
            content = await self.read(name)
        except UNREAD as fault:
            log.error("file.unreadable", file=name, exc_info=fault)
            raise DomainError("file.unreadable", "conflict") from fault
        if await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest()) != sha256:
            log.error("file.unreadable", file=name)
            raise DomainError("file.unreadable", "conflict")
        return content


class Files(ObjectFolder):
    """Objects are named by row and content: a repeat writes the same bytes again, and nothing is ever overwritten by others.

    The object is there before its row is. One whose row was refused is waste, and found by having none.
    """

    async def put(self, file_id: UUID, sha256: str, content: bytes) -> None:
        """Whole or not at all."""
        await self.write(_name(file_id, sha256), content)

    async def get(self, file_id: UUID, sha256: str) -> bytes:
        """The bytes of a row. Raises `file.unreadable`."""
        return await self.same(_name(file_id, sha256), sha256)


def _name(file_id: UUID, sha256: str) -> str:
    return f"intake/{file_id.hex[:2]}/{file_id}/{sha256}"


@cache
def _at(folder: Path) -> LocalStore:
    return LocalStore(folder, mkdir=True)
