"""The HIS's records: each that a doctor has signed here is there, once, as it was signed, and no other."""

import json
from collections.abc import Iterator
from html import unescape
from typing import Any

from tests.auditor import ours, signatures, theirs
from tests.auditor.books import Books, by
from tests.auditor.finding import Finding, Kind
from tests.auditor.signing import same

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
    said = [_said(books, signature) for signature in signed]
    if {one.icd10} != {code for code, _ in said}:
        yield "diagnosis"
    if any(not same(words, _words(one)) for _, words in said):
        yield "words"
    if one.signed and not signatures.are_those(books, one.signatures, signed):
        yield "signature"


def _said(books: Books, signature: ours.Signature) -> tuple[object, list[object]]:
    """The code of its diagnosis, and its sections in their order, as they were signed; a text of no record has none."""
    try:
        record: dict[str, Any] = json.loads(books.seal.open("signature.text", signature.id, signature.text))["record"]
        content = record["content"]
        return record["diagnosis_code"], [content["complaint"], content["history"], record["diagnosis_text"], content["advice"]]
    except (ValueError, KeyError, TypeError):
        return None, []


def _words(one: theirs.Record) -> list[str]:
    """XHTML of one `div`, in which the lines of a text are told apart by `br`."""
    inner = [div.partition(">")[2].removesuffix("</div>") for div in json.loads(one.words)]
    return [unescape(text.replace("<br/>", "\n")) for text in inner]
