"""Every state, step and refusal has its words on the screen."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

from activities.signature import EXPIRED, UNTIMELY
from api.sentences import SENTENCES
from models.charge import ChargeState
from models.eligibility import Refusal
from models.ledger import Account
from models.process import Row, allowed
from models.record import RecordState
from models.refund import CHANNEL_REASONS, Cause, Office, RefundState
from models.revisit import BEFORE_ACCEPTED, BY_DOCTOR, BY_PATIENT, COMMANDS, MOVES, PAID, DeclineReason, Reason, State
from models.signature import TaskState
from models.stores.notices import told
from models.timeline import (
    ACTS_NEXT,
    CANCEL_TEXTS,
    DECLINE_TEXTS,
    MONEY_TEXTS,
    REASON_TEXTS,
    REFUSAL_TEXTS,
    STATE_TEXTS,
    STEP_TEXTS,
    UNDER_WAY,
)
from models.timeline_prescription import REASON_TEXTS as PRESCRIPTION_REASONS
from models.timeline_record import RECORD_TEXTS
from models.timeline_refund import CAUSE_TEXTS, REFUND_TEXTS
from tests.house.rooms import HOUSE
from tests.process.hospital import Hospital

PAGE = (HOUSE / "docs" / "words.md").read_text(encoding="utf-8")
CHARACTERS_MAX = 80
"""Of the channel's `reason` [C]."""


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


def test_every_state_of_a_refund_and_every_cause_is_said() -> None:
    assert set(REFUND_TEXTS) == set(RefundState)
    assert set(CAUSE_TEXTS) == set(CHANNEL_REASONS) == set(Cause)


def test_only_what_has_arrived_is_said_to_have_arrived() -> None:
    assert {state for state, said in REFUND_TEXTS.items() if "已到账" in said} == {RefundState.ARRIVED}


def test_to_people_it_is_never_the_channels_word() -> None:
    for said in (*REFUND_TEXTS.values(), *CAUSE_TEXTS.values(), *CANCEL_TEXTS.values(), *DECLINE_TEXTS.values(), *REASON_TEXTS.values()):
        assert not re.search("退款|支付|挂号费|诊金", said), said


def test_the_channel_takes_our_words_and_they_tell_apart_what_goes_back() -> None:
    assert len(set(CHANNEL_REASONS.values())) == len(Cause)
    assert all(0 < len(said) <= CHARACTERS_MAX for said in CHANNEL_REASONS.values())


def test_every_reason_of_a_doctor_is_said() -> None:
    assert set(DECLINE_TEXTS) == set(DeclineReason)


def test_wherever_a_patient_may_leave_the_rule_is_said_with_what_becomes_of_the_money() -> None:
    assert set(CANCEL_TEXTS) >= BEFORE_ACCEPTED
    for state in BEFORE_ACCEPTED:
        assert ("原路退回" in CANCEL_TEXTS[state]) == (state in PAID), state
    assert "退诊" in CANCEL_TEXTS[State.CONSULTING], "whom to ask, where one may not leave any more"
    assert not set(CANCEL_TEXTS) & MOVES.ends()


def test_who_paid_and_left_is_told_once_that_it_comes_back() -> None:
    for reason in Reason:
        assert told(reason, paid=True).count("原路退回") == 1
        assert told(reason, paid=False) == REASON_TEXTS[reason]


def test_in_every_state_but_an_end_somebody_acts_next() -> None:
    assert set(ACTS_NEXT) == set(State) - MOVES.ends()


def test_every_step_that_moves_a_row_is_said(hospital: Hospital) -> None:
    assert set(STEP_TEXTS) == {name for name, _ in steps(hospital)} | {"revisit.open", "prescription.open", "record.open"}


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
    assert set(REASON_TEXTS) == set(Reason)


def test_every_command_is_the_patients_or_the_doctors() -> None:
    assert {one.model_fields["kind"].default for one in COMMANDS} == BY_PATIENT | BY_DOCTOR
    assert not BY_PATIENT & BY_DOCTOR


def table(heading: str) -> list[tuple[str, ...]]:
    """Rows of the one table of the page that has a column of that heading; its cells as they are written."""
    blocks = [[tuple(cell.strip() for cell in line.strip("|").split("|")) for line in block] for block in _blocks()]
    [rows] = [block for block in blocks if heading in block[0]]
    return rows[2:]


def _blocks() -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*PAGE.splitlines(), ""]:
        if line.startswith("|"):
            block.append(line)
        elif block:
            yield block
            block = []


def said_on_the_page(heading: str) -> dict[str, str]:
    """Each word of that table with what people read for it."""
    return {re.findall("`([a-z_.]+)`", row[1])[0]: row[0] for row in table(heading)}


def test_the_page_of_words_has_every_state_as_screens_say_it() -> None:
    assert said_on_the_page("State") == STATE_TEXTS
    assert said_on_the_page("State of a charge") == MONEY_TEXTS
    assert said_on_the_page("State of a refund") == REFUND_TEXTS
    assert said_on_the_page("State of a record's signing") == RECORD_TEXTS
    assert set(RECORD_TEXTS) == set(RecordState)
    assert said_on_the_page("Reason of a prescription") == PRESCRIPTION_REASONS


def test_the_page_of_words_has_every_cause_office_and_account() -> None:
    assert said_on_the_page("Cause") == CAUSE_TEXTS
    assert set(said_on_the_page("Office that owns a stuck refund")) == set(Office)
    assert set(said_on_the_page("Account of the ledger")) == set(Account)
    assert set(said_on_the_page("Reason")) == set(Reason)
    assert set(said_on_the_page("Refusal")) == set(REFUSAL_TEXTS)


def test_the_page_of_words_tells_every_reason_of_a_decline() -> None:
    [declined] = [row for row in table("Reason") if row[1] == "`declined`"]

    assert set(re.findall("`([a-z_]+)`", declined[2])) - {"declined"} == set(DeclineReason)


def test_the_page_of_words_tells_what_a_visit_may_be_asked_and_where_it_goes() -> None:
    for row in table("State"):
        state = State(row[1].strip("`"))
        assert set(re.findall("`([a-z_]+)`", row[4])) == MOVES.table[state], state
        assert set(re.findall("[a-z_]+", re.sub(r"\(.*?\)", "", row[3]))) == set(allowed(state, COMMANDS)), state


def test_why_a_signature_does_not_count_is_said() -> None:
    ended = {f"signature.{state}" for state in set(TaskState) - {TaskState.PENDING, TaskState.SIGNED}}

    assert ended | {UNTIMELY, EXPIRED} <= SENTENCES.keys()
