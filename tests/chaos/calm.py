"""When the weather is over, and before anybody is pushed on: whatever is under way is looked after, and rings when it should."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from temporalio.client import Client

from models.kernel.clock import now
from tests.auditor import audit
from tests.auditor.finding import told
from tests.auditor.processes import ENDS
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import until

RINGS: Final = timedelta(seconds=15)
"""Alarms that are due so soon are waited for, and must have rung."""
CALM_S: Final = 120.0
BY_PEOPLE: Final = frozenset(
    {("revisit", "consulting"), ("refund", "stuck"), ("record", "stuck"), ("invoice", "refused")}
    | {("delivery", state) for state in ("undeliverable", "returned", "overdue")}
)
"""Tasks of somebody that may wait without an alarm, by process and state."""
_ITS_CHARGE: Final = "select from charge where charge.id = waiting.charge_id and charge.state in ('open', 'paid')"
BY_NEWS: Final = {
    ("revisit", "paying"): _ITS_CHARGE,
    ("revisit", "closing"): _ITS_CHARGE,
    ("revisit", "ended"): "select from prescription where visit_id = waiting.id and state <> all(:prescription_ends)",
    ("prescription", "paying"): _ITS_CHARGE,
    ("prescription", "closing"): _ITS_CHARGE,
    ("prescription", "shipping"): "select from delivery where delivery.id = waiting.delivery_id and state <> all(:delivery_ends)",
}
"""What waits for the end of another process, and finds that one: without it nothing wakes them."""
_TABLES: Final = {"record": "record_signing"}
"""Where it is not named like its process."""


async def rightly_waiting(hospital: Hospital, within_s: float = CALM_S) -> list[str]:
    """Within that time each open row has its run, and an alarm or somebody who will wake it; no alarm that has been due is left, and what
    both sides' books say fits.

    Answers what does not hold, each in a sentence. A row without a run is begun by the sweep.
    """
    client, soon = await hospital.temporal(), now() + RINGS
    found: list[str] = []
    async with backstage(hospital) as behind:

        async def look() -> list[str]:
            return [*await _alone(behind, client), *await _silent(behind, soon), *await forgotten(behind)]

        try:
            await until("everything under way to be looked after", look, lambda seen: not seen, within_s)
        except AssertionError:
            found = await look()
    return found + await _differs(hospital, within_s)


async def _alone(behind: Backstage, client: Client) -> list[str]:
    """Open, and no run walks it."""
    open_ = await _open(behind)
    running = {run.id async for run in client.list_workflows("ExecutionStatus = 'Running'")}
    return [f"{process}={id} stands as {state}, and nothing runs it" for process, id, state, _ in open_ if f"{process}/{id}" not in running]


async def _silent(behind: Backstage, soon: datetime) -> list[str]:
    """Its alarm is, or was, due by then."""
    rows = await _open(behind)
    return [f"{process}={id} stands as {state} since its alarm" for process, id, state, wake_at in rows if wake_at and wake_at < soon]


async def forgotten(behind: Backstage) -> list[str]:
    """No alarm will wake it, no other process's end, and it is nobody's task."""
    still = [one for one in await _open(behind) if one[3] is None and one[:3:2] not in BY_PEOPLE]
    ends = {f"{process}_ends": sorted(ends) for process, ends in ENDS.items() if process in {"prescription", "delivery"}}
    found: list[str] = []
    async with behind.transaction() as db:
        for process, id, state, _ in still:
            waited_for = BY_NEWS.get((process, state), "select where false")
            given = {name: value for name, value in ends.items() if f":{name}" in waited_for}
            if not await db.scalar(
                text(f"select exists ({waited_for}) from {_table(process)} as waiting where id = :id"), given | {"id": id}
            ):
                found.append(f"{process}={id} stands as {state}, and nothing will wake it")
    return found


def _table(process: str) -> str:
    return _TABLES.get(process, process)


async def _open(behind: Backstage) -> list[tuple[str, str, str, datetime | None]]:
    """Every row of every process that is not at its end: process, id, state, and when it wants to be woken."""
    found: list[tuple[str, str, str, datetime | None]] = []
    async with behind.transaction() as db:
        for process, ends in ENDS.items():
            query = text(f"select id, state, wake_at from {_table(process)} where state <> all(:ends)")
            rows = await db.execute(query, {"ends": sorted(ends)})
            found += [(process, str(row.id), row.state, row.wake_at) for row in rows]
    return found


async def _differs(hospital: Hospital, within_s: float) -> list[str]:
    """Of what stands by itself, and of slots: who takes part in them has not left yet."""
    at = hospital.stack.addresses

    async def look() -> str:
        keys, files = hospital.column_keys, hospital.files
        found = await audit(at.database_url, at.sandbox, quiet=False, column_keys=keys, files_dir=files)
        return told(found) if found else ""

    try:
        await until("the books of what stands to agree", look, lambda seen: not seen, within_s)
    except AssertionError:
        return (await look()).splitlines()
    return []
