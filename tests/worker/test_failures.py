"""What an activity raises, as it crosses the wire: refusals keep their code, bugs nothing but their type."""

import dataclasses
from typing import Any

import pytest
from asyncpg.exceptions import CannotConnectNowError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from models.history import TRIED
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.revisit import Revisit, SelfCheck, State
from tests.process.hospital import wish
from worker.failures import STUCK_ATTEMPTS, Failures

PERSONAL = "张秀英 110105195805120428"


class Raising(ActivityInboundInterceptor):
    """The activity itself."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if self.error:
            raise self.error
        return "done"


async def crossing(error: Exception | None, *arguments: object) -> Any:
    """What the caller gets."""
    reduced = Failures().intercept_activity(Raising(error))
    asked = ExecuteActivityInput(fn=crossing, args=arguments, executor=None, headers={})
    return await ActivityEnvironment().run(reduced.execute_activity, asked)


async def failure(error: Exception) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        await crossing(error)
    return failed.value


async def test_an_answer_passes_as_it_is() -> None:
    assert await crossing(None) == "done"


async def test_a_refusal_keeps_its_code_its_kind_and_its_params_and_is_final() -> None:
    refused = await failure(DomainError("slot.sold_out", "conflict", slot_id="slot-1", bytes_max=10, accepted=["a"], claim=ids.NAMESPACE))

    assert (refused.type, refused.message, refused.non_retryable) == ("slot.sold_out", "slot.sold_out", True)
    assert refused.details == (
        {"kind": "conflict", "params": {"slot_id": "slot-1", "bytes_max": 10, "accepted": ["a"], "claim": str(ids.NAMESPACE)}},
    )
    assert refused.category is ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize(("attempt", "called"), [(1, False), (STUCK_ATTEMPTS - 1, False), (STUCK_ATTEMPTS, True)])
async def test_a_step_that_stays_unknown_calls_a_person(attempt: int, *, called: bool) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    asked = ExecuteActivityInput(fn=crossing, args=(), executor=None, headers={})

    with capture_logs() as lines, pytest.raises(ApplicationError, match=r"outside\.unknown"):
        await environment.run(Failures().intercept_activity(Raising(Unknown("silent"))).execute_activity, asked)

    assert ("step.stuck" in [line["event"] for line in lines]) is called


async def test_what_is_tried_again_says_how_often_each_cause_has_failed_it() -> None:
    """Also of the attempts before, by what the last of them left; one that left nothing died with its worker."""
    environment, left = ActivityEnvironment(), list[Any]()
    before = {TRIED: {"outside.unknown": 2, "step.at_work": 1}}
    environment.info = dataclasses.replace(environment.info, attempt=6, heartbeat_details=[before])
    environment.on_heartbeat = left.append
    asked = ExecuteActivityInput(fn=crossing, args=(), executor=None, headers={})

    with pytest.raises(ApplicationError) as failed:
        await environment.run(Failures().intercept_activity(Raising(Unknown("silent"))).execute_activity, asked)

    noted = {TRIED: {"outside.unknown": 3, "step.at_work": 1, "timed_out": 2}}
    assert (failed.value.type, failed.value.details, left) == ("outside.unknown", (noted,), [noted])
    assert failed.value.category is ApplicationErrorCategory.BENIGN


async def test_a_refusal_is_final_and_counts_nothing() -> None:
    environment, left = ActivityEnvironment(), list[Any]()
    environment.on_heartbeat = left.append
    asked = ExecuteActivityInput(fn=crossing, args=(), executor=None, headers={})

    with pytest.raises(ApplicationError):
        await environment.run(Failures().intercept_activity(Raising(DomainError("slot.sold_out", "conflict"))).execute_activity, asked)

    assert left == []


async def test_an_outcome_that_is_not_known_is_asked_for_again() -> None:
    unknown = await failure(Unknown(PERSONAL))

    assert (unknown.type, unknown.message, unknown.non_retryable) == ("outside.unknown", "outside.unknown", False)
    assert unknown.category is ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize("away", [CannotConnectNowError("starting up"), ConnectionRefusedError(), PoolTimeoutError()])
async def test_a_database_that_is_away_is_waited_for_and_is_no_bug(away: Exception) -> None:
    with capture_logs() as lines:
        waited = await failure(away)

    assert (waited.type, waited.message, waited.non_retryable) == ("database.away", "database.away", False)
    assert waited.category is ApplicationErrorCategory.BENIGN
    assert [(line["event"], line["log_level"]) for line in lines] == [("database.away", "warning")]


async def test_a_bug_is_tried_again_and_tells_its_type_and_a_number_and_nothing_else() -> None:
    bug = await failure(ValueError(PERSONAL))

    assert (bug.type, bug.non_retryable, bug.details) == ("internal", False, ({TRIED: {"internal": 1}},))
    assert bug.message.split()[0] == "ValueError"
    assert bug.__cause__ is None
    assert PERSONAL not in repr(bug)


async def test_the_number_of_a_bug_is_found_in_the_log() -> None:
    with capture_logs() as lines:
        bug = await failure(ValueError("a bug"))

    assert [(one["event"], one["log_level"], one["error_id"]) for one in lines] == [("activity.failed", "error", bug.message.split()[1])]


async def test_a_failure_that_says_what_it_is_passes_as_it_is() -> None:
    own = ApplicationError("row.moved", type="row.moved", non_retryable=True)

    assert await failure(own) is own


async def test_a_line_of_the_log_names_the_visit_and_the_request() -> None:
    row = Revisit(id=ids.new(), version=3, state=State.CONSENTING)
    command = wish(SelfCheck, ids.new(), symptoms=(), request="req-1")
    with capture_logs(processors=[merge_contextvars]) as lines, pytest.raises(ApplicationError):
        await crossing(ValueError("a bug"), row, command)

    assert (lines[0]["event"], lines[0]["visit_id"], lines[0]["request_id"]) == ("activity.failed", str(row.id), "req-1")
