"""Who may revisit online (P-2.1)."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.eligibility import HisPatient, PastVisit, Refusal, age_on, allowed_until, counts, judge, window_start
from models.kernel.clock import SHANGHAI, business_day

ADULT = HisPatient(ids=("pat-1",), name="张秀英", birth_on=date(1958, 5, 12))
ZONES = st.sampled_from([SHANGHAI, UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=13))])
instants = st.builds(datetime.fromtimestamp, st.integers(1_577_836_800, 2_082_758_400), ZONES)
"""From 2020 to 2035, to the second."""


def noon(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=SHANGHAI)


def a_visit(ended_at: datetime, encounter_id: str = "enc-1") -> PastVisit:
    return PastVisit(encounter_id=encounter_id, ended_at=ended_at, department="呼吸科", department_id="dep-1")


@pytest.mark.parametrize(
    ("today", "first_day"),
    [
        (noon(2026, 11, 24), date(2026, 5, 24)),
        (noon(2026, 8, 31), date(2026, 2, 28)),  # February has no 31st: its last day stands for it
        (noon(2024, 8, 31), date(2024, 2, 29)),
        (noon(2024, 8, 29), date(2024, 2, 29)),
        (noon(2026, 3, 1), date(2025, 9, 1)),
        (noon(2026, 6, 30), date(2025, 12, 30)),
        (noon(2026, 1, 15), date(2025, 7, 15)),
    ],
)
def test_the_window_begins_on_the_same_day_six_months_before(today: datetime, first_day: date) -> None:
    assert window_start(today, 6) == first_day


def test_a_visit_counts_on_the_last_day_and_not_on_the_day_after() -> None:
    visit = a_visit(noon(2026, 5, 24))

    assert counts(visit, noon(2026, 11, 24), 6)
    assert counts(visit, datetime(2026, 11, 24, 23, 59, 59, tzinfo=SHANGHAI), 6)
    assert not counts(visit, datetime(2026, 11, 25, 0, 0, tzinfo=SHANGHAI), 6)


def test_days_are_those_of_beijing() -> None:
    """18:00 UTC is two in the morning of the next day there."""
    late = a_visit(datetime(2026, 5, 23, 18, tzinfo=UTC))

    assert counts(late, noon(2026, 11, 24), 6)
    assert not counts(late, datetime(2026, 11, 24, 18, tzinfo=UTC), 6)


@given(ended_at=instants, months=st.integers(1, 24))
def test_allowed_until_names_the_last_day_that_counts(ended_at: datetime, months: int) -> None:
    last, visit = allowed_until(ended_at, months), a_visit(ended_at)

    assert counts(visit, datetime.combine(last, datetime.max.time(), SHANGHAI), months)
    assert not counts(visit, datetime.combine(last + timedelta(days=1), datetime.min.time(), SHANGHAI), months)


@given(at=instants, months=st.integers(1, 24))
def test_the_window_is_never_shorter_than_its_months(at: datetime, months: int) -> None:
    start, today = window_start(at, months), business_day(at)

    assert (today.year * 12 + today.month) - (start.year * 12 + start.month) == months
    assert start.day == min(today.day, monthrange(start.year, start.month)[1])


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        (date(2019, 11, 25), date(2026, 11, 24), 6),
        (date(2019, 11, 24), date(2026, 11, 24), 7),
        (date(2020, 2, 29), date(2027, 2, 28), 6),
        (date(2020, 2, 29), date(2027, 3, 1), 7),
        (date(2020, 2, 29), date(2028, 2, 29), 8),
    ],
)
def test_years_are_whole_and_one_born_on_the_29th_of_february_waits_for_march(born: date, today: date, years: int) -> None:
    assert age_on(born, today) == years


def test_a_child_is_refused_until_the_seventh_birthday() -> None:
    child = ADULT.model_copy(update={"birth_on": date(2019, 11, 24)})
    visit = a_visit(noon(2026, 11, 1))

    assert judge(child, (visit,), None, noon(2026, 11, 23), 6) is Refusal.CHILD
    assert judge(child, (visit,), None, noon(2026, 11, 24), 6) == visit


def test_who_is_not_known_or_was_never_here_is_refused() -> None:
    assert judge(None, (), None, noon(2026, 11, 24), 6) is Refusal.NOT_FOUND
    assert judge(ADULT, (), None, noon(2026, 11, 24), 6) is Refusal.NO_RECORD


def test_without_a_choice_the_newest_visit_is_continued() -> None:
    older, newer = a_visit(noon(2026, 6, 1), "older"), a_visit(noon(2026, 10, 1), "newer")

    assert judge(ADULT, (older, newer), None, noon(2026, 11, 24), 6) == newer
    assert judge(ADULT, (newer, older), None, noon(2026, 11, 24), 6) == newer


def test_a_chosen_visit_is_continued_though_there_is_a_newer_one() -> None:
    older, newer = a_visit(noon(2026, 6, 1), "older"), a_visit(noon(2026, 10, 1), "newer")

    assert judge(ADULT, (older, newer), "older", noon(2026, 11, 24), 6) == older


def test_a_visit_of_somebody_else_cannot_be_chosen() -> None:
    assert judge(ADULT, (a_visit(noon(2026, 10, 1)),), "another", noon(2026, 11, 24), 6) is Refusal.NOT_THEIRS


def test_a_visit_out_of_the_window_is_refused_even_when_chosen() -> None:
    old, new = a_visit(noon(2026, 1, 1), "old"), a_visit(noon(2026, 11, 1), "new")

    assert judge(ADULT, (old,), None, noon(2026, 11, 24), 6) is Refusal.OUT_OF_WINDOW
    assert judge(ADULT, (old, new), "old", noon(2026, 11, 24), 6) is Refusal.OUT_OF_WINDOW


def test_a_child_is_told_so_before_anything_else_is_looked_at() -> None:
    child = ADULT.model_copy(update={"birth_on": date(2022, 1, 1)})

    assert judge(child, (), None, noon(2026, 11, 24), 6) is Refusal.CHILD
