"""The story of histories: one that the archive saved, read as a person reads it, and what seldom happens, event by event."""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import ActivityType, Payload, Payloads
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TimeoutType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure, TimeoutFailureInfo
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Input, Outcome, Request
from temporalio.client import WorkflowHistory

from api.history_events import Pending, Recorded
from api.history_story import story
from models.history import NEWS_TEXTS, PROCESS_TITLES, TRIED, WAITS_FOR, Entry, What, process_of
from models.kernel import ids
from models.pathways import PATHWAYS, Pathway

SAVED = Path(__file__).parent / "saved"
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SOMEBODY = ids.new()
SAVED_STORY = """
begun revisit/线上复诊
step eligibility.check/核验复诊资格 ×1 → consenting/待知情同意
wait consenting/待知情同意 of patient with deadline → self_check
wish self_check/完成急症自查 by a person → done
step consent.self_check/完成急症自查 ×1 by a person → consenting/待知情同意
wait consenting/待知情同意 of patient with deadline → consent
wish consent/签署知情同意 by a person → done
step consent.consent/签署知情同意 ×1 by a person → choosing/待选号源
wait choosing/待选号源 of patient with deadline → renew
renewed revisit/线上复诊
wait choosing/待选号源 of patient with deadline → choose_slot
wish choose_slot/锁定号源 by a person → slot.missing
step booking.hold/锁定号源 ×1 by a person → slot.missing
wait choosing/待选号源 of patient with deadline → choose_slot
wish choose_slot/锁定号源 by a person → done
step booking.hold/锁定号源 ×2 by a person of outside.unknown → describing/待描述病情
wait describing/待描述病情 of patient with deadline → describe
wish describe/提交病情描述 by a person → done
step intake.describe/提交病情描述 ×1 by a person → paying/待缴费
wait paying/待缴费 of patient with deadline → charge_ended
news charge_ended/缴费结果已知
step booking.book/预约成功 ×1 → booked/待报到
wait booked/待报到 of patient with deadline → check_in
wish check_in/报到 by a person → done
step queue.check_in/报到 ×1 by a person → waiting/待接诊
wait waiting/待接诊 of doctor with deadline → cancel
wish cancel/本次复诊已退出 by a person → done
step booking.leave/本次复诊已退出 ×1 by a person → cancelled/已退号
ended revisit/线上复诊 → cancelled/已退号
begun refund/退费
step refund.reverse/医院核销费用 ×1 → stuck/退费中（医院正在办理）
wait stuck/退费中（医院正在办理） of hospital with deadline → retry
wish retry/重新办理退费 by a person → done
step refund.retry/重新办理退费 ×1 by a person → requested/已申请退费
step refund.reverse/医院核销费用 ×1 → cleared/已申请退费
step refund.apply/提交退费 ×1 → accepted/退费中
wait accepted/退费中 of wechat_pay with deadline → refund_reported
news refund_reported/收到退费结果通知
step refund.query/核对退费结果 ×1 → arrived/已到账
ended refund/退费 → arrived/已到账
""".strip().splitlines()


def line(entry: Entry) -> str:
    named = "/".join(word for word in (entry.name, entry.title) if word)
    said = [
        *(entry.what, named, f"×{entry.attempts}" if entry.attempts else "", "by a person" if entry.by else ""),
        *(f"of {entry.waited_for}" if entry.waited_for else "", "with deadline" if entry.until else ""),
        "→ " + "/".join(word for word in (entry.outcome, entry.outcome_title) if word) if entry.outcome else "",
    ]
    return " ".join(word for word in said if word)


def saved() -> list[Recorded]:
    """A visit renewed while its patient chose and left after it was paid, its charge, and its refund, which was stuck before it arrived."""
    runs: list[Recorded] = []
    for file in sorted(SAVED.glob("*.json.gz")):
        events = WorkflowHistory.from_json("", gzip.decompress(file.read_bytes()).decode()).events
        began = events[0].workflow_execution_started_event_attributes
        process, id = process_of(began.workflow_id) or ("", ids.new())
        runs.append(Recorded(process=process, process_id=id, run_id=began.original_execution_run_id, events=events))
    return runs


def test_a_saved_visit_reads_so() -> None:
    told = story(saved(), {}).entries

    assert [line(entry) for entry in told if entry.process == "revisit"] == SAVED_STORY[:29]
    assert [line(entry) for entry in told if entry.process == "refund"] == SAVED_STORY[29:]


def test_it_is_one_story_by_time_and_each_entry_says_where_it_is_found() -> None:
    runs = {run.run_id: run for run in saved()}
    told = story(runs.values(), {}).entries

    assert [entry.at for entry in told] == sorted(entry.at for entry in told)
    for entry in told:
        assert entry.run_id
        assert entry.first_event
        assert entry.last_event
        events = {event.event_id: event for event in runs[entry.run_id].events}
        first, last = events[entry.first_event], events[entry.last_event]
        assert entry.at == first.event_time.ToDatetime(tzinfo=UTC)
        if entry.what in {What.STEP, What.WAIT, What.WISH}:
            assert entry.took_s == (last.event_time.ToDatetime(tzinfo=UTC) - entry.at).total_seconds()


def test_who_began_a_process_is_told() -> None:
    runs = saved()

    [begun, *_] = story(runs, {runs[0].process_id: SOMEBODY}).entries

    assert (begun.what, begun.by) == (What.BEGUN, SOMEBODY)


def test_each_process_of_the_house_has_its_words() -> None:
    assert PROCESS_TITLES.keys() == WAITS_FOR.keys() == PATHWAYS.keys()


def test_each_news_has_words_of_its_own() -> None:
    assert {word for moves in PATHWAYS.values() for word in _kinds(moves)} == NEWS_TEXTS.keys()


def _kinds(pathway: Pathway) -> set[str]:
    told = pathway.events.json_schema()
    defined = told.get("$defs", {"": told}).values()
    kinds = {one["properties"]["kind"]["const"] for one in defined if "kind" in one.get("properties", {})}
    return kinds - {one.model_fields["kind"].default for one in pathway.commands} - {"alarm"}


class Run:
    """A history written by hand, a second from one event to the next unless said otherwise."""

    def __init__(self, process: str = "revisit", *, id: UUID | None = None) -> None:
        self.process, self.id, self.events, self._at = process, id or ids.new(), list[HistoryEvent](), NINE
        self.happens("workflow_execution_started")

    def happens(self, kind: str, *, after_s: float = 1, **told: Any) -> int:
        """Answers the event's id."""
        self._at += timedelta(seconds=after_s)
        at, event = Timestamp(), HistoryEvent(event_id=len(self.events) + 1)
        at.FromDatetime(self._at)
        event.event_time.CopyFrom(at)
        attributes = getattr(event, f"{kind}_event_attributes")
        attributes.SetInParent()
        for name, value in told.items():
            if hasattr(value, "DESCRIPTOR"):
                getattr(attributes, name).CopyFrom(value)
            else:
                setattr(attributes, name, value)
        self.events.append(event)
        return event.event_id

    def is_carried_on_by(self, build: str) -> None:
        self.happens("workflow_task_completed", deployment_version=WorkerDeploymentVersion(deployment_name="fuzhen", build_id=build))

    def begins(self, step: str, *events: dict[str, Any], activity_id: str = "1") -> int:
        return self.happens(
            "activity_task_scheduled", activity_type=ActivityType(name=step), input=carried({}, *events), activity_id=activity_id
        )

    def did(self, step: str, *events: dict[str, Any], attempt: int = 1, **row: Any) -> None:
        """A step from its beginning to its end, which left the row so."""
        scheduled = self.begins(step, *events)
        before = failure("outside.unknown") if attempt > 1 else Failure()
        self.happens("activity_task_started", scheduled_event_id=scheduled, attempt=attempt, last_failure=before)
        self.happens("activity_task_completed", scheduled_event_id=scheduled, result=carried(row))

    def hears(self, name: str, **news: Any) -> None:
        self.happens("workflow_execution_signaled", signal_name=name, input=carried(news))

    def is_asked(self, name: str, **wish: Any) -> int:
        return self.happens("workflow_execution_update_accepted", accepted_request=Request(input=Input(name=name, args=carried(wish))))

    def answers(self, wish: int, refused: str | None = None) -> None:
        outcome = Outcome(failure=failure(refused)) if refused else Outcome(success=carried({}))
        self.happens("workflow_execution_update_completed", accepted_event_id=wish, outcome=outcome)

    def rests(self, seconds: float) -> None:
        lasts = Duration()
        lasts.FromTimedelta(timedelta(seconds=seconds))
        self.happens("timer_started", timer_id="1", start_to_fire_timeout=lasts)

    def recorded(self, **standing: Any) -> Recorded:
        return Recorded(process=self.process, process_id=self.id, run_id=str(id(self)), events=self.events, **standing)


def carried(*values: dict[str, Any]) -> Payloads:
    return Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode()) for value in values])


def failure(code: str, **tried: int) -> Failure:
    """With what the worker noted beside it: how often each cause had failed the step by then."""
    noted = carried({TRIED: {name.replace("_", ".", 1): times for name, times in tried.items()}}) if tried else Payloads()
    return Failure(message="张秀英", application_failure_info=ApplicationFailureInfo(type=code, details=noted))


def told(*runs: Recorded) -> list[str]:
    return [line(entry) for entry in story(runs, {}).entries]


def choosing() -> Run:
    run = Run()
    run.did("revisit.load", state="choosing", due_at="2026-03-02T01:30:00Z")
    return run


def test_what_an_open_process_waits_for_is_its_last_entry() -> None:
    run = choosing()

    *_, last = story([run.recorded(open=True)], {}).entries

    assert (line(last), last.took_s, last.until) == (
        "wait choosing/待选号源 of patient with deadline",
        None,
        NINE + timedelta(minutes=30),
    )


def test_a_step_that_is_being_tried_says_how_often_and_why() -> None:
    run = choosing()
    run.begins("booking.hold", {"id": "1"}, activity_id="7")

    assert (
        told(run.recorded(open=True, pending={"7": Pending(12, "outside.unknown")}))[-1]
        == "step booking.hold/锁定号源 ×12 of outside.unknown"
    )
    assert told(run.recorded())[-1] == "step booking.hold/锁定号源", "of a closed run nothing more is known"


def test_a_workflow_task_that_fails_is_told_with_how_often_and_by_its_type_alone() -> None:
    run = choosing()
    run.happens("workflow_task_failed", cause=WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND)
    cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
    run.happens("workflow_task_failed", cause=cause, failure=failure("KeyError"))

    [failed] = [one for one in told(run.recorded(open=True, failing=6)) if one.startswith("failed")]
    assert failed == "failed ×6 of KeyError → workflow_worker_unhandled_failure"


@pytest.mark.parametrize(
    ("kind", "seen"),
    [(TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE, ["failed → timed_out"]), (TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START, [])],
)
def test_a_worker_that_died_with_a_task_is_told_and_a_task_offered_in_vain_is_not(kind: TimeoutType.ValueType, seen: list[str]) -> None:
    run = choosing()
    run.happens("workflow_task_timed_out", timeout_type=kind)

    assert [one for one in told(run.recorded()) if one.startswith("failed")] == seen


def test_a_run_ended_by_force_and_one_begun_in_its_place() -> None:
    first = choosing()
    first.happens("workflow_execution_terminated", reason="by hand: 张秀英")
    second = Run(id=first.id)

    assert told(first.recorded(), second.recorded()) == [
        *("begun revisit/线上复诊", "begun revisit/线上复诊 → again"),
        *("wait choosing/待选号源 of patient with deadline → terminated", "ended revisit/线上复诊 → terminated"),
    ]


def test_a_step_that_a_run_took_with_it_into_its_end_says_so_and_its_wish_is_one_in_both_runs() -> None:
    first, wish = choosing(), {"id": str(ids.new()), "by": str(ids.new())}
    first.is_asked("choose_slot", **wish)
    first.begins("booking.hold", wish)
    first.happens("workflow_execution_terminated")
    second = Run(id=first.id)
    second.did("revisit.load", state="choosing")
    asked = second.is_asked("choose_slot", **wish)
    second.did("booking.hold", wish, state="describing")
    second.answers(asked)

    entries = story([first.recorded(), second.recorded()], {}).entries

    assert [(one.what, one.outcome) for one in entries if one.name == "booking.hold"] == [("step", "terminated"), ("step", "describing")]
    assert [(one.outcome, one.times) for one in entries if one.what is What.WISH] == [("done", 2)]


def test_a_row_that_is_read_again_is_no_news_unless_the_database_was_away() -> None:
    run = Run()
    run.did("revisit.load", state="choosing", attempt=5)

    assert told(run.recorded()) == ["begun revisit/线上复诊", "step revisit.load ×5 of outside.unknown → choosing/待选号源"]


def test_a_rest_for_a_row_that_another_hand_holds_is_no_persons_wait() -> None:
    run = choosing()
    run.rests(0.5)
    run.happens("timer_fired", timer_id="1")

    assert told(run.recorded())[-1] == "wait choosing/待选号源 of another_hand → alarm"


def test_a_deadline_that_passed_ended_the_wait() -> None:
    run = choosing()
    run.rests(1790)
    run.happens("timer_fired", timer_id="1", after_s=1790)
    run.did("booking.leave", {"kind": "alarm"}, state="cancelled")

    *_, wait, leave = story([run.recorded()], {}).entries
    assert (line(wait), wait.took_s) == ("wait choosing/待选号源 of patient with deadline → alarm", 1791)
    assert line(leave) == "step booking.leave/本次复诊已退出 ×1 → cancelled/已退号"


def test_who_comes_while_a_step_is_under_way_is_heard_after_it_without_a_wait() -> None:
    run = choosing()
    first = run.is_asked("choose_slot", id="1", by=str(SOMEBODY))
    step = run.begins("booking.hold", {"id": "1", "by": str(SOMEBODY)})
    second = run.is_asked("cancel", id="2", by=str(SOMEBODY))
    run.happens("activity_task_completed", scheduled_event_id=step, result=carried({"state": "describing"}))
    run.answers(first)
    run.did("booking.leave", {"id": "2", "by": str(SOMEBODY)}, state="cancelled")
    run.answers(second)

    assert [one for one in told(run.recorded()) if one.startswith(("wait", "wish"))] == [
        "wait choosing/待选号源 of patient with deadline → choose_slot",
        "wish choose_slot/锁定号源 by a person → done",
        "wish cancel/本次复诊已退出 by a person → done",
    ]


def test_a_wish_out_of_turn_is_told_with_its_refusal_and_the_wait_goes_on() -> None:
    run = choosing()
    run.answers(run.is_asked("enter", id="1", by=str(SOMEBODY)), refused="revisit.not_now")
    run.answers(run.is_asked("cancel", id="2", by=str(SOMEBODY)))

    assert told(run.recorded())[2:] == [
        "wish enter by a person → revisit.not_now",
        "wait choosing/待选号源 of patient with deadline → cancel",
        "wish cancel by a person → done",
    ]


def test_news_that_was_put_off_does_not_hide_the_wait_after_it() -> None:
    run = Run("refund")
    run.did("refund.load", state="accepted")
    run.hears("refund_reported", id="1")
    run.rests(15)
    run.hears("refund_reported", id="2")

    assert told(run.recorded())[1:] == [
        *("wait accepted/退费中 of wechat_pay → refund_reported", "news refund_reported/收到退费结果通知"),
        *("wait accepted/退费中 of wechat_pay with deadline → refund_reported", "news refund_reported/收到退费结果通知"),
    ]


def test_an_attempt_that_a_worker_did_not_survive() -> None:
    run = choosing()
    step = run.begins("booking.hold")
    died = Failure(timeout_failure_info=TimeoutFailureInfo(timeout_type=TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE))
    run.happens("activity_task_started", scheduled_event_id=step, attempt=2, last_failure=died)

    assert told(run.recorded())[-1] == "step booking.hold/锁定号源 ×2 of timed_out"


@pytest.mark.parametrize("data", [b"\xff", b"[1]", b"", b'"id"'])
def test_what_somebody_sent_by_hand_breaks_nothing(data: bytes) -> None:
    run = choosing()
    run.happens("workflow_execution_signaled", signal_name="charge_ended", input=Payloads(payloads=[Payload(data=data)]))

    assert told(run.recorded())[-1] == "news charge_ended/缴费结果已知"


def test_no_word_of_a_failure_or_a_reason_is_told() -> None:
    run = choosing()
    run.happens("workflow_execution_failed", failure=failure("internal"))

    entries: Iterable[Entry] = story([run.recorded()], {}).entries

    assert "张秀英" not in repr(list(entries))
