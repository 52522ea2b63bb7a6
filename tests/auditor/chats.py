"""Conversations: each line stands as it was answered when it was said, by who may say it on its side. None of it is told."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours_left import Chat

ANSWERED = frozenset({"id", "number", "side", "text", "at"})
"""What is answered to who says a line, and to nothing else."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    yield from _whose(books)
    if books.seal.has_keys:
        yield from _answered(books)


def _whose(books: Books) -> Iterator[Finding]:
    """The patient's side is an account that may act for them; the doctor's is the visit's doctor, or any where the visit was moved."""
    bound = {(one.account_id, one.patient_id) for one in books.ours.left.bindings}
    doctors = {one.id: one.account_id for one in books.ours.left.doctors}
    for line in books.ours.left.chats:
        visit = books.visits[line.revisit_id]
        if line.side == "patient":
            fits = line.account_id == visit.account_id or (line.account_id, visit.patient_id) in bound
        elif visit.rearranged_at:
            fits = line.account_id in doctors.values()
        else:
            fits = line.account_id == doctors.get(visit.doctor_id or "")
        if not fits:
            yield _otherwise(visit, line, f"the {line.side}'s by account={line.account_id}", "another account's")


def _answered(books: Books) -> Iterator[Finding]:
    """A line that somebody was answered is there, with these words, by them."""
    lines = {one.id: one for one in books.ours.left.chats}
    for intent in books.ours.left.intents:
        told = _said(books, intent.id)
        if told is None:
            continue
        line = lines.get(intent.id)
        if line is None:
            yield Finding(kind=Kind.CONTENT_MISSING, about=f"chat={intent.id}", ours="no such line", theirs="was answered as said")
            continue
        [text] = books.opened("chat", line.id, "text") or [""]
        stands = {"account": line.account_id, "side": line.side, "number": line.number, "text": text}
        wanted = {"account": intent.account_id} | {name: told[name] for name in ("side", "number", "text")}
        if differs := [name for name, value in stands.items() if value != wanted[name]]:
            yield _otherwise(books.visits[line.revisit_id], line, f"another {' '.join(differs)}", "as it was answered")


def _said(books: Books, intent_id: UUID) -> Mapping[str, Any] | None:
    """What was answered, where it was a line."""
    [answer] = books.opened("intent", intent_id, "answer") or [""]
    try:
        told: Any = json.loads(answer)
    except ValueError:
        return None
    said = cast(dict[str, Any], told) if isinstance(told, dict) else {}
    return said if frozenset(said) == ANSWERED else None


def _otherwise(visit: ours.Visit, line: Chat, stands: str, wanted: str) -> Finding:
    return Finding(kind=Kind.CONTENT_CHANGED, about=f"chat={line.id} number={line.number}", ours=stands, theirs=wanted, visit=visit.id)
