"""Time as the outside world writes it: always Asia/Shanghai."""

from datetime import datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The present moment, aware, in Asia/Shanghai."""
    return datetime.now(SHANGHAI)


def rfc3339(at: datetime) -> str:
    """To the second with `+08:00`, as WeChat Pay writes it [C]; such texts sort as their instants do."""
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")
