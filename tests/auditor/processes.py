"""Our own story: rows at an end, nothing unhandled, and a timeline that tells how each row came to stand where it stands."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import (
    CHARGE_ENDS,
    DELIVERY_ENDS,
    EBILL_ENDS,
    PRESCRIPTION_ENDS,
    RECORD_ENDS,
    REFUND_ENDS,
    SUSPENSION_ENDS,
    VISIT_ENDS,
    Books,
)
from tests.auditor.finding import Finding, Kind

Row = ours.Visit | ours.Charge | ours.Refund | ours.Prescription | ours.RecordSigning | ours.Delivery | ours.Ebill | ours.Suspension
ENDS: Mapping[str, Collection[str]] = {
    "revisit": VISIT_ENDS,
    "charge": CHARGE_ENDS,
    "refund": REFUND_ENDS,
    "prescription": PRESCRIPTION_ENDS,
    "record": RECORD_ENDS,
    "delivery": DELIVERY_ENDS,
    "invoice": EBILL_ENDS,
    "suspension": SUSPENSION_ENDS,
}
OPENED = frozenset({"revisit", "record", "prescription"})
"""Processes that a person opens: their first line says so. What a step wants is told by the line of that step."""


def check(books: Books) -> Iterator[Finding]:
    """What must hold at any time."""
    told: dict[UUID, list[ours.Moved]] = {}
    for line in books.ours.timeline:
        told.setdefault(line.process_id, []).append(line)
    for process, row in rows(books):
        yield from _story(process, row, told.get(row.id, []), owner(books, row))


def unfinished(books: Books, standing: Collection[str]) -> Iterator[Finding]:
    """What must hold when all is quiet.

    `standing` names what may stand: `<process>.<state>` as `revisit.booked`, `message.<state>`, and `inbox.<kind>` for what came.
    """
    for process, row in rows(books):
        about = f"{process}={row.id}"
        if row.state not in ENDS[process] and f"{process}.{row.state}" not in standing:
            yield Finding(kind=Kind.ROW_OPEN, about=about, ours=row.state, theirs="an end", visit=owner(books, row))
        if row.step is not None:
            yield Finding(kind=Kind.ROW_FENCED, about=about, ours=f"{row.state}, held", theirs="nobody at work", visit=owner(books, row))
    for message in books.ours.messages:
        if message.state in {"due", "sending"} and f"message.{message.state}" not in standing:
            about = f"message={message.id} template={message.template}"
            yield Finding(kind=Kind.MESSAGE_OPEN, about=about, ours=message.state, theirs="sent or failed", visit=message.visit_id)
    for one in books.ours.inbox:
        if one.handled_at is None and f"inbox.{one.kind}" not in standing:
            about = f"inbox={one.id} kind={one.kind} party={one.party} {one.process}={one.process_id}"
            yield Finding(kind=Kind.INBOX_UNHANDLED, about=about, ours="not handled", theirs="an outcome", visit=owner_of(books, one))


def rows(books: Books) -> Iterator[tuple[str, Row]]:
    """Every row of every process, with the process's name."""
    processes: tuple[tuple[str, Sequence[Row]], ...] = (
        ("revisit", books.ours.visits),
        ("charge", books.ours.charges),
        ("refund", books.ours.refunds),
        ("prescription", books.ours.prescriptions),
        ("record", books.ours.records),
        ("delivery", books.ours.deliveries),
        ("invoice", books.ours.ebills),
        ("suspension", books.ours.suspensions),
    )
    for process, found in processes:
        for row in found:
            yield process, row


def owner(books: Books, row: Row) -> UUID | None:
    """The visit of a row; None of a refund of nobody's money, and of a clinic."""
    if isinstance(row, ours.Suspension):
        return None
    if isinstance(row, ours.Refund):
        return books.visit_of_refund(row)
    return row.id if isinstance(row, ours.Visit) else row.visit_id


def owner_of(books: Books, one: ours.Inbox) -> UUID | None:
    """The visit of what came."""
    found = next((row for process, row in rows(books) if process == one.process and row.id == one.process_id), None)
    return owner(books, found) if found else None


def _story(process: str, row: Row, told: list[ours.Moved], visit: UUID | None) -> Iterator[Finding]:
    """One line a version, each beginning where the last one ended, and the last one is the row. How it was opened is version 0."""
    about = f"{process}={row.id}"
    for step, times in Counter(line.step for line in told).items():
        if times > 1:
            yield Finding(kind=Kind.TIMELINE_TWICE, about=f"{about} step={step}", ours=f"{times} times", theirs="once", visit=visit)
    moves, opened = [line for line in told if line.version > 0], [line for line in told if line.version == 0]
    began = opened == [] if process not in OPENED else [line.after for line in opened] == [moves[0].before if moves else row.state]
    versions = [line.version for line in moves]
    chained = all(one.after == after.before for one, after in pairwise(moves))
    if not began or versions != list(range(1, row.version + 1)) or not chained or (moves and moves[-1].after != row.state):
        said = f"{row.state}, version {row.version}"
        tale = " ".join(f"{line.version}:{line.before}>{line.after}" for line in told) or "nothing"
        yield Finding(kind=Kind.TIMELINE_GAP, about=about, ours=said, theirs=tale, visit=visit)
