"""Time as the HIS keeps it: integer milliseconds in its tables, Beijing time on its wire."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sandbox.clock import SHANGHAI as BEIJING

DAY_MS: Final = 86_400_000

Clock = Callable[[], datetime]

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def at(milliseconds: int) -> datetime:
    """The instant in Beijing."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def instant(milliseconds: int) -> str:
    """FHIR `instant`, to the millisecond."""
    return at(milliseconds).isoformat(timespec="milliseconds")


def datetime_text(milliseconds: int) -> str:
    """FHIR `dateTime`, to the second."""
    return at(milliseconds).isoformat(timespec="seconds")


def day_text(milliseconds: int) -> str:
    """FHIR `date` in Beijing."""
    return at(milliseconds).date().isoformat()


def midnight(day: date) -> datetime:
    """The first instant of a day in Beijing."""
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING)


def parse_instant(text: str) -> int:
    """Milliseconds of a FHIR `instant` or full `dateTime`; raises ValueError, also when the zone is missing."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(text)
    return ms(parsed)


def parse_day(text: str) -> date:
    """A FHIR `date` of day precision; raises ValueError."""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def parse_range(text: str) -> tuple[int, int]:
    """What a date in a search stands for: first millisecond and the first one after, a whole Beijing day or one second or millisecond."""
    if _DAY.fullmatch(text):
        start = ms(midnight(date.fromisoformat(text)))
        return start, start + DAY_MS
    start = parse_instant(text)
    return start, start + (1 if "." in text else 1000)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).astimezone(BEIJING)
