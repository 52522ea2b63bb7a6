"""The six TCP ports of a stack, all on 127.0.0.1."""

import asyncio
import secrets
import socket
from dataclasses import dataclass, fields
from typing import Self

from stack.errors import StackError

HOST = "127.0.0.1"
_TITLES = {
    "api": "the API",
    "sandbox": "the sandbox",
    "temporal": "Temporal",
    "temporal_ui": "the Temporal UI",
    "postgres": "PostgreSQL",
    "worker_health": "the worker's health page",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port for each server, in the order in which they follow the base."""

    api: int
    sandbox: int
    temporal: int
    temporal_ui: int
    postgres: int
    worker_health: int

    @classmethod
    def from_base(cls, base: int) -> Self:
        """Six ports in a row: API, sandbox, Temporal, its UI, PostgreSQL, worker health."""
        if not 1024 <= base <= 65_535 - len(_TITLES) + 1:
            raise StackError(f"PORT_BASE={base} does not leave room for {len(_TITLES)} ports between 1024 and 65535")
        return cls(**{field.name: base + offset for offset, field in enumerate(fields(cls))})

    @classmethod
    def free(cls) -> Self:
        """Six ports that are free now, for tests."""
        return cls(**dict(zip((field.name for field in fields(cls)), free_ports(len(_TITLES)), strict=True)))

    def check_free(self) -> None:
        """Refuse with the port, who needs it and how to move it, before anything is started."""
        for field in fields(self):
            port = getattr(self, field.name)
            if is_taken(port):
                raise StackError(
                    f"Port {port} on {HOST} is taken, and {_TITLES[field.name]} needs it. "
                    "Stop the program that listens there, or move all six ports with PORT_BASE=…"
                )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, for tests: below those that the kernel lends to outgoing connections, which come and go."""
    free: set[int] = set()
    while len(free) < count:
        port = 20_000 + secrets.randbelow(12_000)
        if not is_taken(port):
            free.add(port)
    return list(free)


def is_taken(port: int) -> bool:
    """Whether a server could not listen there. Connections of an earlier run that are still timing out do not count."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
        except OSError:
            return True
        return False


async def listens(port: int) -> bool:
    """Whether a server takes connections there already."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
