"""Departments, doctors, 就诊单元 and slots, copied from the HIS that owns them."""

from datetime import timedelta

import structlog
from temporalio import activity

from gateways.his.port import HIS
from models.kernel.clock import Clock, business_day
from models.kernel.errors import DomainError, Unknown
from models.stores import directory
from models.stores import policy as policies
from models.stores import suspension as suspensions
from models.stores.database import Database

DAYS_AHEAD = 7
log = structlog.get_logger()


class ScheduleActivities:
    def __init__(self, database: Database, his: HIS, clock: Clock, policy_line: str) -> None:
        self._database, self._his, self._clock, self._line = database, his, clock, policy_line

    @activity.defn(name="schedule.sync")
    async def sync(self) -> int:
        """Pulls yesterday (a 就诊单元 may end after midnight) to a week ahead in full; answers the number of slots.

        What has changed about a 就诊单元 that we knew is looked after by a suspension. A failure is kept beside the old copy.
        """
        at = self._clock()
        today = business_day(at)
        days = tuple(today + timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD + 1))
        try:
            departments, doctors = await self._his.departments(), await self._his.doctors()
            schedules = await self._his.schedules(days)
            slots = await self._his.slots(tuple(one.id for one in schedules))
        except (Unknown, DomainError) as failure:
            async with self._database.transaction() as db:
                await directory.failed(db, at, type(failure).__name__)
            raise
        async with self._database.transaction() as db:
            changed = await directory.write(db, departments, doctors, schedules, slots, at, days=days)
            await suspensions.wake(db, [one.id for one in schedules], at)
            for one in changed:  # the sweep begins their runs
                policy = (await policies.in_force(db, self._line, at)).version
                await suspensions.begin(db, one.id, one.version, at, policy=policy)
        log.info("schedule.synced", slots=len(slots), schedules=len(schedules))
        return len(slots)
