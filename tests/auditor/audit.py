"""The audit: both sides' books are read, laid side by side, and what differs is said."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.auditor import (
    chats,
    clinics,
    codes,
    consents,
    contents,
    drugs,
    ebills,
    files,
    his,
    ledger,
    legible,
    links,
    messages,
    money,
    once,
    ours,
    owed,
    parcels,
    people,
    processes,
    records,
    refunds,
    sealed,
    signatures,
    signing,
    theirs,
    trail,
    whom,
    whose,
    wording,
)
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind, told
from tests.auditor.ours import Ours
from tests.auditor.seal import Seal
from tests.auditor.theirs import Theirs

FIRST = (links.check, sealed.check, legible.check)
"""What all others need to read and to sum. Where these find something, that alone is told."""
CHECKS = (
    *(money.check, refunds.check, ledger.check, his.check, messages.check, processes.check),
    *(signatures.check, records.check, drugs.check, parcels.check, ebills.check, clinics.check),
    *(owed.check, codes.check, whom.check, wording.check, whose.check, people.check),
    *(contents.check, consents.check, chats.check, signing.check, trail.check, files.check, once.check),
)
AT_ANY_TIME = frozenset(
    {Kind.SLOT_OVERSOLD, Kind.SLOT_TAKEN, Kind.LEDGER_UNBALANCED, Kind.LEDGER_LEGS, Kind.TIMELINE_TWICE, Kind.TIMELINE_GAP}
    | {
        Kind.PARCEL_TWICE,
        Kind.SIGNATURE_ALONE,
        Kind.MESSAGE_OWED,
        Kind.MESSAGE_UNOWED,
        Kind.MESSAGE_WHOM,
        Kind.MESSAGE_WORDS,
        Kind.CONTENT_MISSING,
        Kind.CONTENT_CHANGED,
        Kind.GRANT_DIFFERS,
        Kind.AUDIT_DIFFERS,
        Kind.AUDIT_MISSING,
        Kind.AUDIT_UNKNOWN,
        Kind.REFUND_LEFT,
        Kind.FILE_DIFFERS,
        Kind.ROWS_TWICE,
    }
)
"""What one side's books say by themselves: no process under way excuses it."""
BLIND = frozenset({Kind.ROW_MISSING, Kind.ROW_STRANGE, Kind.ROW_ILLEGIBLE, Kind.CONTENT_SEALED})
"""What `FIRST` finds, whosever it is."""
MONEY, WORDS = frozenset({"money", "kept", "charged", "ledger", "refund", "payment"}), frozenset({"message"})
"""Families of kinds: of nobody's money while a refund of it is under way, of a message without a visit while one is not sent yet."""
_LOOK_EVERY_S = 0.2


async def audit(
    database_url: str,
    sandbox_url: str,
    *,
    quiet: bool = True,
    standing: Collection[str] = (),
    visits: Collection[UUID] | None = None,
    column_keys: Mapping[str, str] | None = None,
    files_dir: Path | None = None,
) -> list[Finding]:
    """Everything that differs between our books and the outside's, and inside ours.

    `quiet`: every process should have ended, and nothing excuses a difference. `standing` names states that are no end and may stand all
    the same (`revisit.booked`, `charge.open`, `refund.stuck`, `message.due`, `inbox.reported`): the books must agree on them too.
    Not `quiet`: what belongs to a visit that is under way is not judged, and two looks must see the same.
    `visits`: only what is theirs. `column_keys`, in hexadecimal by id, open what is sealed; without any nothing is opened, and once there
    is a prescription they are needed (`NoKeyError`). `files_dir` is the hospital's folder of files; without it none is looked for.
    """

    async def look() -> list[Finding]:
        seal = Seal(column_keys or {})
        return await _look(database_url, sandbox_url, seal, files_dir, quiet=quiet, standing=standing)

    found = await look()
    if found and not quiet:
        again = set(await look())
        found = [one for one in found if one in again]
    return [one for one in found if visits is None or one.visit in visits or one.kind in BLIND]


async def assert_nothing_differs(
    database_url: str,
    sandbox_url: str,
    *,
    quiet: bool = True,
    standing: Collection[str] = (),
    visits: Collection[UUID] | None = None,
    column_keys: Mapping[str, str] | None = None,
    files_dir: Path | None = None,
    within_s: float = 0,
) -> None:
    """Asserts it, at the latest after `within_s` seconds: what is on its way then has time to arrive."""
    ends = time.monotonic() + within_s
    how: dict[str, Any] = {"quiet": quiet, "standing": standing, "visits": visits, "column_keys": column_keys, "files_dir": files_dir}
    while findings := await audit(database_url, sandbox_url, **how):
        if time.monotonic() > ends:
            raise AssertionError(told(findings))
        await asyncio.sleep(_LOOK_EVERY_S)


async def _look(
    database_url: str, sandbox_url: str, seal: Seal, files_dir: Path | None, *, quiet: bool, standing: Collection[str]
) -> list[Finding]:
    """The outside first: what we have written since can be told, what they have not yet been asked for cannot."""
    their = await theirs.read(sandbox_url)
    our = await ours.read(database_url)
    books = Books(our, their if quiet else _without_reported(our, their), seal, files_dir)
    if first := [finding for check in FIRST for finding in check(books)]:
        return first
    found = [finding for check in CHECKS for finding in check(books)]
    if quiet:
        return found + list(processes.unfinished(books, standing))
    visits, families = _under_way(books, standing)
    return [one for one in found if one.kind in AT_ANY_TIME or not (one.visit in visits if one.visit else one.kind.family in families)]


def _without_reported(our: Ours, their: Theirs) -> Theirs:
    """Money of an order that nobody here knows, while the bank's report of it is not handled yet: it will be in our books, or unhandled."""
    reported = {one.order_no for one in our.inbox if one.handled_at is None} - {one.id.hex for one in our.orders}
    known = {one.transaction_id for one in our.payments}
    coming = {one.transaction_id for one in their.payments if one.out_trade_no in reported} - known
    return replace(their, payments=[one for one in their.payments if one.transaction_id not in coming])


def _under_way(books: Books, standing: Collection[str]) -> tuple[set[UUID], frozenset[str]]:
    """Visits of which something is not at its end and may move; and of what is no visit's, the families of kinds of which something is."""
    stands = {*standing, "refund.stuck"}
    moving = {processes.owner(books, row) for process, row in processes.rows(books) if _moves(process, row, stands)}
    unhandled = {processes.owner_of(books, one) for one in books.ours.inbox if one.handled_at is None}
    unsent = {one.visit_id for one in books.ours.messages if one.state in {"due", "sending"}}
    families = (MONEY if None in moving else frozenset[str]()) | (WORDS if None in unsent else frozenset[str]())
    return {one for one in moving | unhandled | unsent if one}, families


def _moves(process: str, row: processes.Row, stands: Collection[str]) -> bool:
    """A refund that is stuck waits for a person, and stands until then."""
    return row.step is not None or (row.state not in processes.ENDS[process] and f"{process}.{row.state}" not in stands)
