"""The HIS's records: each that a doctor has signed here is there with its signature, once, and no other."""

import json
from collections.abc import Iterator

from tests.auditor import ours, theirs
from tests.auditor.books import Books, by
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
    texts = by(books.ours.signatures, "record_id")
    for mine in books.ours.records:
        one = there.get(mine.id.hex)
        told = ABSENT if one is None else "signed" if one.signed else "not signed"
        if one and one.encounter_id != books.visits[mine.visit_id].encounter_id:
            told = "of another visit"
        if told not in AT_THE_HIS.get(mine.state, {ABSENT}):
            yield Finding(kind=Kind.RECORD_STATE, about=f"record={mine.id}", ours=mine.state, theirs=told, visit=mine.visit_id)
        if one and (differs := list(_differences(books, mine, one, texts.get(mine.id, [])))):
            wrong = " ".join(differs)
            about = f"record={mine.id}"
            yield Finding(kind=Kind.RECORD_DIFFERS, about=about, ours=f"another {wrong}", theirs=f"another {wrong}", visit=mine.visit_id)


def _differences(books: Books, mine: ours.RecordSigning, one: theirs.Record, signed: list[ours.Signature]) -> Iterator[str]:
    """What differs, and not how: what somebody suffers from stands in no finding."""
    if one.patient_id != books.visits[mine.visit_id].his_patient_id:
        yield "patient"
    if one.practitioner_id != books.staff_id(mine.account_id):
        yield "doctor"
    if {one.icd10} != {_diagnosis(books, signature) for signature in signed}:
        yield "diagnosis"


def _diagnosis(books: Books, signature: ours.Signature) -> str | None:
    """As it stands in the text that was signed; None of a text that is no record's."""
    try:
        return json.loads(books.seal.open("signature.text", signature.id, signature.text))["record"]["diagnosis_code"]
    except (ValueError, KeyError, TypeError):
        return None
