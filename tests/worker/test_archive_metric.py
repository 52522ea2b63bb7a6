"""What waits for the archive is counted on the page of numbers."""

from datetime import timedelta

from models.history import ClosedRun, Closing
from models.kernel import ids
from models.stores import history as histories
from models.stores.database import Database
from tests.client import Hands
from tests.worker.test_metrics import House, house, temporal

__all__ = ["house", "temporal"]


def a_run(ended_s_ago: float, clock: Hands) -> ClosedRun:
    ended, id = clock() - timedelta(seconds=ended_s_ago), ids.new()
    return ClosedRun(
        run_id=ids.new(),
        workflow_id=f"charge/{id}",
        process="charge",
        process_id=id,
        visit_id=id,
        status=Closing.COMPLETED,
        began_at=ended,
        ended_at=ended,
    )


async def test_closed_runs_that_are_not_archived_are_counted_with_the_age_of_the_oldest(
    house: House, database: Database, clock: Hands
) -> None:
    waits, kept, lost = a_run(40, clock), a_run(400, clock), a_run(4000, clock)
    async with database.transaction() as db:
        await histories.found(db, [waits, kept, lost, a_run(20, clock)])
        await histories.archived(db, kept, events=1, size=1, at=clock())
        await histories.lost(db, lost, clock())

    assert await house.samples("fuzhen_histories_open") == {(): 2}
    assert await house.samples("fuzhen_histories_oldest_seconds") == {(): 40}
