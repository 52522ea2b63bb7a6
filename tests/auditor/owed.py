"""Messages that a move owes to people: whichever is not in our outbox was never said. What was said too often is looked at elsewhere.

Owed is written in the transaction of its move, so at every moment; in the quiet hours it waits, but it is there. What is said by the rules'
own times (drugs that nobody fetches, an approval that waits for its signature, a queue that has grown long) is owed at no single move, and
not looked for here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import Offices

Owing = Counter[tuple[UUID, str]]
"""By visit and template."""
NO_PLACE = frozenset({"checking", "completing", "consenting", "choosing"})
"""States of a draft that never held a place: it ends without a word."""
OF_VISIT: Mapping[str, str] = {
    "booked": "revisit_booked",
    "consulting": "revisit_called",
    "ended": "revisit_ended",
    "cancelled": "revisit_cancelled",
    "absent": "revisit_cancelled",
    "declined": "revisit_declined",
}
"""By the state that a visit comes to. A stopped clinic's has its own look (`clinics`)."""
LEFT = frozenset({"cancelled", "absent", "declined"})
OF_REFUND: Mapping[str, str] = {"arrived": "refund_arrived", "paid_out": "refund_paid_out"}
BACK_AT_ITS_DOCTOR = frozenset({"questioned", "returned"})
ON_ITS_WAY = frozenset({"picked_up", "in_transit", "out_for_delivery"})
SENT = ON_ITS_WAY - {"out_for_delivery"}
"""Nothing has failed yet: `out_for_delivery` may come of a scan that says it was not handed over."""
NOT_HANDED_OVER = frozenset({"refused", "returning", "returned", "undeliverable"})
TASKS = frozenset({"overdue", "undeliverable", "returned"})
"""States of a parcel in which the pharmacy has to decide."""
WEATHER = frozenset({f"sms.isv.{one}_LIMIT_CONTROL" for one in ("BUSINESS", "DAY", "MONTH")} | {"message.unanswered"})
"""Why a message may end as failed: the carrier limits what one phone gets, or never answered."""


def check(books: Books) -> Iterator[Finding]:
    """All of it; what a person had sent again is no message of a move."""
    said = Owing((one.visit_id, one.template) for one in books.ours.messages if one.visit_id and one.resend_of is None)
    for (visit_id, template), times in sorted(owing(books).items()):
        if said[visit_id, template] < times:
            about, told = f"visit={visit_id} template={template}", f"{said[visit_id, template]} messages"
            yield Finding(kind=Kind.MESSAGE_OWED, about=about, ours=told, theirs=f"{times} owed", visit=visit_id)
    for message in books.ours.messages:
        if message.state == "failed" and message.failure not in WEATHER:
            about = f"message={message.id} template={message.template}"
            yield Finding(
                kind=Kind.MESSAGE_REFUSED, about=about, ours=f"failed: {message.failure}", theirs="weather", visit=message.visit_id
            )


def owing(books: Books) -> Owing:
    """How often each should have been said at least."""
    owed = Owing()
    once: set[tuple[UUID, str]] = set()
    """Said once of a thing, however often it comes to a state."""
    offices, doctors = Offices(books), {one.id for one in books.ours.left.doctors if one.account_id}
    urged = Counter[UUID]()
    for line in books.ours.timeline:
        match line.process:
            case "revisit":
                urged[line.process_id] += line.name == "queue.urge"
                visit = books.visits[line.visit_id]
                owed.update((line.visit_id, one) for one in _of_visit(line, visit))
                if line.name == "queue.urge":  # its doctor, where there is one to be told, and from then on the office
                    first, is_office = urged[line.process_id] == 1, offices.is_anybody("management", line.at)
                    owed[line.visit_id, "clinic_waiting"] += visit.doctor_id in doctors if first else is_office
            case "prescription" if line.enters:
                once |= {(line.process_id, one) for one in _of_prescription(line)}
                if line.after in BACK_AT_ITS_DOCTOR and books.visits[line.visit_id].doctor_id in doctors:
                    owed[line.visit_id, "prescription_returned"] += 1
            case "delivery" if line.enters:
                once |= {(line.process_id, one) for one in _of_parcel(line, books.deliveries[line.process_id.hex])}
                owed[line.visit_id, "delivery_waiting"] += line.after in TASKS and offices.is_anybody("pharmacist", line.at)
            case "refund" if line.enters and line.after in OF_REFUND and line.visit_id in books.visits:
                owed[line.visit_id, OF_REFUND[line.after]] += 1
            case _:
                pass
    whose = {one.id: one.visit_id for one in (*books.ours.prescriptions, *books.ours.deliveries)}
    owed.update((whose[thing], template) for thing, template in once)
    owed.update((one.visit_id, "refund_requested") for one in books.ours.payments if one.visit_id and one.unwanted)
    owed.update((one.id, "revisit_rearranged") for one in books.ours.visits if one.rearranged_at)
    return owed


def _of_visit(line: ours.Moved, visit: ours.Visit) -> Iterator[str]:
    if line.enters and line.after in OF_VISIT and not (line.after in LEFT and line.before in NO_PLACE):
        not_accepted = line.after == "declined" and line.by is None
        yield "revisit_cancelled" if not_accepted else OF_VISIT[line.after]
    match line.name:
        case "queue.remind" if visit.slot_starts_at and line.at < visit.slot_starts_at and not visit.rearranged_at:
            yield "revisit_reminder"
        case "queue.call_again":
            yield "revisit_called_again"
        case _:
            pass


def _of_prescription(line: ours.Moved) -> Iterator[str]:
    if line.before == "pricing" and line.after == "choosing":
        yield "prescription_approved"
    if line.after == "expired":
        yield "prescription_expired"
    if line.after == "ready":
        yield "drugs_ready"


def _of_parcel(line: ours.Moved, delivery: ours.Delivery) -> Iterator[str]:
    """What was signed for before it was seen anywhere else is told by nobody: its patient has it; nor what bears no number to look for."""
    if line.after in SENT and line.before not in ON_ITS_WAY and delivery.waybill:
        yield "delivery_sent"
    if line.after in NOT_HANDED_OVER:
        yield "delivery_failed"
