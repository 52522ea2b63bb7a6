"""Sends what the outbox holds, and asks what became of it. Never lost, never twice but for the one repeat that is marked and counted."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from gateways.sms.port import SMS
from models.kernel.clock import Clock
from models.kernel.errors import DomainError, Unknown
from models.stores import message as store
from models.stores.database import Database
from models.stores.message import Gone, Taken

AT_ONCE = 16
"""Messages in hand at a time, each to another phone."""
_PAUSE, _PAUSE_MAX = timedelta(seconds=10), timedelta(minutes=10)
"""Before an unknown outcome is asked after: the carrier writes down what it took some seconds late."""
_GIVE_UP = timedelta(hours=24)
log = structlog.get_logger()


class MessageOutbox:
    """The relay of the message outbox: called in a loop by the worker that holds the lock for it."""

    def __init__(self, database: Database, sms: SMS, clock: Clock) -> None:
        self._database, self._sms, self._clock = database, sms, clock

    async def send_due(self) -> int:
        """Takes what is due and tries it once; answers how many it took. One message's fault never holds up another's, and stays loud."""
        async with self._database.transaction() as db:
            taken = await store.take(db, self._clock(), AT_ONCE)
        _raise_together([fault for fault in await asyncio.gather(*map(self._deliver, taken), return_exceptions=True) if fault is not None])
        return len(taken)

    async def ask_due(self) -> int:
        """Asks the carrier what became of messages whose report is overdue; answers how many. As above of faults."""
        async with self._database.transaction() as db:
            gone = await store.asked_after(db, self._clock(), AT_ONCE)
        _raise_together([fault for fault in await asyncio.gather(*map(self._ask_after, gone), return_exceptions=True) if fault is not None])
        return len(gone)

    async def _ask_after(self, gone: Gone) -> None:
        """A carrier that is silent, will not tell or does not know yet is asked at the next time."""
        try:
            fate = await self._sms.sent(gone.id, gone.phone, gone.sent_at)
        except (DomainError, Unknown) as silent:
            log.info("message.not_told", **_named(gone), why=type(silent).__name__)
            return
        if fate is None or fate.arrived is None:
            return
        async with self._database.transaction() as db:
            ours = await store.was_reported(db, gone.id, arrived=fate.arrived, code=fate.code, at=fate.at or self._clock())
        if not ours:
            return
        if fate.arrived or gone.visit_id is None:  # who wants to sign in asks for another code
            log.info("message.reported", **_named(gone), code=fate.code)
        else:
            log.warning("message.undelivered", **_named(gone), code=fate.code)

    async def _deliver(self, mine: Taken) -> None:
        try:
            receipt = await self._receipt(mine)
        except DomainError as refused:
            await self._refused(mine, refused)
        except Unknown:
            await self._ask_later(mine)
        else:
            async with self._database.transaction() as db:
                ours = await store.was_sent(db, mine, receipt, self._clock())
            log.info("message.sent", **_named(mine), attempt=mine.attempt, ours=ours)

    async def _receipt(self, mine: Taken) -> str:
        """Asks first where an earlier hand may have sent it. What the carrier does not know is sent again, once."""
        if asked_by := mine.handed_over_at or mine.lost_since:
            known = await self._known(mine, asked_by)
            if known is not None:
                return known
            if mine.repeated:
                raise Unknown("sent twice, and the carrier knows of none")
        again = mine.handed_over_at is not None
        async with self._database.transaction() as db:
            ours = await store.giving(db, mine, self._clock(), again=again)
        if not ours:
            raise Unknown("in another hand")
        if again:
            log.warning("message.repeated", **_named(mine))
        return await self._sms.send(mine.id, mine.phone, mine.template.code, mine.params)

    async def _known(self, mine: Taken, at: datetime) -> str | None:
        """A carrier that will not tell has not said that it has no such message."""
        try:
            fate = await self._sms.sent(mine.id, mine.phone, at)
        except DomainError as refused:
            raise Unknown(refused.code) from refused
        return fate.receipt if fate else None

    async def _refused(self, mine: Taken, refused: DomainError) -> None:
        """For the phone's sake: it ends here. For ours (signature, arrears): it was not sent, and waits until that is mended."""
        now = self._clock()
        if refused.kind != "unavailable" or now - mine.due_at >= _GIVE_UP:
            await self._end_failed(mine, refused.code)
            return
        async with self._database.transaction() as db:
            await store.was_not_taken(db, mine, _later(mine, now))
        log.error("message.not_taken", **_named(mine), code=refused.code)

    async def _end_failed(self, mine: Taken, code: str) -> None:
        async with self._database.transaction() as db:
            await store.was_refused(db, mine, code)
        log.warning("message.failed", **_named(mine), code=code)

    async def _ask_later(self, mine: Taken) -> None:
        now = self._clock()
        if mine.repeated and mine.handed_over_at is not None and now - mine.handed_over_at >= _GIVE_UP:
            await self._end_failed(mine, "message.unanswered")
            return
        async with self._database.transaction() as db:
            await store.stays_unknown(db, mine, _later(mine, now))


def _raise_together(faults: Sequence[BaseException]) -> None:
    if faults:
        raise BaseExceptionGroup("messages that could not be handled", faults)


def _named(mine: Taken | Gone) -> dict[str, str | None]:
    """How a log line names it, and the visit by which it is looked for."""
    return {"message_id": str(mine.id), "template": mine.template, "visit_id": str(mine.visit_id) if mine.visit_id else None}


def _later(mine: Taken, now: datetime) -> datetime:
    return now + min(_PAUSE * 2 ** min(mine.attempt - 1, 6), _PAUSE_MAX)
