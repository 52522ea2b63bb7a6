"""Messages to people: our outbox and what the carrier delivered. Phones and texts are compared and never told."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from tests.auditor import ours, theirs
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind

TELLING: dict[str, frozenset[str]] = {
    "revisit_called": frozenset({"queue.accept"}),
    "revisit_called_again": frozenset({"queue.call_again"}),
    "clinic_waiting": frozenset({"queue.urge"}),
    "prescription_approved": frozenset({"drug.price"}),
    "prescription_expired": frozenset({"prescription.expire", "drug.leave"}),
    "prescription_returned": frozenset({"review.question", "review.reject", "review.escalate", "drug.price"}),
    "review_queue": frozenset({"review.escalate"}),
    "review_waiting": frozenset({"signature.query"}),
}
"""Templates that one visit may send in the same words more than once, and the steps of which each is a reason to. Of money there may be
two equal sums."""


TAKEN = frozenset({"sent", "delivered", "undelivered"})
"""Our states of a message that the carrier has."""
NOT_THERE = frozenset({"undelivered", "failed"})
"""Our states of a message that may be sent again."""
DELIVERED, WAITING = 3, 1
"""The carrier's states: on the phone, and not known."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    delivered: dict[str, list[theirs.Text]] = defaultdict(list)
    for text in books.theirs.texts:
        delivered[text.out_id].append(text)
    for message in books.ours.messages:
        yield from _of_one(message, delivered.pop(message.id.hex, []))
    for number, texts in delivered.items():
        told = f"{len(texts)} of {texts[0].template_code}"
        yield Finding(kind=Kind.MESSAGE_UNKNOWN, about=f"out_id={number}", ours="no such message", theirs=told)
    yield from _again(books)
    yield from _resent(books)
    yield from _phones(books)


def _of_one(message: ours.Message, texts: list[theirs.Text]) -> Iterator[Finding]:
    about, visit = f"message={message.id} template={message.template}", message.visit_id
    said = f"{message.state}{', repeated' if message.repeated else ''}"
    if message.state in TAKEN and not texts:
        yield Finding(kind=Kind.MESSAGE_MISSING, about=about, ours=said, theirs="nothing", visit=visit)
    if message.state not in TAKEN and texts:
        yield Finding(kind=Kind.MESSAGE_UNKNOWN, about=about, ours=said, theirs=f"{len(texts)} delivered", visit=visit)
    if len(texts) > (2 if message.repeated else 1):
        yield Finding(kind=Kind.MESSAGE_TWICE, about=about, ours=said, theirs=f"{len(texts)} delivered", visit=visit)
    codes = {text.template_code for text in texts} - {f"SMS_{message.template.upper()}"}
    if codes:
        yield Finding(kind=Kind.MESSAGE_DIFFERS, about=about, ours=message.template, theirs=" ".join(sorted(codes)), visit=visit)
    receipts = {text.biz_id for text in texts} | {message.id.hex}
    if texts and message.state in TAKEN and message.receipt not in receipts:
        told = " ".join(sorted(receipts))
        yield Finding(kind=Kind.MESSAGE_DIFFERS, about=about, ours=f"receipt {message.receipt}", theirs=told, visit=visit)
    if texts and message.state in TAKEN and message.state not in _fates({text.status for text in texts}):
        told = " ".join(str(text.status) for text in texts)
        yield Finding(kind=Kind.MESSAGE_FATE, about=about, ours=said, theirs=f"status {told}", visit=visit)


def _fates(statuses: set[int]) -> set[str]:
    """What it may be here by what the carrier says of each time that it took it. We may not know yet, but never more."""
    if DELIVERED in statuses:
        return {"sent", "delivered"}
    return {"sent"} if WAITING in statuses else {"sent", "undelivered"}


def _again(books: Books) -> Iterator[Finding]:
    """Same visit, same phone, same words, whichever of our messages brought them."""
    by_number = {one.id.hex: one for one in books.ours.messages}
    times = Counter[tuple[UUID, str, str]]()
    marked: dict[tuple[UUID, str, str], set[tuple[UUID, str]]] = defaultdict(set)
    templates: dict[tuple[UUID, str, str], str] = {}
    for text in books.theirs.texts:
        message = by_number.get(text.out_id)
        if message is None or message.visit_id is None:
            continue
        key = (message.visit_id, text.phone, text.text)
        times[key] += 1
        templates[key] = message.template
        marked[key] |= {(message.id, why) for why in ("repeated", "resend_of") if getattr(message, why)}
    known = _reasons(books)
    for key, count in times.items():
        visit_id, template = key[0], templates[key]
        reasons = max(1, known[visit_id, template])
        if count > reasons + len(marked[key]):
            said = f"{reasons} reasons, {len(marked[key])} marked as repeated or resent"
            about = f"visit={visit_id} template={template}"
            yield Finding(kind=Kind.MESSAGE_AGAIN, about=about, ours=said, theirs=f"{count} delivered", visit=visit_id)


def _resent(books: Books) -> Iterator[Finding]:
    """Only what did not arrive is sent again: the same words to the same phone."""
    by_id = {one.id: one for one in books.ours.messages}
    for again in books.ours.messages:
        if again.resend_of is None:
            continue
        first = by_id.get(again.resend_of)
        if first is None or first.state not in NOT_THERE or _whose(first) != _whose(again):
            told = f"{first.template} {first.state}" if first else "no such message"
            about = f"message={again.id} resend_of={again.resend_of}"
            yield Finding(kind=Kind.MESSAGE_RESENT, about=about, ours=again.template, theirs=told, visit=again.visit_id)


def _whose(message: ours.Message) -> tuple[str, bytes, UUID | None]:
    return message.template, message.phone_bidx, message.visit_id


def _reasons(books: Books) -> Counter[tuple[UUID, str]]:
    """By visit and template, of those that may come again: how often there was reason to."""
    known = Counter[tuple[UUID, str]]()
    for line in books.ours.timeline:
        for template, steps in TELLING.items():
            known[line.visit_id, template] += line.name in steps
    for refund in books.ours.refunds:
        known[refund.visit_id, "refund_arrived"] += refund.state in {"arrived", "paid_out"}
    for payment in books.ours.payments:
        if payment.visit_id and payment.unwanted:
            known[payment.visit_id, "refund_requested"] += 1
    return known


def _phones(books: Books) -> Iterator[Finding]:
    """One blind index is one phone, and it is the phone that is sealed beside it."""
    by_number = {one.id.hex: one for one in books.ours.messages}
    phone_of: dict[bytes, str] = {}
    index_of: dict[str, bytes] = {}
    for text in books.theirs.texts:
        message = by_number.get(text.out_id)
        if message is None:
            continue
        same_phone = phone_of.setdefault(message.phone_bidx, text.phone) == text.phone
        same_index = index_of.setdefault(text.phone, message.phone_bidx) == message.phone_bidx
        sealed = books.opened("message", message.id, "phone")
        same_sealed = sealed is None or sealed == [text.phone]
        if not (same_phone and same_index and same_sealed):
            about = f"message={message.id} template={message.template}"
            yield Finding(kind=Kind.MESSAGE_DIFFERS, about=about, ours="one phone", theirs="another phone", visit=message.visit_id)
