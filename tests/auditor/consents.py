"""What was accepted or answered: by whom it was asked of, in the text that stood published then, and as the visit went by it."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours_left import Consent

REVISIT, SELF_CHECK, STABILITY = "revisit", "self_check", "stability"
UNWRITTEN = {
    SELF_CHECK: {"1": ""},
    STABILITY: {"1": "a866ed91a2c57dd18497d690a1c166c778257333dbeb2edb13d6ca3184d65a00"},
}
"""Scenes whose words stand in no table: by version, the SHA-256 of what was asked; of the self-check none is kept."""
STEPS = {REVISIT: "consent.consent", SELF_CHECK: "consent.self_check", STABILITY: "consent.self_check"}


def check(books: Books) -> Iterator[Finding]:
    """Each of them."""
    bound = {(one.account_id, one.patient_id) for one in books.ours.left.bindings}
    done = {(line.process_id, line.name): (line.by, line.at) for line in books.ours.timeline}
    """The last of each name: lines come by their version."""
    for one in books.ours.left.consents:
        visit, wrong = books.visits[one.revisit_id], list[str]()
        by, at = done.get((visit.id, STEPS.get(one.scene, "")), (one.account_id, one.at))
        may = one.account_id == visit.account_id or (one.account_id, visit.patient_id) in bound
        if not may or one.account_id != by:
            wrong.append("account")
        if one.at != at:
            wrong.append("instant")
        if (one.text_version, one.text_hash) not in _shown(books, one):
            wrong.append("text")
        if not _fits(visit, one):
            wrong.append("answers")
        if wrong:
            about = f"consent={one.id} scene={one.scene} version={one.text_version}"
            yield Finding(kind=Kind.CONTENT_CHANGED, about=about, ours=f"another {' '.join(wrong)}", theirs="as it was", visit=visit.id)


def _shown(books: Books, one: Consent) -> set[tuple[str, str]]:
    """Version and hash of what was in force then."""
    if one.scene in UNWRITTEN:
        return set(UNWRITTEN[one.scene].items())
    published = [text for text in books.ours.left.consent_texts if text.scene == one.scene and text.effective_at <= one.at]
    newest = max((text.effective_at for text in published), default=None)
    return {(text.version, hashlib.sha256(text.text.encode()).hexdigest()) for text in published if text.effective_at == newest}


def _fits(visit: ours.Visit, one: Consent) -> bool:
    """Symptoms are an emergency, and what is not confirmed makes a refill unstable."""
    answers: dict[str, Any] = json.loads(one.detail)
    match one.scene:
        case "self_check":
            return bool(answers.get("symptoms")) is (visit.refusal == "emergency")
        case "stability":
            return bool(answers.get("unstable")) is visit.unstable
        case _:
            return True
