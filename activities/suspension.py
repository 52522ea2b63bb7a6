"""停诊: our copy of the clinic is written anew first, then its visits are told in batches, until nobody is left who has to go."""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio import activity

from activities.steps import Guard, outside, step
from gateways.his.port import HIS
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown, known
from models.process import News, Runs
from models.schedule import HisSchedule, SlotState
from models.stores import booking as bookings
from models.stores import directory, inbox
from models.stores import suspension as suspensions
from models.stores.suspension import Met
from models.suspension import BATCH, PAUSES_S, Outcome, Rearranged, Stopped, Suspension, SuspensionState

log = structlog.get_logger()


class SuspensionActivities:
    def __init__(self, guard: Guard[Suspension], his: HIS, runs: Runs) -> None:
        self._guard, self._his, self._runs = guard, his, runs

    @activity.defn(name="suspension.load")
    async def load(self, suspension_id: UUID) -> Suspension:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await suspensions.load(db, suspension_id)

    @step("suspension.look")
    async def look(self, now: Suspension) -> Suspension:
        """Nobody gets into what has stopped once this is committed.

        What the HIS has of it now stands in our copy then, or the doctor is suspended. A message is only a reason to look: what it said
        may be over already. So of places that are open it is asked as well whom a stop has cancelled there before they were resumed.
        """
        step = self._guard.step(now, "suspension.look")
        if now.doctor_id:
            async with step.move(SuspensionState.CLEARING, wake_at=step.at) as db:
                await directory.suspend(db, now.doctor_id, step.at)
            return step.row
        schedule_id = known(now.schedule_id)
        async with step.fence():
            pass
        try:
            async with outside():
                unit = await self._unit(schedule_id)
                if unit is None:
                    async with step.move(SuspensionState.UNKNOWN, wake_at=None):
                        return step.row
                departments, doctors = await self._his.departments(), await self._his.doctors()
                slots = await self._his.slots((schedule_id,))
                ended = await self._his.stopped(tuple(one.id for one in slots if one.state is SlotState.OPEN))
        except DomainError as refused:  # of us, or of something else than the 就诊单元: it says nothing of the stop
            log.warning("suspension.not_answered", suspension_id=str(now.id), schedule_id=schedule_id, trouble=refused.code)
            raise Unknown(f"asked for a 就诊单元, and answered {refused.code}") from refused
        async with step.move(SuspensionState.CLEARING, wake_at=step.at) as db:
            await directory.write(db, departments, doctors, (unit,), slots, step.at)
            await bookings.stopped(db, ended, step.at)
        return step.row

    async def _unit(self, schedule_id: str) -> HisSchedule | None:
        """None: neither the HIS nor our copy has one. That it does not find what we have booked people into is no answer."""
        try:
            return await self._his.schedule(schedule_id)
        except DomainError as refused:
            async with self._guard.database.reading() as db:
                ours = await directory.version(db, schedule_id)
            if refused.code != "his.not-found" or ours is not None:
                raise
            log.warning("suspension.unknown", schedule_id=schedule_id)
            return None

    @step("suspension.clear")
    async def clear(self, now: Suspension) -> Suspension:
        """The next batch is told; without one it is looked whether all have gone. Who is being seen is left alone, and listed."""
        step = self._guard.step(now, "suspension.clear")
        async with self._guard.database.reading() as db:
            found = await suspensions.met(db, now, step.at, BATCH)
            left = 0 if found else await suspensions.left(db, now, step.at)
            looks = await suspensions.looks(db, now.id)
            gone = await suspensions.unmet(db, now.schedule_id) if now.schedule_id else []  # they count, and hear nothing twice
        if not found and not left:
            async with step.move(SuspensionState.DONE, wake_at=None) as db:
                await suspensions.keep(db, now.id, gone, step.at)
            return step.row
        again_at = step.at if len(found) == BATCH else step.at + timedelta(seconds=PAUSES_S[min(looks, len(PAUSES_S) - 1)])
        told = [(one.revisit_id, event) for one in found if (event := _news(now.id, one)) is not None]
        async with step.move(SuspensionState.CLEARING, wake_at=again_at, looks=0 if found else looks + 1) as db:
            await suspensions.keep(db, now.id, (*found, *gone), step.at)
            for revisit_id, event in told:
                await inbox.bring(db, "revisit", revisit_id, event, party="suspension")
        await asyncio.gather(*(self._runs.knock("revisit", revisit_id, event) for revisit_id, event in told))
        return step.row


def _news(suspension_id: UUID, one: Met) -> News | None:
    id = ids.derived("suspended", suspension_id, one.revisit_id)
    match one.outcome:
        case Outcome.STOPPED:
            return Stopped(id=id, claim_id=one.claim_id)
        case Outcome.REARRANGED:
            return Rearranged(id=id, claim_id=one.claim_id)
        case Outcome.LEFT_ALONE:
            return None
