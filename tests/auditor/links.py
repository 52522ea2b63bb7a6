"""What names what, looked at before anything else: a row that another one names is there, and in a state that there is.

Where one is not, the sums of the others mean nothing, and only this is told.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.auditor.books import CHARGE_ENDS, EBILL_ENDS, RECORD_ENDS, SUSPENSION_ENDS, VISIT_ENDS, Books
from tests.auditor.drugs import AT_THE_HIS
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours import Ours
from tests.auditor.parcels import AT_THE_CARRIER
from tests.auditor.processes import rows
from tests.auditor.refunds import AT_THE_BANK

STATES: Mapping[str, frozenset[str]] = {
    "revisit": VISIT_ENDS
    | {"checking", "completing", "consenting", "choosing", "describing", "paying", "closing", "booked", "waiting", "consulting", "ended"},
    "charge": CHARGE_ENDS | {"open", "paid"},
    "refund": frozenset(AT_THE_BANK),
    "prescription": frozenset(AT_THE_HIS),
    "record": RECORD_ENDS | {"signing", "filing", "stuck"},
    "delivery": frozenset(AT_THE_CARRIER),
    "invoice": EBILL_ENDS | {"issuing", "reversing", "fetching", "refused"},
    "suspension": SUSPENSION_ENDS | {"looking", "clearing"},
}
"""All that a process may stand in."""
OF_A_WAY: Mapping[tuple[str, str], tuple[str, str]] = {
    ("revisit", "describing"): ("claim_id", "booking"),
    ("revisit", "paying"): ("charge_id", "charge"),
    ("prescription", "paying"): ("charge_id", "charge"),
}
"""By process and the state that it came to: what it has named since."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    yield from {one.about: one for one in (*_dangling(books), *_of_the_timeline(books))}.values()
    for process, row in rows(books):
        if row.state not in STATES[process]:
            about = f"{process}={row.id}"
            yield Finding(kind=Kind.ROW_STRANGE, about=about, ours=row.state, theirs="a state of it", visit=_visit(books, row))


def _dangling(books: Books) -> Iterator[Finding]:
    for rows_, column, table, there in _references(books.ours):
        for row in rows_:
            named = getattr(row, column)
            if named is None or named in there:
                continue
            of = f"{row.TABLE}={row.id}" if hasattr(row, "id") else row.TABLE
            yield _missing(books, f"{of} {column}={named}", f"a {table}", f"no such {table}", row)


def _references(our: Ours) -> Iterator[tuple[Sequence[Any], str, str, Collection[object]]]:
    """Rows, the column in which they name a row, its table, and the rows that there are."""
    left = our.left
    visits, charges, accounts, slots = _ids(our.visits), _ids(our.charges), _ids(our.accounts), _ids(our.slots)
    prescriptions, records, contents = _ids(our.prescriptions), _ids(our.records), _ids(our.contents)
    patients, addresses, deliveries = _ids(left.patients), _ids(left.addresses), _ids(our.deliveries)
    of_visits: Sequence[Sequence[Any]] = (our.claims, our.stopped, left.consents, left.intakes, left.files, left.chats, left.records)
    for rows_ in (*of_visits, left.surveys):
        yield rows_, "revisit_id", "revisit", visits
    moved: Sequence[Sequence[Any]] = (our.charges, our.payments, our.messages, our.ebills, our.prescriptions, our.records, our.deliveries)
    for rows_ in moved:
        yield rows_, "visit_id", "revisit", visits
    yield our.refunds, "visit_id", "revisit", visits | _ids(our.refunds)
    signed: Sequence[Sequence[Any]] = (our.signatures, our.prescriptions, left.bindings, left.files, left.records, left.sessions)
    for rows_ in (*signed, left.grants, left.doctors, left.addresses, our.visits):
        yield rows_, "account_id", "account", accounts
    paid: Sequence[Sequence[Any]] = (our.orders, our.payments, our.refunds, our.entries, our.ebills, our.visits, our.prescriptions)
    for rows_ in paid:
        yield rows_, "charge_id", "charge", charges
    patient: Sequence[Sequence[Any]] = (our.visits, left.bindings, left.supplements, left.pasts)
    for rows_ in patient:
        yield rows_, "patient_id", "patient", patients
    for payable, there in (("revisit", visits), ("prescription", prescriptions)):
        yield [one for one in our.charges if one.payable == payable], "payable_id", payable, there
    yield our.charges, "paid_order_id", "charge_order", _ids(our.orders)
    yield our.refunds, "payment_id", "payment", _ids(our.payments)
    yield our.legs, "entry_id", "ledger_entry", _ids(our.entries)
    yield our.visits, "claim_id", "booking", _ids(our.claims)
    yield our.claims, "slot_id", "slot", slots
    yield our.stopped, "suspension_id", "suspension", _ids(our.suspensions)
    hanging: Sequence[Sequence[Any]] = (our.contents, our.signatures, our.deliveries)
    for rows_ in hanging:
        yield rows_, "prescription_id", "prescription", prescriptions
    yield our.signatures, "record_id", "record_signing", records
    yield our.signatures, "content_id", "prescription_content", contents
    parcelled: Sequence[Sequence[Any]] = (our.deliveries, our.prescriptions)
    for rows_ in parcelled:
        yield rows_, "address_id", "delivery_address", addresses
    yield our.prescriptions, "delivery_id", "delivery", deliveries
    yield left.tracks, "delivery_id", "delivery", deliveries


def _of_the_timeline(books: Books) -> Iterator[Finding]:
    """A process that moved is there, and names what it has moved by."""
    there = {(process, row.id): row for process, row in rows(books)}
    for line in books.ours.timeline:
        row, about = there.get((line.process, line.process_id)), f"{line.process}={line.process_id}"
        if row is None:
            yield _missing(books, about, f"{line.name} in its timeline", "no such row", line)
            continue
        if line.visit_id not in books.visits and line.visit_id != line.process_id:
            yield _missing(books, f"{about} visit={line.visit_id}", f"{line.name} in its timeline", "no such revisit", line)
        column, table = OF_A_WAY.get((line.process, line.after), ("", "")) if line.enters else ("", "")
        if column and getattr(row, column) is None:
            yield _missing(books, f"{about} {column}=None", f"{line.before} > {line.after}", f"no {table} is named", line)


def _missing(books: Books, about: str, ours: str, theirs: str, row: object) -> Finding:
    return Finding(kind=Kind.ROW_MISSING, about=about, ours=ours, theirs=theirs, visit=_visit(books, row))


def _visit(books: Books, row: object) -> UUID | None:
    """Whose a row is, where its visit is there; a visit's own id is one."""
    named = (getattr(row, column, None) for column in ("visit_id", "revisit_id", "id"))
    return next((one for one in named if one in books.visits), None)


def _ids(found: Sequence[Any]) -> set[object]:
    return {one.id for one in found}
