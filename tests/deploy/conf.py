"""deploy/nginx.conf by its grammar: blocks and directives as crossplane reads them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import crossplane  # pyright: ignore[reportMissingTypeStubs]

from tests.deploy.compose import DEPLOY


@dataclass(frozen=True)
class Block:
    """A directive, and what stands inside it."""

    name: str
    args: tuple[str, ...]
    inside: tuple["Block", ...]

    @classmethod
    def read(cls, parsed: dict[str, Any]) -> Self:
        return cls(parsed["directive"], tuple(parsed["args"]), tuple(map(cls.read, parsed.get("block", ()))))

    def all(self, name: str) -> Iterator["Block"]:
        """Every such directive in it, at any depth."""
        for block in self.inside:
            if block.name == name:
                yield block
            yield from block.all(name)

    def one(self, name: str) -> str | None:
        """The first argument of the directive that stands right in it."""
        return next((block.args[0] for block in self.inside if block.name == name), None)


UNKNOWN = ('"http2"', '"default"', '""', '"GET"', '"HEAD"')
"""What crossplane does not know: a directive of Nginx 1.25, and the lines of maps."""


@cache
def conf() -> Block:
    """The whole file. Fails for what its grammar does not allow: a directive unknown, out of its place or wrongly used."""
    path = str(DEPLOY / "nginx.conf")
    parse: Callable[..., dict[str, Any]] = crossplane.parse  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    faults = [error["error"] for error in parse(path, strict=True)["errors"]]
    assert [fault for fault in faults if not fault.startswith(tuple(f"unknown directive {name} in" for name in UNKNOWN))] == []
    return Block("main", (), tuple(Block.read(block) for block in parse(path)["config"][0]["parsed"]))


def server(listening: str) -> Block:
    """The server at this port of the container."""
    return next(block for block in conf().all("server") if block.one("listen") == listening)


def place(path: str) -> Block:
    """The location of the TLS server that a path comes to, as Nginx chooses: exact, else the first pattern, else the longest prefix."""
    places = [block for block in server("8443").inside if block.name == "location" and not block.args[-1].startswith("@")]
    exact = [block for block in places if block.args == ("=", path)]
    patterns = [block for block in places if block.args[0] == "~" and re.search(block.args[1], path)]
    prefixes = [block for block in places if len(block.args) == 1 and path.startswith(block.args[0])]
    return (exact + patterns + sorted(prefixes, key=lambda block: -len(block.args[0])))[0]


def size(text: str) -> int:
    """Bytes of `2m`."""
    return int(text[:-1]) << {"k": 10, "m": 20}[text[-1]]


def seconds(text: str) -> int:
    """Of `30s` or `5m`."""
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]
