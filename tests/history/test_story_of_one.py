"""What an entry of a story says beyond its state: each cause of a step's waiting, a refund's task, and when a wish was kept."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.failure.v1 import Failure, TimeoutFailureInfo

from api.history_events import Pending
from api.history_story import story
from models.history import OUTCOME_TEXTS, TRIED, Entry, What, folded
from models.kernel import ids
from models.kernel.errors import known
from tests.history.test_story import NINE, SOMEBODY, Run, carried, choosing, failure, line

BEGUN_ANEW = "TerminateIfRunning WorkflowIdReusePolicy"
"""What the engine notes where a run is ended because another is begun in its place."""


def tried(attempt: int, last: Failure) -> Entry:
    """A step whose last attempt began after so many others, the last of which had failed so."""
    run = choosing()
    run.happens("activity_task_started", scheduled_event_id=run.begins("booking.hold"), attempt=attempt, last_failure=last)
    return story([run.recorded()], {}).entries[-1]


def test_each_cause_of_a_steps_waiting_is_told_with_its_attempts_and_the_hand_before_is_none() -> None:
    step = tried(12, failure("step.at_work", outside_unknown=3, database_away=1, step_at_work=7))

    assert (step.attempts, step.causes, step.waited_for) == (12, {"outside.unknown": 3, "database.away": 1}, "outside.unknown")


def test_the_last_real_cause_is_what_it_waited_for() -> None:
    step = tried(6, failure("database.away", outside_unknown=4, database_away=1))

    assert (step.causes, step.waited_for) == ({"outside.unknown": 4, "database.away": 1}, "database.away")


def test_where_nothing_was_noted_the_last_failure_alone_is_known() -> None:
    assert tried(2, failure("outside.unknown")).causes == {"outside.unknown": 1}
    assert tried(9, failure("outside.unknown")).causes == {"outside.unknown": None}
    assert tried(9, failure("step.at_work")).causes == {"step.at_work": None}, "no real cause is known"


def test_attempts_that_noted_nothing_are_told_as_such() -> None:
    died = TimeoutFailureInfo(last_heartbeat_details=carried({TRIED: {"outside.unknown": 2}}))

    assert tried(5, Failure(timeout_failure_info=died)).causes == {"outside.unknown": 2, "timed_out": 2}
    assert tried(5, failure("outside.unknown", outside_unknown=1)).causes == {"outside.unknown": 1, "not_told": 3}


def test_a_step_being_tried_says_each_cause_too() -> None:
    run = choosing()
    run.begins("booking.hold", {"id": "1"}, activity_id="7")

    pending = {"7": Pending(9, "step.at_work", {"outside.unknown": 2, "step.at_work": 6})}
    [*_, step] = story([run.recorded(open=True, pending=pending)], {}).entries

    assert (step.attempts, step.causes, step.waited_for) == (9, {"outside.unknown": 2}, "outside.unknown")


def test_a_refund_says_why_it_is_stuck_whose_task_it_is_and_under_which_voucher_it_was_paid_out() -> None:
    run, by = Run("refund"), str(SOMEBODY)
    run.did("refund.apply", state="stuck", trouble="wechat_pay.refund_closed", office="finance")
    wish = run.is_asked("hand_over", id="1", by=by, office="insurance")
    run.did("refund.hand_over", {"id": "1", "by": by, "office": "insurance"}, state="stuck", trouble="his.x", office="insurance")
    run.answers(wish)
    run.did("refund.pay_out", {"id": "2", "by": by, "voucher": "CW-1001"}, state="paid_out", office="insurance")

    told = [(one.what, one.name, one.trouble, one.office, one.voucher) for one in story([run.recorded()], {}).entries if one.name]
    assert told[1:] == [
        ("step", "refund.apply", "wechat_pay.refund_closed", "finance", None),
        ("wait", "stuck", "wechat_pay.refund_closed", "finance", None),
        ("wish", "hand_over", None, "insurance", None),
        ("step", "refund.hand_over", "his.x", "insurance", None),
        ("step", "refund.pay_out", None, "insurance", "CW-1001"),
    ]


def test_a_wish_that_its_run_took_later_says_when_it_was_kept() -> None:
    run, late, soon = choosing(), ids.new(), ids.new()
    for id in (late, soon):
        run.answers(run.is_asked("cancel", id=str(id), by=str(SOMEBODY)), refused="revisit.not_now")

    kept = {late: NINE - timedelta(minutes=10), soon: NINE + timedelta(seconds=7)}
    wishes = [one for one in story([run.recorded()], {}, kept).entries if one.what is What.WISH]

    assert [one.asked_at for one in wishes] == [NINE - timedelta(minutes=10), None], "within seconds it is the same time"


@pytest.mark.parametrize(
    ("process", "begun", "state", "turn"),
    [
        ("charge", {"state": "open", "due_at": "2026-03-02T01:30:00Z"}, "open/待缴费", "patient"),
        ("prescription", {"state": "drafting", "due_at": "2026-03-02T01:30:00Z"}, "drafting/开具中", "doctor"),
        ("refund", {"state": "accepted", "due_at": "2026-03-02T01:30:00Z"}, "accepted/退费中", "wechat_pay"),
        ("prescription", {}, "drafting/开具中", "doctor"),
    ],
)
def test_a_run_begun_with_its_row_says_whose_turn_it_is_before_any_step(process: str, begun: dict[str, Any], state: str, turn: str) -> None:
    run = Run(process)
    run.events[0].workflow_execution_started_event_attributes.input.CopyFrom(carried({}, begun))
    run.rests(1800)

    *_, wait = story([run.recorded(open=True)], {}).entries

    assert line(wait) == f"wait {state} of {turn} with deadline"


def test_news_that_is_told_again_until_it_is_acted_on_is_one_and_does_not_break_the_wait() -> None:
    run = Run("refund")
    run.did("refund.load", state="accepted")
    for pause in (15, 13, 9):
        run.hears("refund_reported", id="1")
        run.rests(pause)
    run.hears("refund_reported", id="1")
    run.did("refund.query", {"id": "1"}, state="arrived")

    [_, _, news, wait, step] = told = story([run.recorded()], {}).entries
    assert [line(one) for one in told][1:] == [
        *("wait accepted/退费中 of wechat_pay → refund_reported", "news refund_reported/收到退费结果通知"),
        "wait accepted/退费中 of wechat_pay with deadline → refund_reported",
        "step refund.query/核对退费结果 ×1 → arrived/已到账",
    ]
    assert (news.times, news.last_at) == (4, news.at + timedelta(seconds=6))
    assert (wait.at, wait.took_s) == (news.at + timedelta(seconds=1), 5)
    assert news.last_event == wait.last_event == (step.first_event or 0) - 1


def test_news_that_another_run_was_told_too_is_one_and_other_news_is_another() -> None:
    first = Run("refund")
    first.hears("refund_reported", id="1")
    second = Run("refund", id=first.id)
    for id in ("1", "2"):
        second.hears("refund_reported", id=id)
    elsewhere = Run("refund")
    elsewhere.hears("refund_reported", id="2")

    told = story([first.recorded(), second.recorded(), elsewhere.recorded()], {}).entries

    news = [(one.process_id, one.times, bool(one.last_at), one.last_event) for one in told if one.what is What.NEWS]
    assert sorted(news, key=str) == sorted([(first.id, 2, True, 2), (first.id, 1, False, 3), (elsewhere.id, 1, False, 2)], key=str)


@pytest.mark.parametrize(
    ("reason", "next_build", "outcome"),
    [
        (BEGUN_ANEW, "new", "build_gone"),
        (BEGUN_ANEW, "old", "terminated"),
        (BEGUN_ANEW, None, "terminated"),
        ("by hand", "new", "terminated"),
    ],
)
def test_a_run_whose_build_was_gone_says_so(reason: str, next_build: str | None, outcome: str) -> None:
    """As far as another build is known to have begun it again; one that failed is begun again on its own, and a person may end any."""
    first = choosing()
    first.is_carried_on_by("old")
    first.happens("workflow_execution_terminated", reason=reason)
    second = Run(id=first.id)
    if next_build:
        second.is_carried_on_by(next_build)

    told = [one for one in story([first.recorded(), second.recorded()], {}).entries if one.outcome]

    assert [(one.what, one.outcome) for one in told] == [(What.BEGUN, "again"), (What.WAIT, outcome), (What.ENDED, outcome)]
    assert outcome in OUTCOME_TEXTS


def polling(*tries: int) -> Run:
    """A refund that the channel is asked about each minute, and has not given back yet."""
    run = Run("refund")
    run.did("refund.apply", state="accepted")
    for attempt in tries:
        run.rests(60)
        run.happens("timer_fired", timer_id="1", after_s=60)
        run.did("refund.query", attempt=attempt, state="accepted")
    return run


def test_a_question_that_brought_nothing_again_and_again_is_one_with_its_number() -> None:
    run = polling(1, 1, 1)
    run.rests(60)
    [_, apply, wait, query, rest] = folded(story([run.recorded(open=True)], {}).entries)

    assert [(one.what, one.name) for one in (apply, wait, query)] == [
        (What.STEP, "refund.apply"),
        (What.WAIT, "accepted"),
        (What.STEP, "refund.query"),
    ]
    assert (query.times, known(query.last_at) - query.at) == (3, timedelta(seconds=2 * 64))
    assert (rest.what, rest.outcome, rest.at > known(query.last_at)) == (What.WAIT, None, True), "where it stands now is told"


def test_what_was_tried_in_vain_or_heard_between_stands_by_itself() -> None:
    failed, heard = polling(1, 2, 1), polling(1)
    heard.rests(60)
    heard.hears("refund_reported", id="1")
    heard.did("refund.query", {"id": "1"}, state="accepted")

    for run, times in ((failed, [None, 2]), (heard, [None, None])):
        entries = folded(story([run.recorded()], {}).entries)
        assert [one.times for one in entries if one.name == "refund.query"] == times
