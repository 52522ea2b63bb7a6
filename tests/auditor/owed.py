"""Messages that a move owes to people: each is in our outbox as often as it is owed, and no more often than there was a reason for it.

Owed is written in the transaction of its move, so at every moment; in the quiet hours it waits, but it is there. What is said by the rules'
own times (drugs that nobody fetches, an approval that waits for its signature, a queue that has grown long) is owed at no single move: it
may be said as often as the timeline has a reason for it, or not at all.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from tests.auditor import clinics, ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import Offices

Times = Counter[tuple[UUID, str]]
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
MAY_BE_BACK = "out_for_delivery"
"""Of a scan that says that it goes out, or that it was not handed over."""
NOT_HANDED_OVER = frozenset({"refused", "returning", "returned", "undeliverable"})
TASKS = frozenset({"overdue", "undeliverable", "returned"})
"""States of a parcel in which the pharmacy has to decide."""
WEATHER = frozenset({f"sms.isv.{one}_LIMIT_CONTROL" for one in ("BUSINESS", "DAY", "MONTH")} | {"message.unanswered"})
"""Why a message may end as failed: the carrier limits what one phone gets, or never answered."""


class Due(NamedTuple):
    """A template, how often it must have been said at least, and how often it may have been at most."""

    template: str
    least: int = 1
    most: int = 1


def check(books: Books) -> Iterator[Finding]:
    """All of it; what a person had sent again is no message of a move."""
    said = Times((one.visit_id, one.template) for one in books.ours.messages if one.visit_id and one.resend_of is None)
    least, most = _Owed(books).times()
    for visit_id, template in sorted({*said, *least}):
        times, at_least, at_most = (one[visit_id, template] for one in (said, least, most))
        about, told = f"visit={visit_id} template={template}", f"{times} messages"
        if times < at_least:
            yield Finding(kind=Kind.MESSAGE_OWED, about=about, ours=told, theirs=f"{at_least} owed", visit=visit_id)
        if times > at_most and template != clinics.TOLD:
            yield Finding(kind=Kind.MESSAGE_UNOWED, about=about, ours=told, theirs=f"{at_most} owed", visit=visit_id)
    for one in books.ours.messages:
        if one.state == "failed" and one.failure not in WEATHER:
            about = f"message={one.id} template={one.template}"
            yield Finding(kind=Kind.MESSAGE_REFUSED, about=about, ours=f"failed: {one.failure}", theirs="weather", visit=one.visit_id)


class _Owed:
    """What the rows owe."""

    def __init__(self, books: Books) -> None:
        self._books, self._offices = books, Offices(books)
        self._doctors = {one.id: one.account_id for one in books.ours.left.doctors if one.account_id}

    def times(self) -> tuple[Times, Times]:
        """At least, and at most. Of a thing some are said once, however often it comes to a state."""
        least, most = Times(), Times()
        once: dict[tuple[UUID, UUID, str], tuple[bool, int]] = {}
        for line in self._books.ours.timeline:
            for due in self._at_each(line):
                least[line.visit_id, due.template] += due.least
                most[line.visit_id, due.template] += due.most
            for due in self._once(line):
                key = (line.process_id, line.visit_id, due.template)
                must, may = once.get(key, (False, 0))
                once[key] = (must or due.least > 0, max(may, due.most))
        for (_, visit_id, template), (must, may) in once.items():
            least[visit_id, template] += must
            most[visit_id, template] += may
        unwanted = Times((one.visit_id, "refund_requested") for one in self._books.ours.payments if one.visit_id and one.unwanted)
        rearranged = Times((one.id, "revisit_rearranged") for one in self._books.ours.visits if one.rearranged_at)
        return least + unwanted + rearranged, (most + unwanted) | rearranged

    def _at_each(self, line: ours.Moved) -> Iterator[Due]:
        match line.process:
            case "revisit":
                yield from self._of_visit(line, self._books.visits[line.visit_id])
            case "prescription":
                escalated, back = line.name == "review.escalate", line.enters and line.after in BACK_AT_ITS_DOCTOR
                yield Due("prescription_returned", back and self._is_doctor(line), back or escalated)
                yield Due("review_queue", 0, max(self._are["pharmacist"], self._are["management"]) if escalated else 0)
                yield Due("review_waiting", 0, line.enters and line.after == "countersigning")
            case "delivery" if line.enters and line.after in TASKS:
                yield Due("delivery_waiting", self._offices.is_anybody("pharmacist", line.at), self._are["pharmacist"])
            case "refund" if line.enters and line.after in OF_REFUND and line.visit_id in self._books.visits:
                yield Due(OF_REFUND[line.after])
            case _:
                pass

    def _of_visit(self, line: ours.Moved, visit: ours.Visit) -> Iterator[Due]:
        if line.enters and line.after in OF_VISIT and not (line.after in LEFT and line.before in NO_PLACE):
            not_accepted = line.after == "declined" and line.by is None
            yield Due("revisit_cancelled" if not_accepted else OF_VISIT[line.after])
        match line.name:
            case "queue.remind":
                before = visit.slot_starts_at is not None and line.at < visit.slot_starts_at
                yield Due("revisit_reminder", before and not visit.rearranged_at)
            case "queue.call_again":
                yield Due("revisit_called_again")
            case "queue.urge" if line is self._urged_first[line.process_id]:
                yield Due("clinic_waiting", self._is_doctor(line), bool(self._doctors))
            case "queue.urge":
                yield Due("clinic_waiting", self._offices.is_anybody("management", line.at), self._are["management"])
            case "booking.rearrange":
                yield Due("revisit_rearranged", 0)
            case _:
                pass

    def _is_doctor(self, line: ours.Moved) -> bool:
        """Whether the visit's doctor had an account then, for certain."""
        account_id = self._doctors.get(self._books.visits[line.visit_id].doctor_id or "")
        return account_id is not None and self._offices.was_there(account_id, line.at)

    def _once(self, line: ours.Moved) -> Iterator[Due]:
        match line.process, line.after:
            case "prescription", "choosing" if line.before == "pricing":
                yield Due("prescription_approved")
            case "prescription", "expired":
                yield Due("prescription_expired")
            case "prescription", "ready":
                yield Due("drugs_ready")
                yield Due("drugs_waiting", 0)
                yield Due("drugs_uncollected", 0, self._are["pharmacist"])
            case "delivery", _ if line.after in ON_ITS_WAY:
                # What was signed for before it was seen anywhere else is told by nobody: its patient has it; nor what bears no number.
                is_sent = line.enters and line.before not in ON_ITS_WAY and line.after != MAY_BE_BACK
                yield Due("delivery_sent", is_sent and bool(self._books.deliveries[line.process_id.hex].waybill))
                yield Due("delivery_failed", 0, line.after == MAY_BE_BACK)
            case "delivery", _ if line.after in NOT_HANDED_OVER:
                yield Due("delivery_failed")
            case _:
                pass

    @cached_property
    def _are(self) -> Mapping[str, int]:
        """How many have, or had, an office."""
        return {role: len(self._offices.ever(role)) for role in ("pharmacist", "management")}

    @cached_property
    def _urged_first(self) -> Mapping[UUID, ours.Moved]:
        """Who waits is told to the doctor, and from then on to the office."""
        return {line.process_id: line for line in reversed(self._books.ours.timeline) if line.name == "queue.urge"}
