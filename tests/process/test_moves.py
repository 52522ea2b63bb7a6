"""The tables of moves, the phases and the words on the screens are one fact each, and fit together."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import TemporalError

from models import charge, delivery, invoice, prescription, record, refund, revisit, suspension
from models.charge import ChargeState
from models.delivery import DeliveryState
from models.invoice import InvoiceState
from models.kernel import ids
from models.kernel.clock import SHANGHAI
from models.prescription import PrescriptionState
from models.process import Alarm, Command, Event, Moves, News, Row, allowed, command_of
from models.record import RecordState
from models.refund import RefundState
from models.revisit import State
from models.suspension import SuspensionState
from models.timeline import DEADLINES
from tests.process.examples import (
    CHARGE_EVENTS,
    DELIVERY_EVENTS,
    INVOICE_EVENTS,
    PRESCRIPTION_EVENTS,
    RECORD_EVENTS,
    REFUND_EVENTS,
    REVISIT_EVENTS,
    SUSPENSION_EVENTS,
)
from workflows.charge import ChargeWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.prescription import PrescriptionWorkflow
from workflows.process import Process
from workflows.record import RecordWorkflow
from workflows.refund import RefundWorkflow
from workflows.revisit import RevisitWorkflow
from workflows.suspension import SuspensionWorkflow

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


@dataclass(frozen=True)
class Kind:
    """A process as these tests look at it."""

    name: str
    states: type[StrEnum]
    moves: Moves[Any]
    workflow: type[Process[Any]]
    commands: tuple[type[Command], ...]
    events: Mapping[str, Event | Alarm]


KINDS = [
    Kind("revisit", State, revisit.MOVES, RevisitWorkflow, revisit.COMMANDS, REVISIT_EVENTS),
    Kind("charge", ChargeState, charge.MOVES, ChargeWorkflow, charge.COMMANDS, CHARGE_EVENTS),
    Kind("refund", RefundState, refund.MOVES, RefundWorkflow, refund.COMMANDS, REFUND_EVENTS),
    Kind("prescription", PrescriptionState, prescription.MOVES, PrescriptionWorkflow, prescription.COMMANDS, PRESCRIPTION_EVENTS),
    Kind("record", RecordState, record.MOVES, RecordWorkflow, record.COMMANDS, RECORD_EVENTS),
    Kind("delivery", DeliveryState, delivery.MOVES, DeliveryWorkflow, delivery.COMMANDS, DELIVERY_EVENTS),
    Kind("invoice", InvoiceState, invoice.MOVES, InvoiceWorkflow, invoice.COMMANDS, INVOICE_EVENTS),
    Kind("suspension", SuspensionState, suspension.MOVES, SuspensionWorkflow, (), SUSPENSION_EVENTS),
]
SNAPSHOTS: dict[str, tuple[type[Row[Any, Any]], dict[str, Any]]] = {
    "revisit": (revisit.Revisit, {}),
    "charge": (charge.Charge, {"visit_id": UUID(int=2)}),
    "refund": (refund.Refund, {"visit_id": UUID(int=2), "cause": refund.Cause.PATIENT}),
    "prescription": (prescription.Prescription, {"visit_id": UUID(int=2), "content_id": UUID(int=3), "task_id": UUID(int=4)}),
    "record": (record.RecordSigning, {"visit_id": UUID(int=2), "task_id": UUID(int=4)}),
    "delivery": (delivery.Delivery, {"visit_id": UUID(int=2), "prescription_id": UUID(int=3)}),
    "invoice": (invoice.Invoice, {"visit_id": UUID(int=2), "charge_id": UUID(int=3)}),
    "suspension": (suspension.Suspension, {"schedule_id": "unit-1"}),
}
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@given(st.sampled_from([(kind, before, after) for kind in KINDS for before in kind.states for after in kind.states]))
def test_a_move_is_made_only_if_the_table_has_it(move: tuple[Kind, Any, Any]) -> None:
    kind, before, after = move
    if after in kind.moves.table[before]:
        kind.moves.check(before, after)
    else:
        with pytest.raises(RuntimeError, match="not in the table of moves"):
            kind.moves.check(before, after)


@kinds
def test_every_state_has_a_phase_or_is_an_end_and_no_end_has_one(kind: Kind) -> None:
    """A state missing from both would end the process without a word."""
    assert set(kind.moves.table) == set(kind.states)
    assert set(kind.workflow.PATHWAY) == set(kind.states) - kind.moves.ends()


@kinds
@given(data=st.data())
def test_from_every_state_an_end_is_reached(kind: Kind, data: st.DataObject) -> None:
    """Whatever way is taken, an end stays within reach."""
    state = data.draw(st.sampled_from(list(kind.states)))
    within: set[Any] = {state}
    while within != (wider := within | {after for one in within for after in kind.moves.table[one]}):
        within = wider

    assert within & kind.moves.ends()


@kinds
def test_what_people_may_ask_is_asked_in_states_with_a_phase(kind: Kind) -> None:
    for one in kind.commands:
        assert one.allowed_in, f"{one.__name__} is never allowed"
        assert set(one.allowed_in) <= set(kind.workflow.PATHWAY)


@kinds
def test_every_command_has_a_state_that_can_be_reached(kind: Kind) -> None:
    reached = {next(iter(kind.states))}
    while reached != (wider := reached | {after for one in reached for after in kind.moves.table[one]}):
        reached = wider

    assert all(set(one.allowed_in) & reached for one in kind.commands)


@kinds
def test_a_command_is_found_by_its_name_and_screens_are_told_what_is_allowed(kind: Kind) -> None:
    for one in kind.commands:
        name = one.model_fields["kind"].default
        assert command_of(name, kind.commands) is one
        for state in kind.states:
            assert (name in allowed(state, kind.commands)) == (state in one.allowed_in)


@kinds
def test_at_an_end_nobody_may_ask_anything(kind: Kind) -> None:
    assert all(allowed(state, kind.commands) == [] for state in kind.moves.ends())


class Listening(Process[Any]):
    """A desk at which nothing is done: it tells which step a phase would take."""

    @classmethod
    def of(cls, kind: Kind) -> "Listening":
        return type("Listening", (cls, kind.workflow), {})()

    def meets(self, event: Event | Alarm, row: Row[Any, Any]) -> "Listening":
        self.now, self.event, self.taken, self.until = row, event, list[str](), None
        return self

    async def next(self, *, until: datetime | None = None) -> Event | Alarm:
        self.until = until
        return self.event

    async def step(self, activity: Any, *args: Any) -> None:
        self.taken.append(activity.__qualname__)


def a_row(kind: Kind, state: StrEnum, *, wake_at: datetime | None, due_at: datetime | None) -> Row[Any, Any]:
    snapshot, more = SNAPSHOTS[kind.name]
    return snapshot.model_validate({"id": ids.new(), "version": 3, "state": state, "wake_at": wake_at, "due_at": due_at} | more)


WAKES = {"no alarm": (None, None), "deadline": (NOW, NOW), "reminder": (NOW, NOW + timedelta(minutes=5))}
PHASES = [(kind, state) for kind in KINDS for state in kind.workflow.PATHWAY]


@pytest.mark.parametrize(("kind", "state"), PHASES, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("wakes", WAKES)
async def test_a_phase_takes_one_step_or_refuses(kind: Kind, state: Any, wakes: str) -> None:
    """Nothing is passed over in silence, what the table allows is never refused, and an alarm that is set has somebody who acts on it."""
    wake_at, due_at = WAKES[wakes]
    for event in kind.events.values():
        desk = Listening.of(kind).meets(event, a_row(kind, state, wake_at=wake_at, due_at=due_at))
        try:
            await kind.workflow.PATHWAY[state](desk, desk.now)
        except TemporalError:  # `not_now` names the workflow, which only a run knows
            assert not desk.taken
            assert not (isinstance(event, Command) and state in event.allowed_in)
            assert not (isinstance(event, Alarm) and desk.until)
        else:
            assert len(desk.taken) == 1


async def test_every_deadline_says_on_the_screen_what_it_means() -> None:
    """Where an alarm is set, and while money is waited for: there the charge has the alarm."""
    kind, timed = KINDS[0], {State.PAYING}
    for state in kind.workflow.PATHWAY:
        desk = Listening.of(kind).meets(Alarm(), a_row(kind, State(state), wake_at=NOW, due_at=NOW))
        with contextlib.suppress(TemporalError):
            await kind.workflow.PATHWAY[state](desk, desk.now)
        timed |= {State(state)} if desk.until else set()

    assert set(DEADLINES) == timed


@kinds
def test_the_desk_is_told_of_everything_by_its_own_name(kind: Kind) -> None:
    """An Update for each command, a Signal for each news, under the kind that the payload carries."""
    definition: Any = getattr(kind.workflow, "__temporal_workflow_definition")
    commands = {one.model_fields["kind"].default for one in kind.commands}
    news = {name for name, event in kind.events.items() if isinstance(event, News)}

    assert definition.name == kind.name
    assert set(definition.updates) == commands
    assert set(definition.signals) == news | {"renew"}


def test_the_last_call_is_said_by_the_row() -> None:
    def row(wake_at: datetime | None, due_at: datetime | None) -> Row[Any, Any]:
        return revisit.Revisit(id=UUID(int=1), version=1, state=State.BOOKED, wake_at=wake_at, due_at=due_at)

    assert row(NOW, NOW).last_call
    assert not row(NOW - timedelta(seconds=1), NOW).last_call
    assert not row(None, NOW).last_call
    assert not row(NOW, None).last_call
