"""What the rules make of an instant: every deadline of a visit."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.kernel.clock import SHANGHAI
from models.policy import STANDARD, TEST, Policy, Rules

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
standard = Policy(version="1", line="standard", effective_at=NINE, rules=STANDARD)


def after(**how: float) -> datetime:
    return NINE + timedelta(**how)


def test_a_place_is_held_a_quarter_of_an_hour() -> None:
    assert standard.hold_until(NINE, lock_expires_at=after(minutes=30)) == after(minutes=15)


@pytest.mark.parametrize("lock_minutes", [16, 15, 5])
def test_the_hold_ends_before_the_lock_of_the_his_does(lock_minutes: int) -> None:
    assert standard.hold_until(NINE, lock_expires_at=after(minutes=lock_minutes)) == after(minutes=lock_minutes - 2)


@given(lock_s=st.integers(0, 100_000), hold_s=st.integers(1, 100_000), margin_s=st.integers(1, 600))
def test_no_rule_holds_longer_than_the_his(lock_s: int, hold_s: int, margin_s: int) -> None:
    policy = standard.model_copy(update={"rules": STANDARD.model_copy(update={"hold_s": hold_s, "lock_margin_s": margin_s})})

    assert policy.hold_until(NINE, after(seconds=lock_s)) < after(seconds=lock_s)


def test_an_order_at_the_channel_ends_a_minute_before_the_hold() -> None:
    assert standard.order_until(after(minutes=15)) == after(minutes=14)


def test_a_visit_is_reminded_of_half_an_hour_before() -> None:
    assert standard.remind_at(NINE, starts_at=after(hours=2), ends_at=after(hours=5)) == after(hours=1.5)


@pytest.mark.parametrize("starts_in", [timedelta(minutes=30), timedelta(minutes=5), timedelta(hours=-1)])
def test_who_books_later_than_that_is_not_reminded_but_woken_at_the_end(starts_in: timedelta) -> None:
    assert standard.remind_at(NINE, NINE + starts_in, ends_at=after(hours=3)) == after(hours=3)


def test_a_doctor_has_until_midnight_to_accept() -> None:
    assert standard.accept_until(NINE, unit_ends_at=after(hours=3)) == datetime(2026, 3, 3, tzinfo=SHANGHAI)


def test_in_a_unit_past_midnight_until_the_unit_ends() -> None:
    starts_at = datetime(2026, 3, 2, 22, 0, tzinfo=SHANGHAI)

    assert standard.accept_until(starts_at, unit_ends_at=starts_at + timedelta(hours=4)) == starts_at + timedelta(hours=4)


def test_a_slot_after_midnight_belongs_to_its_own_day() -> None:
    starts_at = datetime(2026, 3, 3, 0, 30, tzinfo=SHANGHAI)

    assert standard.accept_until(starts_at, unit_ends_at=starts_at + timedelta(hours=1)) == datetime(2026, 3, 4, tzinfo=SHANGHAI)


@pytest.mark.parametrize("rules", [STANDARD, TEST])
def test_both_lines_leave_time_to_pay(rules: Rules) -> None:
    """An order may still be opened, ends before the hold, and the hold before the lock."""
    assert 0 < rules.order_margin_s <= rules.too_late_s < rules.hold_s
    assert rules.lock_margin_s > 0
    Rules.model_validate(rules.model_dump())


@pytest.mark.parametrize("wrong", [{"draft_s": 0}, {"calls_max": 0}, {"window_months": 0}, {"hold_s": -1}, {"grace_s": 5}])
def test_what_is_no_rule_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Rules.model_validate(STANDARD.model_dump() | wrong)
