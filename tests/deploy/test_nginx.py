"""The door in front of the APIs: it leads to services that are there, and lets in what the API offers and nothing else."""

import re
from urllib.parse import urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from api import docs, events, intake, logs, sentences
from api.app import BODY_BYTES_MAX, create_app
from api.problems import RETRY_AFTER_S, STATUS, Problem
from api.webhooks import wechat_pay
from models.kernel import ids
from models.kernel.errors import Kind
from models.stores.database import Database
from tests.client import wiring
from tests.deploy.compose import mounts, services
from tests.deploy.conf import conf, place, seconds, server, size
from tests.settings import settings

INSIDE = re.compile(r"/(health/\w+|metrics)")
"""Pages of the API for whoever watches the parts."""
COMMAND_ANSWERED_S = 8
"""A command is answered or kept within this."""


def test_every_upstream_is_a_service_at_the_port_that_it_listens_on() -> None:
    upstreams = {block.args[0]: [inner.args[0] for inner in block.all("server")] for block in conf().all("upstream")}
    passed = {urlsplit(block.args[0]).netloc for block in conf().all("proxy_pass")}

    assert passed <= upstreams.keys(), "by an upstream, which asks for the name again"
    for addresses in upstreams.values():
        for address in addresses:
            name, _, port = address.partition(":")
            assert port == services()[name]["environment"]["FUZHEN_API_PORT"]
            assert set(services()[name]["networks"]) & set(services()["nginx"]["networks"])


def test_the_replicas_are_asked_for_again_while_it_runs() -> None:
    assert all("resolve" in block.args for upstream in conf().all("upstream") for block in upstream.all("server"))
    assert list(conf().all("resolver"))


def test_a_connection_is_given_up_before_the_api_gives_it_up() -> None:
    uvicorn_keeps_s = 5
    upstream = next(conf().all("upstream"))

    assert seconds(upstream.one("keepalive_timeout") or "") < uvicorn_keeps_s


async def test_what_the_api_offers_is_passed_on_and_what_is_for_inside_is_not() -> None:
    paths = [re.sub(r"\{[^}]+\}", str(ids.new()), path) for path in await _paths()]

    assert len(paths) > 40
    for path in paths:
        passed = place(path).one("proxy_pass") is not None
        assert passed is (INSIDE.fullmatch(path) is None), path


def test_streams_are_passed_on_at_once_and_outlive_many_pings() -> None:
    stream = place(events.router.prefix)

    assert stream.one("proxy_buffering") == "off"
    assert seconds(stream.one("proxy_read_timeout") or "") > 4 * events._PING_S  # pyright: ignore[reportPrivateUsage]


def test_the_api_has_time_to_answer_a_command() -> None:
    http = next(conf().all("http"))

    assert seconds(http.one("proxy_read_timeout") or "") > 2 * COMMAND_ANSWERED_S


def test_it_is_the_api_who_refuses_what_is_too_large() -> None:
    http = next(conf().all("http"))
    upload = next(route for route in intake.router.routes if isinstance(route, Route) and route.path.endswith("/files"))
    form = intake.FILE_SIZE_MAX + intake._MULTIPART_BYTES  # pyright: ignore[reportPrivateUsage]

    assert size(http.one("client_max_body_size") or "") > BODY_BYTES_MAX
    assert place(wechat_pay.PATH).one("client_max_body_size") is None
    assert size(place(upload.path.format(revisit_id=ids.new())).one("client_max_body_size") or "") > form


def test_a_report_that_was_sent_is_never_sent_to_a_second_api() -> None:
    assert [block.args for block in conf().all("proxy_next_upstream")] == [("error", "timeout")]
    assert place(wechat_pay.PATH).one("proxy_pass")


def test_headers_of_where_a_request_comes_from_are_said_anew() -> None:
    http = next(conf().all("http"))
    told = {block.args[0]: block.args[1] for block in http.inside if block.name == "proxy_set_header"}

    assert told["X-Forwarded-For"] == "$remote_addr"
    assert told["X-Forwarded-Proto"] == "$scheme"
    assert told[logs.REQUEST_ID] == "$one_id"
    assert len(list(conf().all("proxy_set_header"))) == len(told), "a place with headers of its own would lose those of all"


@pytest.mark.parametrize(
    ("at", "code", "kind", "status"),
    [("@away", "service.unavailable", "unavailable", STATUS["unavailable"]), ("@too_large", "request.too_large", "invalid", 413)],
)
def test_what_nginx_refuses_itself_is_told_as_the_api_tells_it(at: str, code: str, kind: Kind, status: int) -> None:
    refusing = next(block for block in server("8443").inside if block.args == (at,))
    (answer,) = refusing.all("return")
    headers = {block.args[0]: block.args[1] for block in refusing.all("add_header")}

    problem = Problem.model_validate_json(answer.args[1])

    assert int(answer.args[0]) == problem.status == status
    assert (problem.code, problem.type) == (code, f"urn:fuzhen:problem:{code}")
    if problem.title == "$away_title":
        titles = next(block for block in conf().all("map") if block.args[1] == problem.title)
        said = {block.name: block.args[0] for block in titles.inside}
        reading = sentences.sentence(code, kind, reading=True)
        assert said == {"default": sentences.sentence(code, kind), "GET": reading, "HEAD": reading}
    else:
        assert problem.title == sentences.sentence(code, kind)
    assert headers.get("Retry-After") == (str(RETRY_AFTER_S[kind]) if kind in RETRY_AFTER_S else None)
    assert problem.params == ({"retry_after_s": RETRY_AFTER_S[kind]} if kind in RETRY_AFTER_S else {})


def test_plain_http_only_sends_on_to_tls() -> None:
    plain = {block.args: block for block in server("8080").inside if block.name == "location"}

    assert set(plain) == {("=", "/health/live"), ("/",)}
    assert plain["=", "/health/live"].one("deny") == "all"
    assert plain["/",].one("return") == "308"


def test_what_it_reads_is_mounted_and_what_it_listens_on_is_published() -> None:
    nginx = services()["nginx"]
    read = {block.args[0] for name in ("ssl_certificate", "ssl_certificate_key") for block in conf().all(name)}

    assert read == {f"/run/secrets/{name}" for name in mounts(nginx, "secrets")}
    assert {block.args[0] for block in conf().all("listen")} == {port.rpartition(":")[2] for port in nginx["ports"]}


def test_it_writes_nowhere_but_into_its_temporary_folder() -> None:
    written = [block.args[0] for name in ("pid", "client_body_temp_path", "proxy_temp_path") for block in conf().all(name)]

    assert len(written) == 3
    assert all(path.startswith("/tmp/") for path in written)


def test_its_log_names_nobody() -> None:
    (line,) = conf().all("log_format")

    assert not re.search(r"remote|uri|args|request(?!_)|cookie|authorization", " ".join(line.args[1:]))


async def _paths() -> set[str]:
    """Every path of the API, and one file below what it mounts."""
    app = create_app(await wiring(Database(settings().database_url.get_secret_value(), settings().vault())))
    served = {door.path for door in iter_route_contexts(app.routes) if door.path}
    return served - {docs.FILES} | {f"{docs.FILES}/swagger-ui.css"}
