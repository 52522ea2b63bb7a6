"""Locks at the HIS without a live claim of ours: of a request that landed after we had given it up. Found and released (P-2.3).

A claim is committed before the HIS is asked for its lock, and let go only after the lock was: so who lists the locks first and then looks
for their claims sees the claim of every lock that is wanted. One thing is not seen: a number that was given back may be asked again under
the same wish, and the HIS answers with the lock that is there. That follows at once or never, so a lock is released only when it was
without a live claim at two looks, the second after the attempts of a step are over, and at a third right before its release. Should a
hand pass even there, no money moves: a released lock's bill is closed, and an order is refused (`charge.bill_closed`).
"""

from collections import Counter
from datetime import datetime, time, timedelta

import structlog

from gateways.his.port import HIS, Held
from models.kernel.clock import SHANGHAI, Clock, business_day
from models.kernel.errors import DomainError, Unknown
from models.stores import booking as bookings
from models.stores.database import Database

NIGHTLY = time(3, 30)
"""In Beijing."""
QUIET = timedelta(seconds=30)
"""Between the first two looks: longer than an attempt of a step, the pause after it and the next attempt (8 s, 10 s, 8 s)."""
log = structlog.get_logger()


class StrayLocks:
    """One for the life of a worker: a round is due at its start and each night, and is repeated until the HIS has answered it whole."""

    def __init__(self, database: Database, his: HIS, clock: Clock) -> None:
        self._database, self._his, self._clock = database, his, clock
        self._due_at = clock()
        self._since: dict[Held, datetime] = {}
        """Locks of this round that nobody claims, and when that was seen first."""
        self._done: Counter[str] = Counter()

    async def release_due(self) -> int:
        """One look, if a round is due; answers how many locks it released. Asked again it goes on where it was."""
        at = self._clock()
        if at < self._due_at:
            return 0
        try:
            held = await self._his.locks()
        except (Unknown, DomainError) as unanswered:
            log.warning("booking.locks_not_listed", why=type(unanswered).__name__)
            return 0
        async with self._database.reading() as db:
            live = await bookings.live(db, [one.claim_id for one in held])
        self._since = {one: self._since.get(one, at) for one in held if one.claim_id not in live}
        before = self._done["released"]
        for one in [one for one, since in self._since.items() if at - since >= QUIET]:
            if not await self._let_go(one):
                break
        released = self._done["released"] - before
        if not self._since:
            log.info("booking.locks_looked_through", held=len(held), released=self._done["released"], refused=self._done["refused"])
            self._due_at, self._done = _night_after(at), Counter()
        return released

    async def _let_go(self, one: Held) -> bool:
        """False when the HIS does not answer: then the next look goes on."""
        async with self._database.reading() as db:
            if one.claim_id in await bookings.live(db, [one.claim_id]):
                del self._since[one]
                return True
        numbers = {"claim_id": str(one.claim_id), "appointment_id": one.appointment_id}
        try:
            await self._his.release(one.appointment_id)
        except Unknown:
            return False
        except DomainError as refused:
            self._done["refused"] += 1
            log.warning("booking.stray_lock_not_released", code=refused.code, **numbers)
        else:
            self._done["released"] += 1
            log.warning("booking.stray_lock_released", **numbers)
        del self._since[one]
        return True


def _night_after(at: datetime) -> datetime:
    tonight = datetime.combine(business_day(at), NIGHTLY, SHANGHAI)
    return tonight if at < tonight else tonight + timedelta(days=1)
