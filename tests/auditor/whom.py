"""To whom a message goes: its patient's account, its doctor, or who has the office that it is for. Phones are compared and never told.

That the carrier brought it to the phone that is sealed in it is looked at elsewhere.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books
from tests.auditor.codes import CODES
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import Offices

OFFICES: Mapping[str, frozenset[str]] = {
    "clinic_waiting": frozenset({"management"}),
    "review_waiting": frozenset({"pharmacist"}),
    "review_queue": frozenset({"pharmacist", "management"}),
    "drugs_uncollected": frozenset({"pharmacist"}),
    "delivery_waiting": frozenset({"pharmacist"}),
    "prescription_returned": frozenset(),
}
"""Templates for staff, and the roles of whom they are for; all others are for the account that opened the visit."""
DOCTORS = frozenset({"clinic_waiting", "prescription_returned"})
"""Templates that are for the visit's doctor, too."""


def check(books: Books) -> Iterator[Finding]:
    """Without a key nothing is looked at."""
    if not books.seal.has_keys:
        return
    people = _People(books)
    for message in books.ours.messages:
        is_for = people.of_code(message) if message.template in CODES else people.of_visit(message)
        if is_for is None or any(people.offices.was_another(one, message.created_at) for one in is_for):
            continue
        if books.opened("message", message.id, "phone") not in [[people.phones[one]] for one in is_for]:
            about = f"message={message.id} template={message.template}"
            yield Finding(kind=Kind.MESSAGE_WHOM, about=about, ours="one phone", theirs="another phone", visit=message.visit_id)


class _People:
    """Whose phone may be a message's; None where no row says."""

    def __init__(self, books: Books) -> None:
        self._books, self._left, self.offices = books, books.ours.left, Offices(books)
        self._codes = {one.id: one for one in self._left.codes}

    @cached_property
    def phones(self) -> Mapping[UUID, str]:
        """By account."""
        return {one.id: phone for one in self._books.ours.accounts for phone in self._books.opened("account", one.id, "phone") or ()}

    def of_visit(self, message: ours.Message) -> set[UUID] | None:
        visit = self._books.visits.get(message.visit_id) if message.visit_id else None
        if visit is None:
            return None
        if message.template not in OFFICES:
            return {visit.account_id}
        is_for = {one for role in OFFICES[message.template] for one in self.offices.ever(role)}
        return is_for | (self._doctors(visit) if message.template in DOCTORS else set())

    def _doctors(self, visit: ours.Visit) -> set[UUID]:
        """Its doctor; where its clinic was another's once, any."""
        found = [one for one in self._left.doctors if one.id == visit.doctor_id or visit.rearranged_at]
        return {one.account_id for one in found if one.account_id}

    def of_code(self, message: ours.Message) -> set[UUID] | None:
        """The account that the code is for; before there is one, nobody else's."""
        code = self._codes.get(message.id)
        if code is None:
            return None
        if code.account_id:
            return {code.account_id}
        same = {one.id for one in self._books.ours.accounts if one.phone_bidx == code.phone_bidx}
        if same or self._books.opened("message", message.id, "phone") not in [[one] for one in self.phones.values()]:
            return same or None
        return set()
