"""One line a request, by which its way can be followed, and nothing of the people it was about."""

from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter

from api.app import create_app
from models.kernel import ids
from models.stores.database import Database
from tests.account.builders import patient_signed_in
from tests.client import Hands, key, wiring
from tests.patient.builders import a_person


async def lines_of(api: httpx.AsyncClient, method: str, path: str, **sent: Any) -> tuple[httpx.Response, list[dict[str, Any]]]:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = await api.request(method, path, **sent)
    return answer, [dict(line) for line in lines]


async def test_a_request_is_one_line(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    account_id, bearer = await patient_signed_in(database, clock)
    person = a_person()

    answer, [line] = await lines_of(api, "POST", "/v1/patients?why=张秀英", json=person, headers=bearer | key())

    assert answer.headers["X-Request-Id"] == line.pop("request_id")
    assert line.pop("ms") > 0
    assert line == {
        "event": "request.answered",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/patients",
        "status": 201,
        "account_id": str(account_id),
    }


async def test_the_line_names_the_route_and_the_visit(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    revisit_id = ids.new()

    _, lines = await lines_of(api, "GET", f"/v1/revisits/{revisit_id}/timeline", headers=bearer)

    assert lines[-1]["visit_id"] == str(revisit_id)
    assert str(revisit_id) not in lines[-1]["route"]


@pytest.mark.parametrize(("given", "kept"), [("web-6f1c0d3e8a", True), ("short", False), ("x" * 65, False), ("a b c d e f g", False)])
async def test_a_sane_request_id_is_kept(api: httpx.AsyncClient, given: str, kept: bool) -> None:
    answer = await api.get("/health/live", headers={"X-Request-Id": given})

    assert (answer.headers["X-Request-Id"] == given) is kept


async def test_one_request_leaves_nothing_to_the_next(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    _, bearer = await patient_signed_in(database, clock)
    await api.get(f"/v1/revisits/{ids.new()}/timeline", headers=bearer)

    _, [line] = await lines_of(api, "GET", "/v1/nothing")

    assert "visit_id" not in line
    assert line["account_id"] is None


async def test_health_that_is_good_says_nothing(api: httpx.AsyncClient) -> None:
    assert (await lines_of(api, "GET", "/health/live"))[1] == []


async def test_a_bug_is_told_by_type_and_place_under_the_id_that_people_see(database: Database) -> None:
    broken = APIRouter()

    @broken.get("/v1/broken")
    async def fail() -> None:
        raise ValueError("张秀英 110101194912310022")

    app = create_app(await wiring(database))
    app.include_router(broken)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://api") as client:
        answer, lines = await lines_of(client, "GET", "/v1/broken")

    failed, answered = lines
    assert failed["error_id"] == answer.json()["params"]["error_id"]
    assert answered["status"] == 500
    assert "张" not in str([{name: value for name, value in line.items() if name != "exc_info"} for line in lines])


@pytest.mark.parametrize("path", ["/webhooks/sf", "/webhooks/sms", "/v1/revisits/{}/check-in", "/v1/account/codes"])
async def test_a_line_that_breaks_off_while_it_says_something_is_nobodys_bug(database: Database, clock: Hands, path: str) -> None:
    """A machine's report, a wish without a body, and a form."""
    _, bearer = await patient_signed_in(database, clock)
    said = {**bearer, **key(), "Content-Type": "application/json", "Content-Length": "1000"}
    headers = [(name.lower().encode(), value.encode()) for name, value in said.items()]
    app, where = create_app(await wiring(database)), path.format(ids.new())
    scope = {"type": "http", "method": "POST", "path": where, "raw_path": where.encode(), "query_string": b"", "headers": headers}
    heard = iter(({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))
    answers: list[Any] = []

    async def receive() -> Any:
        return next(heard)

    async def send(message: Any) -> None:
        answers.append(message)

    with structlog.testing.capture_logs() as lines:
        await app(scope, receive, send)

    assert answers[0]["status"] == 400
    assert [(line["event"], line["log_level"], line["status"]) for line in lines] == [("request.answered", "info", 400)]
