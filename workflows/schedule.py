"""The mirror of the HIS's schedules, pulled in full: at the worker's start and by a Temporal Schedule.

A pull has no row, so no sweep takes it over: whichever build is current goes on with it, and one that hangs ends within `PULL`.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.schedule import ScheduleActivities


@workflow.defn(name="schedule_sync", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class ScheduleSyncWorkflow:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(  # pyright: ignore[reportUnknownMemberType]
            ScheduleActivities.sync,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
