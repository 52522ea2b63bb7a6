"""The HIS's records: each that a doctor has signed here is there with its signature, once, and no other."""

from collections.abc import Iterator

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind

ABSENT = "no such record"
AT_THE_HIS: dict[str, frozenset[str]] = {
    "filed": frozenset({"signed"}),
    "filing": frozenset({ABSENT}),
    "stuck": frozenset({ABSENT, "not signed"}),
}
"""By our state of its signing; in any other the HIS was never told."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    there = {one.number: one for one in books.theirs.records}
    for number, one in there.items():
        if number not in {mine.id.hex for mine in books.ours.records}:
            about = f"number={number} encounter={one.encounter_id}"
            yield Finding(kind=Kind.RECORD_UNKNOWN, about=about, ours="no such number", theirs=one.encounter_id)
    for mine in books.ours.records:
        one = there.get(mine.id.hex)
        told = ABSENT if one is None else "signed" if one.signed else "not signed"
        if one and one.encounter_id != books.visits[mine.visit_id].encounter_id:
            told = "of another visit"
        if told not in AT_THE_HIS.get(mine.state, {ABSENT}):
            yield Finding(kind=Kind.RECORD_STATE, about=f"record={mine.id}", ours=mine.state, theirs=told, visit=mine.visit_id)
