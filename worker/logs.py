"""JSON lines on standard output, ours and those of the libraries: an event with ids, states and milliseconds, never a person's data.

An exception is reduced to its types and the places in our code that it came through: its text may quote a value.
"""

import logging
import sys
from types import TracebackType
from typing import Any, cast

import structlog
from structlog.typing import EventDict, Processor

from worker.metrics import counted, counted_of_a_library

_FRAMES_MAX = 12
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]
_QUIET = ("httpx", "httpcore", "asyncio", "sse_starlette.sse")


def configure(service: str) -> None:
    """`service` (api, worker) stands on each line. Called once, in a main."""

    def of_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    rendered: list[Processor] = [reduced, of_service, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    structlog.configure(
        processors=[*_SHARED, counted, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stdout)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, counted_of_a_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[foreign], level=logging.INFO, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def reduced(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """`exc_info` becomes `error`, the type with those of its causes, and `through`, the last places."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = _types(error)
        event["through"] = _places(error.__traceback__)
    return event


def _exception(exc_info: object) -> BaseException | None:
    """As `logging` and structlog take it: the error itself, True for the one being handled, or the triple of `sys.exc_info`."""
    if isinstance(exc_info, tuple):
        return cast(tuple[object, BaseException | None, object], exc_info)[1]
    if isinstance(exc_info, BaseException):
        return exc_info
    return sys.exception() if exc_info else None


def _types(error: BaseException) -> list[str]:
    """Outermost first; members of a group beside it, then what it was raised from."""
    named = [f"{type(error).__module__}.{type(error).__qualname__}"]
    if isinstance(error, BaseExceptionGroup):
        members = cast(tuple[BaseException, ...], error.exceptions)  # pyright: ignore[reportUnknownMemberType]
        named += [one for member in members for one in _types(member)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return named + (_types(cause) if cause is not None else [])


def _places(traceback: TracebackType | None) -> list[str]:
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-_FRAMES_MAX:]
