"""The doctor's lists of a 就诊单元, and how a waiting patient sees the doctor (D-2.1, P-4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from models.kernel.clock import business_day
from models.revisit import State


class QueueList(StrEnum):
    """待报到/待接诊/问诊中/已结束: each booking is in exactly one."""

    BOOKED = "booked"
    WAITING = "waiting"
    CONSULTING = "consulting"
    ENDED = "ended"


LIST_TEXTS: Final[dict[QueueList, str]] = {
    QueueList.BOOKED: "待报到",
    QueueList.WAITING: "待接诊",
    QueueList.CONSULTING: "问诊中",
    QueueList.ENDED: "已结束",
}

LISTED: Final[dict[State, QueueList]] = {
    State.BOOKED: QueueList.BOOKED,
    State.WAITING: QueueList.WAITING,
    State.CONSULTING: QueueList.CONSULTING,
    State.ENDED: QueueList.ENDED,
    State.CLOSED: QueueList.ENDED,
    State.DECLINED: QueueList.ENDED,
    State.ABSENT: QueueList.ENDED,
    State.CANCELLED: QueueList.ENDED,
    State.SUSPENDED: QueueList.ENDED,
}
"""No other state is in a list."""

IF_BOOKED: Final = frozenset({State.CANCELLED, State.SUSPENDED})
"""Only when it had been booked: what was left unpaid never was the doctor's."""

BADGES: Final = frozenset({State.DECLINED, State.ABSENT, *IF_BOOKED})
"""Ends other than 已结束, told beside the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A 就诊单元 of a doctor, with how many stand in each list."""

    id: str
    department: str
    on: date
    period: str
    starts_at: datetime
    ends_at: datetime
    counts: dict[QueueList, int]


def check_in_open(at: datetime, *, on: date, unit_starts_at: datetime, slot_starts_at: datetime) -> bool:
    """报到 on the visit day only. A 就诊单元 may run past midnight: its date, the slot's own day and all the time that it runs count."""
    return business_day(at) in {on, business_day(slot_starts_at)} or at >= unit_starts_at


def current(units: Sequence[Unit], at: datetime) -> Unit | None:
    """The one a doctor wants to see first: running now, else the next to begin, else the last that was."""
    by_start = sorted(units, key=lambda unit: (unit.starts_at, unit.id))
    running = [unit for unit in by_start if unit.starts_at <= at < unit.ends_at]
    ahead = [unit for unit in by_start if unit.starts_at > at]
    return next(iter(running or ahead or by_start[-1:]), None)


class DoctorState(StrEnum):
    """What a waiting patient is told of the doctor."""

    CONSULTING = "consulting"
    READY = "ready"
    NOT_BEGUN = "not_begun"
    OVER = "over"


DOCTOR_TEXTS: Final[dict[DoctorState, str]] = {
    DoctorState.CONSULTING: "医生正在接诊",
    DoctorState.READY: "医生出诊中",
    DoctorState.NOT_BEGUN: "尚未到出诊时间",
    DoctorState.OVER: "本就诊单元已结束",
}


def doctor_state(starts_at: datetime, ends_at: datetime, consulting: int, at: datetime) -> DoctorState:
    """By what the doctor does, and else by the hours of the 就诊单元."""
    if consulting:
        return DoctorState.CONSULTING
    if at < starts_at:
        return DoctorState.NOT_BEGUN
    return DoctorState.READY if at < ends_at else DoctorState.OVER
