"""What Prometheus reads of the API: by a route's template and never a path, of nobody, and told inside only."""

import re
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.wiring import Wiring
from models.kernel import ids
from models.live import Topic
from models.stores.database import Database
from tests.account.builders import patient_signed_in
from tests.client import Hands, wiring
from worker.metrics import counted

TEMPLATE = "/v1/revisits/{revisit_id}/timeline"
PERSONAL = {"phone": "13800138000", "id_number": "110101194912310022", "name": "张秀英"}
AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-fA-F]{16,}|\d{9,}")


@pytest_asyncio.fixture
async def parts(database: Database, clock: Hands) -> Wiring:
    return await wiring(database, clock)


@pytest.fixture
def app(parts: Wiring) -> FastAPI:
    return create_app(parts)


def client(app: FastAPI, host: str = "127.0.0.1") -> httpx.AsyncClient:
    """Whose call comes from `host`."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 40_000)), base_url="http://api")


@contextmanager
def counting() -> Generator[None]:
    """Log lines are counted on their way, as in the process itself."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars, counted]):
        yield


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def requests(route: str, method: str, status: str) -> float:
    return told("fuzhen_request_seconds_count", route=route, method=method, status=status)


async def page(app: FastAPI) -> str:
    async with client(app) as prometheus:
        answer = await prometheus.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    return answer.text


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """By the values of its labels."""
    found = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return {tuple(one.labels.values()): one.value for one in found if one.name == name}


async def test_a_request_is_counted_by_its_template_and_timed(app: FastAPI, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    before, answered = requests(TEMPLATE, "GET", "4xx"), told("fuzhen_answers_total", status="404")

    async with client(app) as browser:
        with counting():
            assert (await browser.get(f"/v1/revisits/{ids.new()}/timeline", headers=bearer)).status_code == 404

    assert requests(TEMPLATE, "GET", "4xx") - before == 1
    assert told("fuzhen_answers_total", status="404") - answered == 1
    assert told("fuzhen_request_seconds_sum", route=TEMPLATE, method="GET", status="4xx") > 0


async def test_what_has_no_route_and_what_is_no_method_share_one_label(app: FastAPI) -> None:
    before = requests("none", "GET", "4xx"), requests("none", "other", "4xx")

    async with client(app) as scanner:
        with counting():
            for path in ("/wp-login.php", "/v1/revisits/x/y/z", "/.env"):
                await scanner.get(path)
                await scanner.request("BREW", path)

    assert (requests("none", "GET", "4xx") - before[0], requests("none", "other", "4xx") - before[1]) == (3, 3)


async def test_an_answer_of_503_is_seen(app: FastAPI, database: Database, clock: Hands) -> None:
    """Its Temporal is not there, so the history cannot be read."""
    before = told("fuzhen_answers_total", status="503")

    async with client(app) as probe:
        with counting():
            assert (await probe.get("/health/ready")).status_code == 503

    assert told("fuzhen_answers_total", status="503") - before == 1


async def test_open_streams_and_the_use_of_the_pool_are_told(app: FastAPI, parts: Wiring) -> None:
    with parts.live.open(ids.new(), [Topic("revisit", ids.new()), Topic("charge", ids.new())]), parts.live.open(ids.new(), []):
        open_ones = samples(await page(app), "fuzhen_streams")
    then = await page(app)

    assert (open_ones, samples(then, "fuzhen_streams")) == ({(): 2}, {(): 0})
    connections = samples(then, "fuzhen_database_connections")
    assert connections["in_use",] <= connections["most",]


@pytest.mark.parametrize(
    ("host", "headers", "found"),
    [
        ("127.0.0.1", {}, True),
        ("10.20.0.7", {}, True),
        ("fd00::7", {}, True),
        ("8.8.8.8", {}, False),
        ("unix", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, False),
        ("10.20.0.7", {"Forwarded": "for=8.8.8.8"}, False),
    ],
)
async def test_it_is_told_inside_and_to_nobody_else(app: FastAPI, host: str, headers: dict[str, str], found: bool) -> None:
    async with client(app, host) as whoever:
        answer = await whoever.get("/metrics", headers=headers)

    if found:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (404, "request.no_route")


async def test_being_read_leaves_no_line(app: FastAPI) -> None:
    with structlog.testing.capture_logs() as lines:
        await page(app)

    assert lines == []


async def test_nothing_in_it_names_anybody_whatever_was_asked(app: FastAPI, database: Database, clock: Hands) -> None:
    """Every door is knocked at with ids in its path and a person in its query and its body."""
    _, bearer = await patient_signed_in(database, clock)
    doors = [door for door in iter_route_contexts(app.routes) if isinstance(door.original_route, APIRoute) and door.path != "/v1/events"]

    async with client(app) as browser:
        with counting():
            for door in doors:
                path = re.sub(r"\{\w+\}", lambda _: str(ids.new()), door.path or "")
                for method in door.methods or set():
                    await browser.request(method, path, params=PERSONAL, json=PERSONAL, headers=bearer | {"Idempotency-Key": ids.new().hex})
            await browser.get(f"/v1/{PERSONAL['phone']}")
    text = await page(app)

    counted_of = [family for family in text_string_to_metric_families(text) if family.name == "fuzhen_request_seconds"]
    routes = {one.labels["route"] for family in counted_of for one in family.samples}
    assert len(routes) > 40
    assert routes <= {door.path for door in doors} | {"none"}
    ours = "\n".join(line for line in text.splitlines() if "fuzhen_" in line)
    labels = re.findall(r'"([^"]*)"', ours)
    assert labels
    assert not [label for label in labels if AN_ID.search(label) or any(value in label for value in PERSONAL.values())]
