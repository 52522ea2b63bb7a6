"""What a visit costs is counted from histories, in all and for each step."""

from pathlib import Path

from temporalio.api.common.v1 import ActivityType, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.billing import Cost, committed, cost, steps, table, whole


def event(name: str, **attributes: object) -> HistoryEvent:
    kind = f"workflow_execution_{name}" if name in {"started", "update_accepted", "update_completed", "completed"} else name
    made = HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind.upper()}"))
    if attributes:
        getattr(made, f"{kind}_event_attributes").MergeFrom(type(getattr(made, f"{kind}_event_attributes"))(**attributes))
    return made


def task() -> list[HistoryEvent]:
    return [event(f"workflow_task_{one}") for one in ("scheduled", "started", "completed")]


def work(name: str, attempts: int = 1) -> list[HistoryEvent]:
    return [
        event("activity_task_scheduled", activity_type=ActivityType(name=name)),
        event("activity_task_started", attempt=attempts),
        event("activity_task_completed"),
    ]


def asked(name: str) -> HistoryEvent:
    made = event("update_accepted")
    made.workflow_execution_update_accepted_event_attributes.accepted_request.input.name = name
    return made


BEGIN = [event("started", workflow_type=WorkflowType(name="revisit")), *task(), *work("revisit.load"), *task(), event("timer_started")]
CHOOSE = [*task(), asked("choose_slot"), *work("booking.hold", attempts=3), *task(), event("update_completed")]
HISTORIES = {"run": [*BEGIN, *CHOOSE]}


def test_start_update_timer_and_every_attempt_are_paid_for() -> None:
    assert (cost(BEGIN).actions, cost(CHOOSE).actions) == (3, 4)


def test_each_event_belongs_to_one_step_named_by_what_woke_it_and_what_it_did() -> None:
    begun, chosen = steps([*BEGIN, *CHOOSE])

    assert (begun.woken_by, begun.activity, begun.cost) == ("start", "revisit.load", cost(BEGIN))
    assert (chosen.process, chosen.woken_by, chosen.activity, chosen.cost) == ("revisit", "choose_slot", "booking.hold", cost(CHOOSE))


def test_a_step_that_nobody_asked_for_begins_with_its_activity() -> None:
    assert [one.activity for one in steps([*BEGIN, *work("eligibility.check"), *task()])] == ["revisit.load", "eligibility.check"]


def test_the_written_table_says_what_the_whole_visit_costs(tmp_path: Path) -> None:
    written = tmp_path / "billing.md"
    written.write_text(f"# Some words\n\n{table(HISTORIES)}\n", encoding="utf-8")

    assert committed(written) == whole(HISTORIES) == cost(BEGIN) + cost(CHOOSE)


def test_none_of_the_three_may_grow_by_more_than_its_share() -> None:
    before = Cost(actions=40, events=200, bytes=40_000)

    assert Cost(42, 210, 42_000).within(before, 0.05)
    assert not Cost(43, 200, 40_000).within(before, 0.05)
    assert not Cost(40, 211, 40_000).within(before, 0.05)
    assert not Cost(40, 200, 42_001).within(before, 0.05)
