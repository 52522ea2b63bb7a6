"""What comes in is read as ASCII: `\\d`, `\\w`, `isdigit` and their like take the digits and letters of every script."""

import ast

from tests.house.rooms import calls, sources

ROOMS = ("models", "api", "gateways", "activities", "workflows", "worker", "stack")
OF_ANY_SCRIPT = {r"\d", r"\w"}
METHODS = {"isdigit", "isdecimal", "isnumeric", "isalnum", "isalpha", "strptime"}
READS_A_TIME = "models/kernel/clock.py"


def test_no_pattern_takes_any_script() -> None:
    loose = [
        f"{source.name}:{node.lineno} {node.value}"
        for source in sources(*ROOMS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and any(part in node.value for part in OF_ANY_SCRIPT)
    ]

    assert not loose, "write [0-9], or the letters that are meant"


def test_no_question_takes_any_script() -> None:
    loose = [
        f"{source.name}:{call.lineno} {call.func.attr}"
        for source in sources(*ROOMS)
        for call in calls(source)
        if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS and source.name != READS_A_TIME
    ]

    assert not loose, "match [0-9]; a time without a zone is read by models/kernel/clock.py"
