"""Files and functions that one can read at one sitting, under names that say what they are."""

import ast
import re

from tests.house.rooms import ROOMS, calls, sources

FILE_LINES_MAX = 300
TEST_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Names that say nothing: whatever has no better place ends up there, and nobody finds it again.
NAMELESS = re.compile(r"(^|_)(utils?|helpers?|commons?|bases?|misc|manager)($|_)")


def test_no_file_is_longer_than_one_reads() -> None:
    long = [
        f"{source.name}: {lines} lines"
        for source in sources(*ROOMS)
        if (lines := len(source.text.splitlines())) > (TEST_LINES_MAX if source.name.startswith("tests/") else FILE_LINES_MAX)
    ]

    assert not long, "split by verb or capability"


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{source.name}:{node.lineno} {node.name}: {lines} lines"
        for source in sources(*ROOMS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert not long


def test_every_file_says_by_its_name_what_it_is() -> None:
    nameless = [
        source.name for source in sources(*ROOMS) if any(NAMELESS.search(part) for part in source.name.removesuffix(".py").split("/"))
    ]

    assert not nameless


def test_nothing_prints() -> None:
    printing = [
        f"{source.name}:{call.lineno}"
        for source in sources(*ROOMS)
        for call in calls(source)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]

    assert not printing, "log an event, or write to sys.stdout in the stack and in consoles"
