"""Instants are aware; business days are those of Asia/Shanghai."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had one zone without summer time since 1991: a fixed offset, so that no zone database can differ."""

_WRITTEN = re.compile(r"[0-9 :-]+")

Clock = Callable[[], datetime]


def now() -> datetime:
    """The instant, aware, in UTC. The one place where the house looks at a clock."""
    return datetime.now(UTC)


def read_beijing(text: str, form: str) -> datetime:
    """A time as a machine in China writes it, without a zone; raises `ValueError`. `strptime` alone takes any script's digits."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("not a time")
    return datetime.strptime(text, form).replace(tzinfo=SHANGHAI)


def business_day(at: datetime) -> date:
    """The day in Beijing on which `at` lies."""
    return at.astimezone(SHANGHAI).date()


def end_of(day: date) -> datetime:
    """The first instant after a business day."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def beijing(at: datetime) -> str:
    """As people read a time: `11月24日 09:30`."""
    local = at.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"
