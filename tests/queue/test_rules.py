"""Which 就诊单元 a doctor sees first, in which list a visit stands, and what a waiting patient is told."""

from datetime import datetime

import pytest

from models.queue import LISTED, DoctorState, QueueList, Unit, current, doctor_state
from models.revisit import BEFORE_ACCEPTED, MOVES, PAID, State
from tests.schedule.builders import TODAY, at


def a_unit(id: str, starts: int, ends: int) -> Unit:
    return Unit(
        id=id, department="呼吸科", on=TODAY, period="morning", starts_at=at(starts), ends_at=at(ends), counts=dict.fromkeys(QueueList, 0)
    )


MORNING, AFTERNOON, EVENING = a_unit("morning", 8, 12), a_unit("afternoon", 13, 17), a_unit("evening", 18, 21)


@pytest.mark.parametrize(
    ("when", "first"),
    [
        (at(7), MORNING),
        (at(8), MORNING),
        (at(11, 59), MORNING),
        (at(12), AFTERNOON),
        (at(13), AFTERNOON),
        (at(20), EVENING),
        (at(21), EVENING),
        (at(23), EVENING),
    ],
)
def test_running_now_else_next_else_last(when: datetime, first: Unit) -> None:
    assert current([EVENING, MORNING, AFTERNOON], when) is first


def test_nobody_has_a_current_one_without_any() -> None:
    assert current([], at(9)) is None


def test_a_visit_comes_into_a_list_by_booking_and_never_leaves_the_lists() -> None:
    assert not set(LISTED) & ((BEFORE_ACCEPTED - PAID) | {State.REFUSED, State.CLOSING})
    for state in set(LISTED) - {State.CANCELLED}:
        assert MOVES.table[state] <= set(LISTED)
    assert set(LISTED.values()) == set(QueueList)


@pytest.mark.parametrize(
    ("when", "consulting", "told"),
    [
        (at(7), 0, DoctorState.NOT_BEGUN),
        (at(8), 0, DoctorState.READY),
        (at(8), 1, DoctorState.CONSULTING),
        (at(12), 0, DoctorState.OVER),
        (at(12), 2, DoctorState.CONSULTING),
    ],
)
def test_what_the_doctor_does(when: datetime, consulting: int, told: DoctorState) -> None:
    assert doctor_state(MORNING.starts_at, MORNING.ends_at, consulting, when) is told
