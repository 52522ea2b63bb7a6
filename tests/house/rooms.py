"""The source as these tests read it: every room that exists, each file as text and as a syntax tree."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent.parent
ROOMS = ("models", "gateways", "activities", "workflows", "api", "worker", "sandbox", "stack", "migrations", "deploy", "bench", "tests")
GENERATED = HOUSE / "migrations" / "versions"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file of ours."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path inside the house, as a failure shows it."""
        return str(self.path.relative_to(HOUSE))


def sources(*rooms: str) -> Iterator[Source]:
    """Every Python file below these rooms; a room that is not built yet is empty."""
    for room in rooms:
        for path in sorted((HOUSE / room).rglob("*.py")):
            if GENERATED not in path.parents:
                text = path.read_text(encoding="utf-8")
                yield Source(path, text, ast.parse(text))


def calls(source: Source) -> Iterator[ast.Call]:
    """Every call in a file."""
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
