"""docs/operations.md against the source: each alarm of the source stands there, and what stands there is there."""

import ast
import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.app import create_app
from models.stores.database import Database
from tests.client import wiring
from tests.house.rooms import HOUSE, calls, sources

OURS = ("models", "gateways", "activities", "workflows", "api", "worker")
LOUD = {"error", "exception", "critical", "fatal"}
PAGE = (HOUSE / "docs" / "operations.md").read_text(encoding="utf-8")
EVENT = re.compile(r"`([a-z_]+\.[a-z_]+)`")
SQL = re.compile(r'^ *(?:\|.*?)?sql "([^"]+)"|`sql "([^"]+)"`', re.MULTILINE)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str) -> dict[str, list[str]]:
    """Of a section's tables: what stands in backticks in the first cell, and the other cells."""
    lines = (line.strip().strip("|").split(" | ") for line in section(title).splitlines() if line.startswith("| `"))
    return {cells[0].strip().strip("`"): cells[1:] for cells in lines}


def alarms() -> Iterator[tuple[str, str]]:
    """Where a line of level error is written, and the event as the source has it."""
    for source in sources(*OURS):
        for call in calls(source):
            if isinstance(call.func, ast.Attribute) and call.func.attr in LOUD and ast.unparse(call.func.value) in {"log", "_log"}:
                yield f"{source.name}:{call.lineno}", ast.unparse(call.args[0])


def words_of_the_source() -> set[str]:
    """Every text of one line that the source has as a constant."""
    nodes = (node for source in sources(*OURS) for node in ast.walk(source.tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_an_alarm_is_named_by_a_word_that_can_be_searched_for() -> None:
    assert not [f"{where} {event}" for where, event in alarms() if not re.fullmatch(r"'[a-z_]+\.[a-z_]+'", event)]


def test_each_alarm_of_the_source_is_explained_and_no_other() -> None:
    explained = rows("Alarms")

    assert {event.strip("'") for _, event in alarms()} == set(explained)
    assert all(len(cells) == 2 and all(len(cell) > 15 for cell in cells) for cells in explained.values()), "what it means, and what to do"


def test_a_task_of_an_office_is_said_by_day_and_calls_nobody_at_night() -> None:
    by_day = {
        ast.unparse(call.args[0]).strip("'")
        for source in sources(*OURS)
        for call in calls(source)
        if ast.unparse(call.func) in {"log.warning", "_log.warning"} and call.args
    }
    tasks = rows("Tasks of an office")

    assert {"refund.stuck", "refund.not_enough"} <= set(tasks) <= by_day
    assert not set(tasks) & {event.strip("'") for _, event in alarms()}
    assert all(len(cells) == 3 and cells[0] for cells in tasks.values()), "whose it is, what it means, and what to do"


def test_each_event_that_the_page_names_is_said_somewhere() -> None:
    """But for the HIS's own refusals, which come as they are."""
    named = {event for event in EVENT.findall(PAGE) if event not in rows("A stuck refund") and event != "his.executed"}

    assert len(named) > 25
    assert not named - words_of_the_source()


def test_each_number_of_ours_is_explained_and_no_other() -> None:
    ours = {
        f"{name}_total" if ast.unparse(call.func) == "Counter" else name
        for source in sources("api", "worker")
        for call in calls(source)
        if ast.unparse(call.func) in {"Counter", "Histogram", "gauge"} and call.args and isinstance(call.args[0], ast.Constant)
        if (name := str(call.args[0].value)).startswith("fuzhen_")
    }
    explained = set(re.findall(r"`(fuzhen_[a-z_]+)", "\n".join(line for line in section("Metrics").splitlines() if line.startswith("| `"))))

    assert len(ours) > 15
    assert explained == ours
    assert set(re.findall(r"fuzhen_[a-z]+_[a-z_]+(?=[{`])", PAGE)) <= ours


async def test_postgresql_understands_each_statement_of_the_page(db: AsyncSession) -> None:
    statements = [first or second for first, second in SQL.findall(PAGE)]

    assert len(statements) > 6
    for statement in statements:
        filled = re.sub(r"\$PID\b", "0", re.sub(r"\$[A-Z]+", "00000000-0000-0000-0000-000000000000", statement))
        await db.execute(text("explain " + filled.replace(":", r"\:")))


async def test_each_request_of_the_page_has_its_route(database: Database) -> None:
    app = create_app(await wiring(database))
    doors = [door for door in iter_route_contexts(app.routes) if isinstance(door.original_route, APIRoute)]
    known = {(method, re.sub(r"\{\w+\}", "*", door.path or "")) for door in doors for method in door.methods or set()}
    asked = {(verb.upper(), "/v1" + re.sub(r"\$[A-Z]+", "*", path)) for verb, path in re.findall(r"\b(get|post) '?(/[^ '?|`]+)", PAGE)}

    assert len(asked) > 8
    assert not asked - known


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)", PAGE))))
def test_make_knows_each_target_of_the_page(target: str) -> None:
    assert re.search(rf"^{target}:", (HOUSE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
