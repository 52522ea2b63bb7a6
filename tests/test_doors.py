"""Every route is behind a permission or named as an open door, and what changes something is done once for a key.

FastAPI includes routers lazily: looping over `app.routes` would pass without looking.
"""

import inspect
import re
from collections.abc import Iterator
from typing import cast, get_args

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from api.app import create_app
from api.idempotency import Intent
from api.security import OPEN_DOORS, Guard
from api.wiring import Reading, Writing
from models.account import ROLES
from models.kernel.ids import new
from models.stores.database import Database
from tests.api.rights import OPEN
from tests.client import wiring
from tests.settings import settings

DOCUMENT = {"/openapi.json", "/docs", "/docs-files", "/"}
ROOMS = ("/v1/", "/health/", "/metrics", "/webhooks/", "/again/")


def dependency_of(annotated: object) -> object:
    return cast(Depends, get_args(annotated)[1]).dependency


INTENDED = dependency_of(Intent)


@pytest_asyncio.fixture(scope="module")
async def app() -> FastAPI:
    return create_app(await wiring(Database(settings().database_url.get_secret_value(), settings().vault())))


@pytest.fixture(scope="module")
def doors(app: FastAPI) -> list[RouteContext]:
    return [door for door in iter_route_contexts(app.routes) if isinstance(door.original_route, APIRoute)]


def called(dependant: Dependant) -> Iterator[object]:
    """Everything that is asked before the route is."""
    for one in dependant.dependencies:
        yield one.call
        yield from called(one)


def names(door: RouteContext) -> set[str]:
    return {f"{method} {door.path}" for method in door.methods or set()}


def guards(door: RouteContext) -> list[Guard]:
    return [one for one in called(door.dependant) if isinstance(one, Guard)]


def test_there_are_doors(doors: list[RouteContext]) -> None:
    assert {"GET /v1/account", "POST /v1/patients"} <= {name for door in doors for name in names(door)}


def test_every_route_is_behind_a_permission(doors: list[RouteContext]) -> None:
    assert {name for door in doors if not guards(door) for name in names(door)} == OPEN_DOORS == OPEN


def test_every_permission_asked_for_is_someones(doors: list[RouteContext]) -> None:
    asked_for = {permission for door in doors for guard in guards(door) for permission in guard.any_of}

    assert asked_for <= {permission for permissions in ROLES.values() for permission in permissions}


def test_every_wish_of_a_person_has_its_key(doors: list[RouteContext]) -> None:
    posts = [door for door in doors if "POST" in (door.methods or set())]

    assert {name for door in posts if INTENDED not in set(called(door.dependant)) for name in names(door)} <= OPEN


def test_who_calls_is_known_before_a_connection_is_held(doors: list[RouteContext]) -> None:
    """A request that waits for a second connection while it holds one can stop the pool. A signature is asked in its order."""
    holding = {dependency_of(Writing), dependency_of(Reading)}
    wrong = [
        name
        for door in doors
        if guards(door) and holding & set(asked := list(called(door.dependant)))
        if min(map(asked.index, holding & set(asked)))
        < max(at for at, one in enumerate(asked) if isinstance(one, Guard) or one is INTENDED)
        for name in names(door)
    ]

    assert not wrong


def test_nothing_that_is_asked_before_a_route_goes_to_a_thread(doors: list[RouteContext]) -> None:
    """The framework takes a plain function there and back for each request, which costs more than most routes do themselves."""
    asked = {one for door in doors for one in called(door.dependant)}
    plain = {one for one in asked if not any(coroutine(kind) for kind in (one, type(one).__call__))}

    assert not plain


def coroutine(kind: object) -> bool:
    return inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind)


def test_a_path_stands_whole_in_its_router(doors: list[RouteContext]) -> None:
    """The scope of an intent is the path as the route itself has it."""
    assert all(isinstance(door.original_route, APIRoute) and door.original_route.path == door.path for door in doors)
    assert all((door.path or "").startswith(ROOMS) or door.path in {"/v1/account"} for door in doors)


def test_nothing_else_answers(app: FastAPI) -> None:
    others = {door.path for door in iter_route_contexts(app.routes) if not isinstance(door.original_route, APIRoute)}

    assert others == DOCUMENT


async def test_nobody_comes_in_unnamed(doors: list[RouteContext], api: httpx.AsyncClient) -> None:
    """Not by the signature only: each guarded door is tried."""
    let_in: list[str] = []
    for door in doors:
        if guards(door):
            path = (door.path or "").replace("{", "").replace("}", "")
            for method in door.methods or set():
                refused = await api.request(method, "/".join(str(new()) if part.endswith("_id") else part for part in path.split("/")))
                if (refused.status_code, refused.json()["code"]) != (401, "account.anonymous"):
                    let_in.append(f"{method} {door.path}")

    assert not let_in


async def test_the_document_is_shown_without_any_other_host(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert files
    assert all(file.startswith("/docs-files/") for file in files)
    assert all([(await api.get(file)).status_code == 200 for file in files])
