"""What must hold when all is calm again: every book agrees, every process has ended or waits with a live alarm, no answer was broken."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from models.kernel.clock import now
from tests.auditor import audit
from tests.auditor.finding import told
from tests.chaos.client import Answered
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import until

STANDING: Final = ("refund.stuck",)
"""Of a visit that took place: a window of the HIS must undo it first. All else has ended."""
CALM_S: Final = 240.0
LATE: Final = timedelta(seconds=30)
BUGS: Final = ("request.failed", "activity.failed", "inbox.stuck")
"""What no weather excuses; that a party is not understood or not trusted is what its faults are for."""
PROCESSES: Final = ("revisit", "charge", "refund", "prescription", "record_signing", "delivery", "invoice", "suspension")
_OVERDUE = "select '{table}' as process, id, state from {table} where wake_at < :late and step is null"
_ANSWERED = text("""
select version, after from timeline where process_id = :process_id and version = :version
""")


async def verdict(hospital: Hospital, answered: Sequence[Answered], broken: Sequence[str]) -> list[str]:
    """Everything that is not as it must be, each in a sentence; empty when all is well."""
    found = [f"an answer nobody may get: {one}" for one in broken]
    found += await _books(hospital)
    async with backstage(hospital) as behind:
        found += await _overdue(behind)
        found += await _undone(behind, answered)
    bugs = [line for part in ("api", "worker", "sandbox") for line in hospital.lines(part, *BUGS)]
    return found + [f"a bug was met: {line}" for line in bugs]


async def _books(hospital: Hospital) -> list[str]:
    at = hospital.stack.addresses

    async def differs() -> list[Any]:
        return await audit(at.database_url, at.sandbox, standing=STANDING, column_keys=hospital.column_keys)

    try:
        await until("all books to agree", differs, lambda seen: not seen, CALM_S)
    except AssertionError:
        return told(await differs()).splitlines()
    return []


async def _overdue(behind: Backstage) -> list[str]:
    """An alarm that should have rung, and nobody is at work."""
    union = text(" union all ".join(_OVERDUE.format(table=one) for one in PROCESSES))
    async with behind.transaction() as db:
        rows = (await db.execute(union, {"late": now() - LATE})).all()
    return [f"{process}={id} has stood as {state} since its alarm" for process, id, state in rows]


async def _undone(behind: Backstage, answered: Sequence[Answered]) -> list[str]:
    """A command that was answered as carried out, and of which its process knows nothing, or something else."""
    found: list[str] = []
    async with behind.transaction() as db:
        for one in answered:
            row = (await db.execute(_ANSWERED, {"process_id": one.process_id, "version": one.version})).one_or_none()
            if row is None or row.after != one.state:
                found.append(f"{one.process_id} was answered as {one.state} at {one.version}, and its timeline says {row and row.after}")
    return found
