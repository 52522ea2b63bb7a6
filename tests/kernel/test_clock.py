"""Instants are aware, days are Beijing's."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.kernel.clock import SHANGHAI, beijing, business_day, end_of, now


def test_now_is_aware_and_in_utc() -> None:
    assert now().tzinfo is UTC


def test_the_day_changes_at_midnight_in_beijing() -> None:
    assert business_day(datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC)) == date(2026, 11, 24)
    assert business_day(datetime(2026, 11, 24, 16, 0, tzinfo=UTC)) == date(2026, 11, 25)


@given(st.builds(datetime.fromtimestamp, st.integers(0, 4_102_444_800), st.sampled_from([UTC, SHANGHAI])))
def test_every_instant_lies_before_the_end_of_its_day_and_not_before_its_beginning(at: datetime) -> None:
    day = business_day(at)

    assert end_of(day - timedelta(days=1)) <= at < end_of(day)


def test_people_read_beijing_time() -> None:
    assert beijing(datetime(2026, 11, 24, 1, 5, tzinfo=UTC)) == "11月24日 09:05"
