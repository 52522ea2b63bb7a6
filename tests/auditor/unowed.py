"""Messages that nobody owes: what was said of no move, or more often than it was made. The other side of `owed`, by the same rows.

Where the rows say to the message how often it was owed, that is also all that may be said. What is said by the rules' own times may be
said as often as the timeline has a reason for it.
"""

from collections.abc import Iterator, Mapping
from uuid import UUID

from tests.auditor import clinics, ours
from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import Offices
from tests.auditor.owed import BACK_AT_ITS_DOCTOR, NOT_HANDED_OVER, ON_ITS_WAY, TASKS, Owing, owing

CODES: Mapping[str, str] = {"sign_in_code": "patient", "staff_code": "staff"}
"""By template, whose sign-in a code is for."""
AS_OFTEN: Mapping[str, str] = {"queue.remind": "revisit_reminder", "booking.rearrange": "revisit_rearranged"}
"""Steps of a visit that say this, or nothing."""
OF_PARCEL: Mapping[str, frozenset[str]] = {"delivery_sent": ON_ITS_WAY, "delivery_failed": NOT_HANDED_OVER | {"out_for_delivery"}}
"""Said once of a parcel that has come to one of these states, or not at all."""


def check(books: Books) -> Iterator[Finding]:
    """All of it; what a person had sent again is no message of a move, and a stopped clinic's has its own look."""
    said = Owing((one.visit_id, one.template) for one in books.ours.messages if one.visit_id and one.resend_of is None)
    most = at_most(books)
    for (visit_id, template), times in sorted(said.items()):
        if template != clinics.TOLD and times > most[visit_id, template]:
            about, told = f"visit={visit_id} template={template}", f"{times} messages"
            yield Finding(kind=Kind.MESSAGE_UNOWED, about=about, ours=told, theirs=f"{most[visit_id, template]} owed", visit=visit_id)
    yield from _codes(books)


def _codes(books: Books) -> Iterator[Finding]:
    """One message for each code, and under its number; of no visit there is nothing else to say."""
    codes = {one.id: one for one in books.ours.left.codes}
    said = {one.id for one in books.ours.messages if one.template in CODES}
    for message in books.ours.messages:
        code, about = codes.get(message.id), f"message={message.id} template={message.template}"
        fits = code is not None and CODES.get(message.template) == code.purpose and message.visit_id is None
        if (message.visit_id is None or message.template in CODES) and not fits:
            told = f"a code for {code.purpose}" if code else "no code"
            yield Finding(kind=Kind.MESSAGE_UNOWED, about=about, ours=message.template, theirs=told, visit=message.visit_id)
    for code in codes.values():
        if code.id not in said:
            yield Finding(kind=Kind.MESSAGE_OWED, about=f"code={code.id} purpose={code.purpose}", ours="0 messages", theirs="1 owed")


def at_most(books: Books) -> Owing:
    """How often each may have been said."""
    are = {role: len(Offices(books).ever(role)) for role in ("pharmacist", "management")}
    doctors = int(any(one.account_id for one in books.ours.left.doctors))
    most, urged, once = Owing(), set[UUID](), Owing()
    for line in books.ours.timeline:
        match line.process:
            case "revisit" if line.name == "queue.urge":  # the doctor, and from then on the office
                most[line.visit_id, "clinic_waiting"] += are["management"] if line.process_id in urged else doctors
                urged.add(line.process_id)
            case "revisit" if line.name in AS_OFTEN:
                most[line.visit_id, AS_OFTEN[line.name]] += 1
            case "prescription":
                most.update({(line.visit_id, template): times for template, times in _of_prescription(line, are)})
                if line.after == "ready":
                    once |= {(line.process_id, "drugs_waiting"): 1, (line.process_id, "drugs_uncollected"): are["pharmacist"]}
            case "delivery":
                most[line.visit_id, "delivery_waiting"] += are["pharmacist"] * (line.after in TASKS)
                once |= {(line.process_id, template): 1 for template, states in OF_PARCEL.items() if line.after in states}
            case _:
                pass
    whose = {one.id: one.visit_id for one in (*books.ours.prescriptions, *books.ours.deliveries)}
    for (thing, template), times in once.items():
        most[whose[thing], template] += times
    return owing(books) | most


def _of_prescription(line: ours.Moved, are: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """What a step of it may say: to its doctor, who is one, and to offices, of so many people."""
    escalated = line.name == "review.escalate"
    yield "prescription_returned", int(escalated or line.after in BACK_AT_ITS_DOCTOR)
    yield "review_queue", max(are.values()) if escalated else 0
    yield "review_waiting", int(line.enters and line.after == "countersigning")
