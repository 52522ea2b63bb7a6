"""The audit: both sides' books are read, laid side by side, and what differs is said."""

import asyncio
import time
from collections.abc import Collection
from uuid import UUID

from tests.auditor import his, ledger, messages, money, ours, processes, refunds, theirs
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind, told

CHECKS = (money.check, refunds.check, ledger.check, his.check, messages.check, processes.check)
AT_ANY_TIME = frozenset(
    {Kind.SLOT_OVERSOLD, Kind.SLOT_TAKEN, Kind.LEDGER_UNBALANCED, Kind.LEDGER_LEGS, Kind.TIMELINE_TWICE, Kind.TIMELINE_GAP}
)
"""What one side's books say by themselves: no process under way excuses it."""
_LOOK_EVERY_S = 0.2


async def audit(
    database_url: str, sandbox_url: str, *, quiet: bool = True, standing: Collection[str] = (), visits: Collection[UUID] | None = None
) -> list[Finding]:
    """Everything that differs between our books and the outside's, and inside ours.

    `quiet`: every process should have ended, and nothing excuses a difference. `standing` names states that are no end and may stand all
    the same (`revisit.booked`, `charge.open`, `refund.accepted`, `message.due`): the books must agree on them too. Not quiet, what
    belongs to a visit that is under way is not judged, and two looks must see the same. `visits`: only what is theirs.
    """
    found = await _look(database_url, sandbox_url, quiet=quiet, standing=standing)
    if found and not quiet:
        again = set(await _look(database_url, sandbox_url, quiet=quiet, standing=standing))
        found = [one for one in found if one in again]
    return [one for one in found if visits is None or one.visit in visits]


async def assert_nothing_differs(
    database_url: str,
    sandbox_url: str,
    *,
    quiet: bool = True,
    standing: Collection[str] = (),
    visits: Collection[UUID] | None = None,
    within_s: float = 0,
) -> None:
    """Asserts it, at the latest after `within_s` seconds: what is on its way then has time to arrive."""
    ends = time.monotonic() + within_s
    while findings := await audit(database_url, sandbox_url, quiet=quiet, standing=standing, visits=visits):
        if time.monotonic() > ends:
            raise AssertionError(told(findings))
        await asyncio.sleep(_LOOK_EVERY_S)


async def _look(database_url: str, sandbox_url: str, *, quiet: bool, standing: Collection[str]) -> list[Finding]:
    """The outside first: what we have written since can be told, what they have not yet been asked for cannot."""
    their = await theirs.read(sandbox_url)
    books = Books(await ours.read(database_url), their)
    found = [finding for check in CHECKS for finding in check(books)]
    if quiet:
        return found + list(processes.unfinished(books, standing))
    busy = _under_way(books, standing)
    return [one for one in found if one.kind in AT_ANY_TIME or one.visit not in busy]


def _under_way(books: Books, standing: Collection[str]) -> set[UUID | None]:
    """Visits of which something is not at its end and may move. None is among them while something came that is nobody's yet."""
    stands = {*standing, "refund.stuck"}
    busy: set[UUID | None] = {processes.owner(books, row) for process, row in processes.rows(books) if _moves(process, row, stands)}
    busy |= {processes.owner_of(books, one) for one in books.ours.inbox if one.handled_at is None}
    return busy | {one.visit_id for one in books.ours.messages if one.state in {"due", "sending"}}


def _moves(process: str, row: processes.Row, stands: Collection[str]) -> bool:
    """A refund that is stuck waits for a person, and stands until then."""
    return row.step is not None or (row.state not in processes.ENDS[process] and f"{process}.{row.state}" not in stands)
