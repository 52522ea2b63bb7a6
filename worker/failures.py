"""The one place where an activity's exception becomes a failure on the wire.

Refusals keep their code; an outcome not known is retried, and so is a step whose database is away; anything else is reduced to its type and
an error id. What is tried again carries how often each cause has failed it: the engine keeps the last failure alone.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from models.history import TIMED_OUT, TRIED
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.process import AnyRow, Event, Row
from models.stores.outage import is_outage

log = structlog.get_logger()


STUCK_ATTEMPTS = 20
"""Asked so often, over minutes, and the outside still silent: the step goes on asking, and a person is called."""


class Failures(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Reduced(next)


class _Reduced(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await self._reduced(input)
        except ApplicationError as failure:
            if failure.non_retryable:
                raise
            raise _noted(failure) from None

    async def _reduced(self, input: ExecuteActivityInput) -> Any:
        structlog.contextvars.clear_contextvars()
        info = activity.info()
        structlog.contextvars.bind_contextvars(activity=info.activity_type, attempt=info.attempt, **_ids(input.args))
        try:
            return await self.next.execute_activity(input)
        except FailureError:
            raise
        except DomainError as refused:
            raise ApplicationError(
                refused.code,
                {"kind": refused.kind, "params": _plain(refused.params)},
                type=refused.code,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        except Unknown:
            raise _not_known("outside.unknown") from None
        except Exception as bug:
            if is_outage(bug):
                log.warning("database.away", error=type(bug).__name__)
                raise _not_known("database.away") from None
            error_id = ids.new().hex[:12]
            log.exception("activity.failed", activity=info.activity_type, error_id=error_id)
            raise ApplicationError(f"{type(bug).__name__} {error_id}", type="internal") from None


def _noted(failure: ApplicationError) -> ApplicationError:
    """The same failure, beside it how often each cause has failed the step by now: what the story tells.

    The count goes from attempt to attempt by heartbeat, which outlives a worker; an attempt that counted nothing died with its own.
    """
    info = activity.info()
    before = [cast(dict[str, dict[str, int]], one)[TRIED] for one in info.heartbeat_details if isinstance(one, dict) and TRIED in one]
    tried = Counter(*before[:1])
    tried[TIMED_OUT] += max(info.attempt - 1 - tried.total(), 0)
    tried[failure.type or "internal"] += 1
    note = {TRIED: dict(+tried)}
    activity.heartbeat(note)
    return ApplicationError(failure.message, *failure.details, note, type=failure.type, category=failure.category)


def _not_known(code: str) -> ApplicationError:
    """Asked again, and no bug: whoever was asked is silent, or the database is away."""
    info = activity.info()
    if info.attempt % STUCK_ATTEMPTS == 0:
        log.error("step.stuck", activity=info.activity_type, attempt=info.attempt)
    return ApplicationError(code, type=code, category=ApplicationErrorCategory.BENIGN)


def _ids(arguments: Sequence[object]) -> dict[str, str]:
    """The visit, and the request that brought the event or last moved the row: the same ids in the lines of API, worker and outside."""
    ids_found: dict[str, str] = {}
    for one in arguments:
        if isinstance(one, Row):
            row = cast(AnyRow, one)
            ids_found |= {"visit_id": str(getattr(row, "visit_id", row.id))} | ({"request_id": row.request} if row.request else {})
        elif isinstance(one, Event) and one.request:
            ids_found["request_id"] = one.request
    return ids_found


def _plain(params: dict[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, (int, float, bool, list)) else str(value) for name, value in params.items()}
