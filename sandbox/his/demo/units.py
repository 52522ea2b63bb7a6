"""就诊单元 of the demo hospital: which doctor sees patients on which day, as pure functions of seed and date."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sandbox.his.demo.staff import DOCTORS, Doctor
from sandbox.his.instants import BEIJING

DAYS_AHEAD: Final = 7
CAPACITY: Final = 6
FEE_FEN: Final = 5000
"""Beijing's 医事服务费 of an online revisit: 50.00 yuan whatever the title [G]."""

_HOURS: Final = {"night": (0, 9), "morning": (8, 13), "afternoon": (12, 19), "evening": (18, 26)}
"""First and last hour of each period; 26 is two o'clock of the next day. Neighbours overlap by an hour, so that at any minute one
period that is open goes on for an hour or more."""

_STOPPED: Final = ("zhengkai", 2, "afternoon")
"""Every Wednesday afternoon of this doctor is stopped, so a week always has a 停诊 to look at."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One doctor, one date, one period. `sold` says how many places of each hour the window has sold."""

    doctor: Doctor
    on: date
    period: str
    sold: tuple[int, ...]
    stopped: bool = False

    @property
    def id(self) -> str:
        """Of the Schedule."""
        return f"sch-{self.doctor.key}-{self.on:%Y%m%d}-{self.period}"

    @property
    def starts_at(self) -> datetime:
        """In Beijing."""
        return _hour(self.on, _HOURS[self.period][0])

    @property
    def ends_at(self) -> datetime:
        """In Beijing; 晚间 ends on the next day."""
        return _hour(self.on, _HOURS[self.period][1])

    def hours(self) -> list[tuple[datetime, datetime]]:
        """Start and end of each of its slots."""
        first, last = _HOURS[self.period]
        return [(_hour(self.on, hour), _hour(self.on, hour + 1)) for hour in range(first, last)]


def units_on(day: date, seed: int) -> list[Unit]:
    """All 就诊单元 of a day."""
    return [unit for doctor in DOCTORS for unit in _of_doctor(doctor, day, seed)]


def open_at(units: Iterable[Unit], at: datetime, left: timedelta) -> list[Unit]:
    """The units that are open at an instant and stay so for `left` at least."""
    return [unit for unit in units if not unit.stopped and unit.starts_at <= at and unit.ends_at - at >= left]


def _of_doctor(doctor: Doctor, day: date, seed: int) -> list[Unit]:
    if doctor.always:
        return [Unit(doctor, day, period, (0,) * _length(period)) for period in _HOURS]
    periods = [period for period in ("morning", "afternoon") if (day.weekday(), period) in _week_of(doctor, seed)]
    return [_ordinary(doctor, day, period, seed) for period in periods]


def _ordinary(doctor: Doctor, day: date, period: str, seed: int) -> Unit:
    chance = random.Random(f"{seed}/{doctor.key}/{day.isoformat()}/{period}")  # noqa: S311  a believable hospital, no secret
    full = chance.random() < 0.15
    sold = tuple(CAPACITY if full else chance.randint(0, CAPACITY - 2) for _ in range(_length(period)))
    return Unit(doctor, day, period, sold, stopped=(doctor.key, day.weekday(), period) == _STOPPED)


def _week_of(doctor: Doctor, seed: int) -> set[tuple[int, str]]:
    """The half-days of each week on which a doctor sees patients: three to five, Monday to Saturday."""
    chance = random.Random(f"{seed}/{doctor.key}")  # noqa: S311  a believable hospital, no secret
    half_days = [(weekday, period) for weekday in range(6) for period in ("morning", "afternoon")]
    week = set(chance.sample(half_days, chance.randint(3, 5)))
    return week | {_STOPPED[1:]} if doctor.key == _STOPPED[0] else week


def _length(period: str) -> int:
    first, last = _HOURS[period]
    return last - first


def _hour(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(), BEIJING) + timedelta(hours=hour)
