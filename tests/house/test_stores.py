"""Stores take part in a transaction; whoever began it ends it."""

import ast

from tests.house.rooms import calls, sources

ENDING = {"commit", "rollback", "begin"}
# The one place that makes transactions, for activities and requests to hand to stores.
MAKES_TRANSACTIONS = "models/stores/database.py"


def test_no_store_begins_or_ends_a_transaction() -> None:
    ending = [
        f"{source.name}:{call.lineno} {ast.unparse(call.func)}"
        for source in sources("models/stores")
        if source.name != MAKES_TRANSACTIONS
        for call in calls(source)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ENDING
    ]

    assert not ending
