"""One JSON line a request on stdout: what was called, how it ended, and the ids by which the caller finds it again. Never a body."""

import logging
import sys
import time

import structlog
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BASES = ("/his", "/wechat", "/sms", "/logistics", "/signature", "/review")

_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    logging.getLogger("sandbox"),
    processors=[structlog.stdlib.filter_by_level, *_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
)
"""The sandbox's own logger: silent inside a test, whose process never calls `configure`."""


def configure() -> None:
    """JSON lines on stdout for us and for uvicorn."""
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_PROCESSORS, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sandbox").setLevel(logging.INFO)


class RequestLog:
    """Pure ASGI middleware around the whole sandbox."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and write its line when it has ended, however it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            headers = Headers(scope=scope)
            log.info(
                "sandbox.request",
                method=scope["method"],
                path=_template(scope),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                fault=scope.get("sandbox.fault"),
                request_id=headers.get("x-request-id"),
                visit_id=headers.get("x-visit-id"),
            )


def _template(scope: Scope) -> str | None:
    """The route's template under its base, never the path itself: paths carry phone numbers."""
    route: object = scope.get("route")
    if not isinstance(route, APIRoute):
        return None
    base = next((base for base in BASES if scope["path"].startswith(f"{base}/")), "")
    return base + route.path_format
