"""One line for each request, under an id that runs on through worker and outside: method, route, status, milliseconds and account.

No body, query, name or phone: what stands in a log is read by more people than the record is.
"""

import asyncio
import logging
import re
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from models.account import Principal
from models.kernel import ids

REQUEST_ID = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_VISIT = re.compile(r"/revisits/([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})(?=/|$)")
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
_TOLD = "told_by_fuzhen"
log = structlog.get_logger()


class Journal:
    """The outermost layer: it names the request, tells of it, and answers for a bug of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        logging.getLogger("uvicorn.error").addFilter(once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        entry = _Entry(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=entry.request_id, **entry.visit())
        send = entry.noted(send)
        try:
            if _unprintable(scope):
                await problems.answer(request, "request.malformed", "malformed")(scope, receive, send)
            else:
                await self._app(scope, receive, _as_problem(request, receive, send))
        except (
            asyncio.CancelledError
        ):  # we are being stopped under it: what became of the wish is not known, so it is repeated under its key
            if entry.status is None:
                await problems.answer(request, "service.unavailable", "unavailable")(scope, receive, send)
        except ClientDisconnect:  # its body broke off: it is no bug, nobody hears the answer, and the wish comes again under its key
            if entry.status is None:
                await problems.answer(request, "request.malformed", "malformed")(scope, receive, send)
        except Exception as fault:
            error_id = ids.new().hex[:12]
            log.exception("request.failed", error_id=error_id)
            setattr(fault, _TOLD, True)
            if entry.status is None:
                await problems.internal(request, error_id)(scope, receive, send)
            raise  # the server ends the connection of an answer that was begun; what it says of it is kept back by `once`
        finally:
            entry.write()


def once(record: logging.LogRecord) -> bool:
    """Filter of the server's own logger: a fault that `Journal` has told is told once."""
    error = record.exc_info[1] if record.exc_info else None
    return not getattr(error, _TOLD, False)


class _Entry:
    """What the line of one request will say."""

    def __init__(self, request: Request) -> None:
        given = request.headers.get(REQUEST_ID, "")
        self.request_id = given if _SANE.fullmatch(given) else ids.new().hex
        self.status: int | None = None
        self._request, self._began = request, time.monotonic()
        self._ms: float | None = None
        request.state.request_id = self.request_id

    def visit(self) -> dict[str, str]:
        found = _VISIT.search(self._request.url.path)
        return {"visit_id": found[1].lower()} if found else {}

    def noted(self, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status, self._ms = message["status"], self._elapsed_ms()
                MutableHeaders(scope=message)[REQUEST_ID] = self.request_id
            await send(message)

        return noting

    def write(self) -> None:
        """The route's template, not the path: ids in paths would make each line its own kind."""
        scope = self._request.scope
        if scope["path"] in _QUIET and self.status == 200:
            return
        principal: object = getattr(self._request.state, "principal", None)
        say = log.info if self.status is not None and self.status < 500 else log.warning  # a bug has its own line, an error
        say(
            "request.answered",
            method=scope["method"],
            route=getattr(scope.get("route"), "path", None),
            status=self.status,
            ms=self._elapsed_ms() if self._ms is None else self._ms,  # until the answer began: a stream lasts as long as its screen is open
            account_id=str(principal.account_id) if isinstance(principal, Principal) else None,
        )

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._began) * 1000, 1)


def _as_problem(request: Request, receive: Receive, send: Send) -> Send:
    """The framework's limit on bodies answers in plain text, whatever the route has answered: said again as a problem."""
    replaced = False

    async def passing(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == 413:
            replaced = MutableHeaders(scope=message).get("content-type") != problems.MEDIA_TYPE
            if replaced:
                await problems.answer(request, "request.too_large", "invalid", status=413)(request.scope, receive, send)
        if not replaced:
            await send(message)

    return passing


def _unprintable(scope: Scope) -> bool:
    """NUL can be stored nowhere, and means no good in a path or a query."""
    return "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]
