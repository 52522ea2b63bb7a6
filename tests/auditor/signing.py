"""What was signed, held against what stands: the text that a signer confirmed says whose it is, and every word of the row it is of."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours_left import Record

SIGNED = frozenset({"filing", "stuck", "filed"})
ACTS = {"doctor": "prescribed", "pharmacist": "reviewed"}


def check(books: Books) -> Iterator[Finding]:
    """All that was proved; without any key nothing is opened. What was written is not told."""
    if not books.seal.has_keys:
        return
    proved = [one for one in books.ours.signatures if one.signature is not None]
    for one in proved:
        yield from _prescription(books, one) if one.prescription_id else _record(books, one)
    yield from _drafts(books, {one.record_id: one for one in proved if one.record_id})
    yield from _levels(books)


def _prescription(books: Books, one: ours.Signature) -> Iterator[Finding]:
    """A content is never written anew: an amendment is another one."""
    said, of = _text(books, one), books.prescriptions[cast(UUID, one.prescription_id)]
    [content] = books.opened("prescription_content", cast(UUID, one.content_id), "content") or [""]
    wanted = {
        "prescription": str(of.id),
        "patient": str(books.visits[of.visit_id].patient_id),
        "prescriber": books.staff_id(of.account_id),
        "by": books.staff_id(one.account_id),
        "act": ACTS.get(one.side),
    }
    wrong = [name for name, value in wanted.items() if said.get(name) != value]
    if not same(said.get("content"), _read(content)):
        wrong.append("content")
    yield from _differs(f"signature={one.id} side={one.side} prescription={of.id} content={one.content_id}", wrong, of.visit_id)


def _record(books: Books, one: ours.Signature) -> Iterator[Finding]:
    """Whose record a text is, it says itself."""
    said, of = _text(books, one), books.records[cast(UUID, one.record_id)]
    patient, by = str(books.visits[of.visit_id].patient_id), books.staff_id(of.account_id)
    wanted = {"document": "record", "visit": str(of.visit_id), "patient": patient, "by": by}
    wrong = [name for name, value in wanted.items() if said.get(name) != value]
    yield from _differs(f"signature={one.id} record={of.id}", wrong, of.visit_id)


def _drafts(books: Books, texts: Mapping[UUID, ours.Signature]) -> Iterator[Finding]:
    """A record that was not saved since its doctor signed it last is what was signed."""
    begun = {line.process_id: line.at for line in books.ours.timeline if line.process == "record" and line.version == 0}
    signed: dict[UUID, ours.RecordSigning] = {}
    for one in sorted((one for one in books.ours.records if one.state in SIGNED and one.id in begun), key=lambda one: begun[one.id]):
        signed[one.visit_id] = one
    for draft in books.ours.left.records:
        last = signed.get(draft.revisit_id)
        text = texts.get(last.id) if last else None
        if last and text and draft.saved_at <= begun[last.id]:
            yield from _differs(f"record={last.id} draft={draft.id}", _changed(books, draft, _text(books, text)), draft.revisit_id)


def _changed(books: Books, draft: Record, said: Mapping[str, Any]) -> list[str]:
    names = ("content", "diagnosis_code", "diagnosis_text")
    content, *words = books.opened("record", draft.id, *names) or []
    stands: dict[str, Any] = dict(zip(names, (_read(content), *words), strict=True))
    record: Any = said.get("record")
    signed = cast(dict[str, Any], record) if isinstance(record, dict) else {}
    return [name for name in names if not same(signed.get(name), stands[name])]


def _levels(books: Books) -> Iterator[Finding]:
    """How grave the review found a content stands beside what it found."""
    found = {one.row_id: one for one in books.ours.sealed if one.bound == "prescription_content.findings"}
    for content in books.ours.contents:
        if sealed := found.get(content.id):
            verdict = _read(books.seal.open(sealed.bound, sealed.row_id, sealed.value))
            visit = books.prescriptions[content.prescription_id].visit_id
            yield from _differs(f"content={content.id}", [] if verdict.get("level") == content.level else ["level"], visit)


def same(said: Any, stands: Any) -> bool:
    """Word for word, as a text has them: numbers without trailing zeros, letters in one form."""
    if isinstance(said, dict) and isinstance(stands, dict):
        left, right = cast(dict[str, Any], said), cast(dict[str, Any], stands)
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(said, list) and isinstance(stands, list):
        items, others = cast(list[Any], said), cast(list[Any], stands)
        return len(items) == len(others) and all(same(*pair) for pair in zip(items, others, strict=True))
    if isinstance(said, str) and isinstance(stands, str):
        letters = unicodedata.normalize("NFC", said) == unicodedata.normalize("NFC", stands)
        return letters or _number(said) == _number(stands) is not None
    return bool(said == stands)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _text(books: Books, one: ours.Signature) -> Mapping[str, Any]:
    return _read(books.seal.open("signature.text", one.id, one.text))


def _read(text: str) -> dict[str, Any]:
    """What is no JSON says nothing."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return cast(dict[str, Any], said) if isinstance(said, dict) else {}


def _differs(about: str, wrong: list[str], visit: UUID) -> Iterator[Finding]:
    if wrong:
        yield Finding(kind=Kind.CONTENT_CHANGED, about=about, ours=f"another {' '.join(wrong)}", theirs="as it was signed", visit=visit)
