"""The audit: who did what, for each deed that other rows tell of. It may say more than is looked for here, and never less.

A deed of a process has its line in the timeline, by whom, and both are written by one statement: of moves it says no more than that either.
All else that is audited and leaves a row has that. Reading another's data leaves no row but the audit's own: of that only the look into
past prescriptions is known, by what the HIS answered.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import Offices

OPENED = {"record": "record:sign", "prescription": "prescription:write"}
"""How it is audited that somebody opened a process. A visit's own opening, and its patient's, is in the timeline alone."""


class Deed(NamedTuple):
    action: str
    subject: str
    subject_id: UUID | None
    by: UUID | str | None
    """None: the house itself."""


ANYBODY = "anybody"
"""Who it was is said by the audit alone."""
MOVE = "."
"""In the name of a process's move; all else that is audited is a word and a verb."""


def check(books: Books) -> Iterator[Finding]:
    """As many rows as deeds, each by whom it was done, and of moves no more."""
    told = Counter[Deed]()
    for one in books.ours.left.audits:
        told.update({Deed(one.action, one.subject, one.subject_id, by): 1 for by in (one.account_id, ANYBODY)})
    deeds = Counter[Deed](deed for found in (_moves, _people, _writings, _offices) for deed in found(books))
    visits = _visits(books)
    for deed in {**deeds, **told}:
        rows, times = told[deed], deeds[deed]
        if rows < times or (rows > times and MOVE in deed.action and deed.by != ANYBODY):
            kind = Kind.AUDIT_MISSING if rows < times else Kind.AUDIT_UNKNOWN
            about = f"{deed.subject}={deed.subject_id} action={deed.action} account={deed.by}"
            visit = visits.get(deed.subject_id) if deed.subject_id else None
            yield Finding(kind=kind, about=about, ours=f"{rows} rows", theirs=f"{times} deeds", visit=visit)
    yield from _given(books)
    yield from _meant(books)
    yield from _paid_out(books)


def _given(books: Books) -> Iterator[Finding]:
    """A patient's account is a patient's and nothing else; staff have what the audit says that they were given last."""
    offices = Offices(books)
    for account in books.ours.accounts:
        wanted = {"patient"} if account.kind == "patient" else offices.given_last(account.id)
        if offices.today[account.id] != wanted:
            stands, told = (" ".join(sorted(roles)) or "none" for roles in (offices.today[account.id], wanted))
            yield Finding(kind=Kind.GRANT_DIFFERS, about=f"account={account.id}", ours=stands, theirs=told)


def _meant(books: Books) -> Iterator[Finding]:
    """What the management gave back is what a person asked for: the charge, and the sum where one was said."""
    refunds = {one.id: one for one in books.ours.refunds}
    for one in books.ours.left.audits:
        refund = refunds.get(one.subject_id) if one.action == "refund:begin" and one.subject_id else None
        if refund is None:
            continue
        stands = {"charge_id": str(refund.charge_id), "amount_fen": refund.amount_fen}
        asked: dict[str, Any] = json.loads(one.detail)
        wrong = [name for name, value in stands.items() if asked.get(name) is not None and asked[name] != value]
        if wrong:
            about, visit = f"refund={refund.id} {' '.join(wrong)}", books.visit_of_refund(refund)
            said, told = (f"another {' '.join(wrong)}",) * 2
            yield Finding(kind=Kind.AUDIT_DIFFERS, about=about, ours=said, theirs=told, visit=visit)


def _paid_out(books: Books) -> Iterator[Finding]:
    """By the hospital's own transfer: its number is the one that a person gave."""
    said = {one.subject_id: json.loads(one.detail).get("voucher") for one in books.ours.left.audits if one.action == "refund.pay_out"}
    for refund in books.ours.refunds:
        if refund.id in said and refund.voucher != said[refund.id]:
            stands, told, visit = refund.voucher or "no voucher", said[refund.id] or "no voucher", books.visit_of_refund(refund)
            yield Finding(kind=Kind.AUDIT_DIFFERS, about=f"refund={refund.id} voucher", ours=stands, theirs=told, visit=visit)


def _visits(books: Books) -> dict[UUID, UUID]:
    """Whose visit a process is; a refund of nobody's money has none."""
    return {line.process_id: line.visit_id for line in books.ours.timeline if line.visit_id in books.visits}


def _moves(books: Books) -> Iterator[Deed]:
    for line in books.ours.timeline:
        if line.by is None:
            continue
        if line.version > 0:
            yield Deed(line.name, line.process, line.process_id, line.by)
        elif line.process in OPENED:
            yield Deed(OPENED[line.process], line.process, line.process_id, line.by)


def _people(books: Books) -> Iterator[Deed]:
    """Accounts, whom they may act for, and their sessions."""
    for account in books.ours.accounts:
        patient = account.kind == "patient"
        action, by = ("account:open", account.id) if patient else ("account:enlist", None)
        yield Deed(action, "account", account.id, by)
    for bound in books.ours.left.bindings:
        yield Deed("patient:bind", "patient", bound.patient_id, bound.account_id)
    for session in books.ours.left.sessions:
        yield Deed("account:sign_in", "session", session.id, session.account_id)
        if session.revoked_at:
            yield Deed("account:sign_out", "session", session.id, session.account_id)


def _writings(books: Books) -> Iterator[Deed]:
    for record in books.ours.left.records:
        yield Deed("record:write", "revisit", record.revisit_id, record.account_id)
    for file in books.ours.left.files:
        yield Deed("intake:write", "revisit", file.revisit_id, file.account_id)
    for prescription in books.ours.prescriptions:
        if prescription.copied_from:
            yield Deed("refill:copy", "prescription", prescription.id, prescription.account_id)
    for past in books.ours.left.pasts:
        yield Deed("refill:read", "patient", past.patient_id, ANYBODY)


def _offices(books: Books) -> Iterator[Deed]:
    """What staff begin that no line of a timeline opens."""
    for refund in books.ours.refunds:
        if refund.cause == "management":
            yield Deed("refund:begin", "refund", refund.id, ANYBODY)
    yield from _suspensions(books)
    for message in books.ours.messages:
        if message.resend_of:
            yield Deed("message:resend", "message", message.resend_of, ANYBODY)


def _suspensions(books: Books) -> Iterator[Deed]:
    """Of doctors, by the management: between two of one doctor, and after the last of who sees patients again, they were resumed."""
    begun = Counter[str]()
    for suspension in books.ours.suspensions:
        if suspension.doctor_id:
            begun[suspension.doctor_id] += 1
            yield Deed("suspension:act", "suspension", suspension.id, suspension.account_id)
    away = {one.id for one in books.ours.left.doctors if one.suspended_at}
    for doctor_id, times in begun.items():
        for _ in range(times - (doctor_id in away)):
            yield Deed("suspension:act", "doctor", None, ANYBODY)
