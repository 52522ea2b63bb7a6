"""A stopped clinic: who had a place there has gone, and was told of it once; and nobody else was told so."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from tests.auditor.books import SUSPENSION_ENDS, VISIT_ENDS, Books
from tests.auditor.finding import Finding, Kind

TOLD = "revisit_suspended"
SEEN = VISIT_ENDS | {"consulting", "ended"}
"""States of a visit that a stop leaves alone."""


def check(books: Books) -> Iterator[Finding]:
    """Words by our outbox; whether the carrier brought them, and what was sent again, is looked at elsewhere, message by message."""
    said = (one for one in books.ours.messages if one.template == TOLD and one.resend_of is None)
    words = Counter[UUID](one.visit_id for one in said if one.visit_id)
    met = {one.revisit_id for one in books.ours.stopped if one.outcome == "stopped"}
    met |= {one.revisit_id for one in books.ours.claims if one.stopped_at is not None}  # found at its check-in
    for visit in books.ours.visits:
        about, due = f"visit={visit.id}", int(visit.state == "suspended")
        if words[visit.id] != due:
            times = f"{words[visit.id]} of {TOLD}"
            yield Finding(kind=Kind.CLINIC_TOLD, about=about, ours=times, theirs=f"{visit.state}: {due}", visit=visit.id)
        if due and visit.id not in met:
            yield Finding(kind=Kind.CLINIC_UNMET, about=about, ours=visit.state, theirs="no stop", visit=visit.id)
    if all(one.state in SUSPENSION_ENDS for one in books.ours.suspensions):
        yield from _left(books)


def _left(books: Books) -> Iterator[Finding]:
    """Every stop has come to its end; who is still in what is stopped was forgotten."""
    stopped = {one.id for one in books.ours.slots if one.state == "stopped"}
    for claim in books.ours.claims:
        visit = books.visits[claim.revisit_id]
        if claim.slot_id in stopped and claim.state in {"held", "booked"} and visit.state not in SEEN:
            about = f"visit={visit.id} claim={claim.id} slot={claim.slot_id}"
            yield Finding(kind=Kind.CLINIC_LEFT, about=about, ours=f"{visit.state}, {claim.state}", theirs="stopped", visit=visit.id)
