"""One line for each attempt of an activity: which, how it ended, how long it took. Outermost, so that it tells what crosses the wire."""

import time
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

log = structlog.get_logger()

_OUTCOMES = {
    "outside.unknown": "unknown",
    "database.away": "unknown",
    "row.moved": "moved",
    "step.at_work": "moved",
    "internal": "failed",
}
"""What is in no such table is a refusal of the house or of the outside, under its code."""


class Attempts(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Told(next)


class _Told(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        began, outcome = time.monotonic(), "broken off"
        try:
            answer = await self.next.execute_activity(input)
            outcome = "done"
        except ApplicationError as failure:
            outcome = _OUTCOMES.get(failure.type or "internal", "refused")
            raise
        else:
            return answer
        finally:
            ms = round((time.monotonic() - began) * 1000)
            log.info("activity.ended", activity=activity.info().activity_type, outcome=outcome, ms=ms)
