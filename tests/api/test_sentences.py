"""Whatever is refused says in Chinese what to do next: a sentence for every code that the source names."""

import ast
from collections.abc import Iterator
from pathlib import Path

from api.sentences import SENTENCES

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("models", "activities", "api")
NEVER_TO_PEOPLE = {
    "command.unknown",  # an inbox row of a kind that we don't know
    "money.malformed",  # a wire's amount
    "money.sub_fen",
    "policy.missing",  # an installation without rules
}


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DomainError" and node.args:
            match node.args[0]:
                case ast.Constant(value=str(code)):
                    yield code
                case _:
                    pass


def test_every_code_has_its_sentence() -> None:
    files = [file for room in ROOMS for file in (PROJECT / room).rglob("*.py")]
    codes = {code for file in files for code in _codes(ast.parse(file.read_text()))}

    assert codes
    assert codes - SENTENCES.keys() - NEVER_TO_PEOPLE == set()
