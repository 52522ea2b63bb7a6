"""Every state, step and refusal has its words on the screen."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

from models.charge import ChargeState
from models.eligibility import Refusal
from models.process import Row
from models.revisit import BY_DOCTOR, BY_PATIENT, COMMANDS, MOVES, Reason, State
from models.stores.notices import REASONS
from models.timeline import ACTS_NEXT, MONEY_TEXTS, REFUSAL_TEXTS, STATE_TEXTS, STEP_TEXTS, UNDER_WAY
from tests.process.hospital import Hospital


def steps(hospital: Hospital) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Activities that move a row: their names, and themselves."""
    for activity in hospital.activities:
        first = next(iter(get_type_hints(activity).values()))
        if isinstance(first, type) and issubclass(first, Row):
            definition: Any = getattr(activity, "__temporal_activity_definition")
            yield definition.name, activity


def source(activity: Callable[..., Any]) -> str:
    """Of a step and of the methods of its own that it calls."""
    own = inspect.getsource(activity)
    called = {getattr(activity, "__self__").__class__.__dict__.get(name) for name in re.findall(r"self\.(_\w+)\(", own)}  # noqa: B009
    return own + "".join(inspect.getsource(method) for method in called if callable(method))


def test_every_state_is_said() -> None:
    assert set(STATE_TEXTS) == set(State)
    assert set(MONEY_TEXTS) == set(ChargeState)
    assert STATE_TEXTS[State.ENDED] == STATE_TEXTS[State.CLOSED] == "已结束"


def test_in_every_state_but_an_end_somebody_acts_next() -> None:
    assert set(ACTS_NEXT) == set(State) - MOVES.ends()


def test_every_step_that_moves_a_row_is_said(hospital: Hospital) -> None:
    assert set(STEP_TEXTS) == {name for name, _ in steps(hospital)} | {"revisit.open"}


def test_the_timeline_calls_a_step_by_the_name_of_its_activity(hospital: Hospital) -> None:
    for name, activity in steps(hospital):
        assert re.findall(r'_guard\.step\(now, "([\w.]+)"', inspect.getsource(activity)) == [name]


def test_while_the_outside_is_asked_the_screen_says_what_for(hospital: Hospital) -> None:
    fenced = {
        event.model_fields["kind"].default
        for _, activity in steps(hospital)
        if ".fence()" in source(activity)
        for hint in list(get_type_hints(activity).values())[1:-1]
        for event in (get_args(hint) or (hint,))
    }

    assert fenced - {"alarm", "close"} <= set(UNDER_WAY), "an alarm is nobody's wish, and a visit that closes its charge is 退号处理中"


def test_every_refusal_and_every_reason_for_leaving_is_said() -> None:
    assert set(REFUSAL_TEXTS) == set(Refusal)
    assert set(REASONS) == set(Reason)


def test_every_command_is_the_patients_or_the_doctors() -> None:
    assert {one.model_fields["kind"].default for one in COMMANDS} == BY_PATIENT | BY_DOCTOR
    assert not BY_PATIENT & BY_DOCTOR
