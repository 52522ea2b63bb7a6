"""Each health check asks for a page that is there, at the port that the program is told."""

import re
from pathlib import Path

from starlette.routing import Route

from api import health
from sandbox.app import create_app as create_sandbox
from sandbox.settings import Settings as SandboxSettings
from tests.deploy.compose import services
from tests.house.rooms import HOUSE

PAGE = re.compile(r"http://127\.0\.0\.1:(\d+)(/[\w/]*)")
OF_THE_API = {route.path for route in health.router.routes if isinstance(route, Route)}


def test_the_apis_check_is_a_route_of_the_api() -> None:
    port, path = _asked("api")

    assert path in OF_THE_API
    assert port == services()["api"]["environment"]["FUZHEN_API_PORT"]


def test_nginx_is_well_when_an_api_answers_through_it() -> None:
    port, path = _asked("nginx")

    assert path in OF_THE_API
    assert port == "8080"


def test_the_workers_check_is_a_page_of_its_health_server() -> None:
    port, path = _asked("worker")

    assert f'"{path}"' in (HOUSE / "worker" / "health.py").read_text(encoding="utf-8")
    assert port == services()["worker"]["environment"]["FUZHEN_WORKER_HEALTH_PORT"]


def test_the_sandboxs_check_is_a_route_of_the_sandbox(tmp_path: Path) -> None:
    port, path = _asked("sandbox")

    app = create_sandbox(SandboxSettings(data=tmp_path))

    assert path in {route.path for route in app.routes if isinstance(route, Route)}
    assert port == services()["sandbox"]["environment"]["SANDBOX_PORT"]


def _asked(name: str) -> tuple[str, str]:
    found = PAGE.search(" ".join(services()[name]["healthcheck"]["test"]))
    assert found, name
    return found[1], found[2]
