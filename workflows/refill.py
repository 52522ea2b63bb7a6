"""A person's past prescriptions, looked at in the HIS while their screen waits: nothing goes on from it, and a lost look is asked again."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.eligibility import EligibilityActivities
    from models.refill import Look

WITHIN: Final = timedelta(seconds=7)
"""Shorter than the screen waits."""


@workflow.defn(name="refill_look")
class RefillLookWorkflow:
    @workflow.run
    async def run(self, wish: Look) -> bool:
        """Whether the HIS has told."""
        try:
            await workflow.execute_activity_method(  # pyright: ignore[reportUnknownMemberType]
                EligibilityActivities.look,
                wish,
                schedule_to_close_timeout=WITHIN,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=3),
            )
        except ActivityError:
            return False
        return True
