"""Real-name people with numbers that check."""

from datetime import date, timedelta
from uuid import UUID

from models.kernel.clock import now
from models.patient import Patient, Relation
from models.stores import patient as store
from models.stores.database import Database

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_born = iter(date(1950, 1, 1) + timedelta(days=days) for days in range(20_000))


def an_id_number(born: date | None = None) -> str:
    """Nobody else's; the check digit by GB 11643."""
    body = f"110101{(born or next(_born)):%Y%m%d}002"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def a_person() -> dict[str, str]:
    """The body that binds one."""
    return {"name": "张秀英", "id_number": an_id_number(), "relation": "self"}


async def bound(database: Database, account_id: UUID, name: str = "张秀英") -> Patient:
    """A patient of that account."""
    async with database.transaction() as db:
        return await store.bind(db, account_id, name, an_id_number(), Relation.SELF, now())
