"""What a workflow builds must be the same when its history is replayed."""

import ast

from tests.house.rooms import calls, sources

SAME_EACH_TIME = {"list", "dict", "set", "tuple", "frozenset"}


def test_no_default_comes_from_clock_or_chance() -> None:
    """A model is passed through the workflow sandbox unseen, so a default that reads the clock gives a replay other values."""
    impure = [
        f"{source.name}:{call.lineno} {ast.unparse(keyword.value)}"
        for source in sources("models", "activities", "workflows")
        for call in calls(source)
        for keyword in call.keywords
        if keyword.arg == "default_factory" and _made_by(keyword.value) not in SAME_EACH_TIME
    ]

    assert not impure, "pass the value in; a factory may only make an empty list, dict, set or tuple"


def _made_by(factory: ast.expr) -> str:
    return ast.unparse(factory.value if isinstance(factory, ast.Subscript) else factory)
