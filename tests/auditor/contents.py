"""What people said, wrote and saw: where a row or its timeline says that there was something, it stands in our books. None is told."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind

SEEN: Mapping[str, frozenset[str]] = {
    "picked_up": frozenset({"picked_up"}),
    "in_transit": frozenset({"transit"}),
    "out_for_delivery": frozenset({"out", "failed"}),
    "refused": frozenset({"refused"}),
    "returning": frozenset({"returning"}),
    "returned": frozenset({"delivered"}),
    "signed": frozenset({"delivered"}),
}
"""By the state that a parcel comes to: the marks of the scans that bring it there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A content that must be there."""

    what: str
    why: str
    about: str
    visit: UUID
    there: bool


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    for looks in (_of_people, _of_visits, _of_ways, _of_surveys, _of_documents, _of_chats, _of_parcels):
        for one in looks(books):
            if not one.there:
                yield Finding(kind=Kind.CONTENT_MISSING, about=one.about, ours=f"no {one.what}", theirs=one.why, visit=one.visit)


def _of_people(books: Books) -> Iterator[Wanted]:
    """Who opened a visit may act for its patient."""
    bound = {(one.account_id, one.patient_id) for one in books.ours.left.bindings}
    for visit in books.ours.visits:
        there = (visit.account_id, visit.patient_id) in bound
        yield _wanted("binding", "opened by this account", visit, there, patient=visit.patient_id, account=visit.account_id)


def _of_visits(books: Books) -> Iterator[Wanted]:
    """By their own rows."""
    said = {(one.revisit_id, one.scene) for one in books.ours.left.consents}
    notes = {one.id for one in books.ours.left.notes}
    for visit in books.ours.visits:
        if visit.refusal == "emergency":
            yield _wanted("consent of self_check", visit.refusal, visit, (visit.id, "self_check") in said)
        if visit.unstable is not None:
            yield _wanted("consent of stability", f"unstable {visit.unstable}", visit, (visit.id, "stability") in said)
        if visit.note_id:
            yield _wanted("note", visit.state, visit, visit.note_id in notes, note=visit.note_id)


def _of_ways(books: Books) -> Iterator[Wanted]:
    """By the way that a visit has come."""
    left = books.ours.left
    said = {(one.revisit_id, one.scene) for one in left.consents}
    written = {one.revisit_id for one in left.records}
    supplied = {one.patient_id for one in left.supplements}
    for line in (one for one in books.ours.timeline if one.process == "revisit" and one.enters):
        visit, way = books.visits[line.visit_id], f"{line.before} > {line.after}"
        match line.before, line.after:
            case "checking", "completing" | "consenting" if visit.past_prescription:
                yield _wanted("past prescription", way, visit, visit.past_prescribed is not None)
            case "completing", "consenting":
                yield _wanted("supplement", way, visit, visit.patient_id in supplied, patient=visit.patient_id)
            case "consenting", "choosing":
                for scene in ("self_check", "revisit"):
                    yield _wanted(f"consent of {scene}", way, visit, (visit.id, scene) in said)
            case "describing", "paying":
                yield from _described(books, visit, way)
            case "consulting", "ended":
                yield _wanted("record", way, visit, visit.id in written)
            case _:
                pass


def _described(books: Books, visit: ours.Visit, way: str) -> Iterator[Wanted]:
    intake = next((one for one in books.ours.left.intakes if one.id == visit.intake_id and one.revisit_id == visit.id), None)
    yield _wanted("intake", way, visit, intake is not None, intake=visit.intake_id)
    kept = {one.id for one in books.ours.left.files if one.revisit_id == visit.id}
    for number in sorted(intake.files if intake else ()):
        yield _wanted("file", "described with it", visit, number in kept, file=number)


def _of_surveys(books: Books) -> Iterator[Wanted]:
    """Asked at the end; answered with something; and over before the visit is closed."""
    surveys = {one.revisit_id: one for one in books.ours.left.surveys}
    answers = {(one.id, one.survey_id) for one in books.ours.left.answers if one.says}
    for line in (one for one in books.ours.timeline if one.process == "revisit"):
        visit, survey = books.visits[line.visit_id], surveys.get(line.visit_id)
        if line.enters and line.after == "ended":
            yield _wanted("survey", f"{line.before} > ended", visit, survey is not None)
        if line.name == "survey.answer":
            yield _wanted("answered survey", line.name, visit, survey is not None and survey.state == "answered")
        if line.enters and line.after == "closed" and survey:
            yield _wanted("end of its survey", f"{line.before} > closed", visit, survey.state != "open", survey=survey.id)
    for survey in surveys.values():
        if survey.state == "answered":
            there, visit = (survey.answer_id, survey.id) in answers, books.visits[survey.revisit_id]
            yield _wanted("survey's answer", survey.state, visit, there, survey=survey.id, answer=survey.answer_id)


def _of_documents(books: Books) -> Iterator[Wanted]:
    """What was written of a prescription, and words about it; the words of a record that was signed."""
    remarks, written = {one.id for one in books.ours.left.remarks}, {one.revisit_id for one in books.ours.left.records}
    proved = {one.record_id for one in books.ours.signatures if one.signature is not None}
    for one in books.ours.prescriptions:
        visit = books.visits[one.visit_id]
        yield _wanted("content", one.state, visit, one.content_id in books.contents, prescription=one.id, content=one.content_id)
        if one.note_id:
            yield _wanted("remark", one.state, visit, one.note_id in remarks, prescription=one.id, note=one.note_id)
    for line in (one for one in books.ours.timeline if one.process == "record" and one.before == "signing" and one.after == "filing"):
        visit = books.visits[line.visit_id]
        yield _wanted("record", "signed", visit, visit.id in written, record=line.process_id)
        yield _wanted("signature", "signed", visit, line.process_id in proved, record=line.process_id)


def _of_chats(books: Books) -> Iterator[Wanted]:
    """Counted from 1 without a gap."""
    numbers: dict[UUID, set[int]] = defaultdict(set)
    for line in books.ours.left.chats:
        numbers[line.revisit_id].add(line.number)
    for visit_id, there in numbers.items():
        gaps = sorted(set(range(1, max(there) + 1)) - there)
        yield _wanted(f"line of its chat with number {gaps[:1]}", f"{max(there)} lines", books.visits[visit_id], not gaps)


def _of_parcels(books: Books) -> Iterator[Wanted]:
    marks: dict[UUID, set[str]] = defaultdict(set)
    for track in books.ours.left.tracks:
        marks[track.delivery_id].add(track.mark)
    for line in (one for one in books.ours.timeline if one.process == "delivery" and one.enters and one.after in SEEN):
        wanted, there = SEEN[line.after], marks[line.process_id]
        what = f"track that says {' or '.join(sorted(wanted))}"
        yield _wanted(what, f"{line.before} > {line.after}", books.visits[line.visit_id], bool(wanted & there), delivery=line.process_id)


def _wanted(what: str, why: str, visit: ours.Visit, there: bool, **ids: UUID | None) -> Wanted:
    named = " ".join(f"{name}={value}" for name, value in ids.items())
    return Wanted(what, why, f"visit={visit.id} {named}".strip(), visit.id, there)
