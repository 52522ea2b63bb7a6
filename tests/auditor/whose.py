"""What belongs to whom inside our own rows: what names one another names one owner, and what says that it was done says what."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import CHARGE_ENDS, Books, by
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours import Ours
from tests.auditor.processes import OPENED, rows

Rows = Callable[[Ours], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Same:
    """A row that names another in the column `by` (the other's `id`) agrees with it: each pair is a column here and one there."""

    rows: Rows
    by: str
    there: Rows
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What stands in one of these states, or in any of them where none is named, has a value in the column."""

    rows: Rows
    states: frozenset[str]
    column: str


def _charges(payable: str) -> Rows:
    return lambda our: [one for one in our.charges if one.payable == payable]


def _of_doctors(our: Ours) -> Sequence[ours.Signature]:
    return [one for one in our.signatures if one.side == "doctor"]


SAME = (
    # A visit, its place, its money
    Same(
        lambda our: our.visits,
        "claim_id",
        lambda our: our.claims,
        (("id", "revisit_id"), ("slot_id", "slot_id"), ("schedule_id", "schedule_id")),
    ),
    Same(lambda our: our.claims, "revisit_id", lambda our: our.visits, (("patient_id", "patient_id"),)),
    Same(lambda our: our.visits, "charge_id", lambda our: our.charges, (("id", "payable_id"), ("id", "visit_id"))),
    Same(_charges("revisit"), "payable_id", lambda our: our.visits, (("visit_id", "id"), ("id", "charge_id"))),
    Same(_charges("prescription"), "payable_id", lambda our: our.prescriptions, (("visit_id", "visit_id"),)),
    Same(lambda our: our.charges, "paid_order_id", lambda our: our.orders, (("id", "charge_id"),)),
    Same(lambda our: our.payments, "charge_id", lambda our: our.charges, (("visit_id", "visit_id"),)),
    Same(lambda our: our.refunds, "payment_id", lambda our: our.payments, (("charge_id", "charge_id"),)),
    Same(lambda our: our.ebills, "charge_id", lambda our: our.charges, (("visit_id", "visit_id"),)),
    # What was prescribed, signed, sent
    Same(lambda our: our.prescriptions, "charge_id", lambda our: our.charges, (("id", "payable_id"), ("visit_id", "visit_id"))),
    Same(lambda our: our.prescriptions, "content_id", lambda our: our.contents, (("id", "prescription_id"),)),
    Same(
        lambda our: our.prescriptions,
        "delivery_id",
        lambda our: our.deliveries,
        (("id", "prescription_id"), ("address_id", "address_id")),
    ),
    Same(lambda our: our.prescriptions, "note_id", lambda our: our.left.remarks, (("id", "prescription_id"),)),
    Same(lambda our: our.contents, "prescription_id", lambda our: our.prescriptions, (("account_id", "account_id"),)),
    Same(lambda our: our.deliveries, "prescription_id", lambda our: our.prescriptions, (("visit_id", "visit_id"),)),
    Same(lambda our: our.signatures, "content_id", lambda our: our.contents, (("prescription_id", "prescription_id"),)),
    Same(_of_doctors, "prescription_id", lambda our: our.prescriptions, (("account_id", "account_id"),)),
    Same(_of_doctors, "record_id", lambda our: our.records, (("account_id", "account_id"),)),
    # What was said
    Same(lambda our: our.visits, "note_id", lambda our: our.left.notes, (("id", "revisit_id"),)),
    Same(
        lambda our: our.left.surveys,
        "revisit_id",
        lambda our: our.visits,
        (("doctor_id", "doctor_id"), ("department_id", "department_id")),
    ),
)
SAID = (
    Said(lambda our: our.refunds, frozenset({"paid_out"}), "voucher"),
    Said(lambda our: our.refunds, frozenset({"arrived", "paid_out"}), "arrived_at"),
    Said(lambda our: our.ebills, frozenset({"issued"}), "file"),
)
FILES = ("file", "red_file")
"""Of an e-bill: each is named by the bill's own id."""
OUTCOMES = ("done", "noted", "late", "unwanted", "unpaid", "refused:")
"""How what came was acted on."""
REARRANGED = "revisit_rearranged"
CHECKED, PASSED_OVER = "eligibility.check", "queue.pass_over"
REPORTED = "reported"
"""Of money: whose charge has ended is looked after by no step."""


def check(books: Books) -> Iterator[Finding]:
    """All of it, rule by rule."""
    for rule in SAME:
        yield from _same(books, rule)
    for rule in SAID:
        yield from _said(books, rule)
    yield from _of_processes(books)
    yield from _of_patients(books)
    yield from _of_money(books)
    yield from _of_ebills(books)
    yield from _of_drugs(books)
    yield from _of_addresses(books)
    yield from _of_suspensions(books)
    yield from _of_the_inbox(books)


def _same(books: Books, rule: Same) -> Iterator[Finding]:
    there = {one.id: one for one in rule.there(books.ours)}
    for row in rule.rows(books.ours):
        other = there.get(getattr(row, rule.by))
        if other is None:
            continue
        for mine, its in rule.pairs:
            said, told = getattr(row, mine), getattr(other, its)
            if said != told:
                about = f"{rule.by}={getattr(row, rule.by)}"
                yield _finding(books, row, about, f"{mine} {said}", f"{other.TABLE}.{its} {told}")


def _said(books: Books, rule: Said) -> Iterator[Finding]:
    for row in rule.rows(books.ours):
        if row.state in rule.states and getattr(row, rule.column) is None:
            yield _finding(books, row, f"{rule.column}=None", row.state, f"a {rule.column}")


def _of_processes(books: Books) -> Iterator[Finding]:
    """Each has the visit that every line of its timeline has, and the account that opened it."""
    lines: dict[object, list[ours.Moved]] = by(books.ours.timeline, "process_id")
    for process, row in rows(books):
        visit = row.id if process in {"revisit", "suspension"} else getattr(row, "visit_id", None)
        for line in lines.get(row.id, []):
            if line.visit_id != visit:
                yield _finding(books, row, f"line={line.name}@{line.version}", f"visit {visit}", f"visit {line.visit_id}")
            account = getattr(row, "account_id", None)
            if process in OPENED and line.version == 0 and line.before == "" and line.by != account:
                yield _finding(books, row, f"line={line.name}@0", f"account {account}", f"account {line.by}")


def _of_patients(books: Books) -> Iterator[Finding]:
    """Who agreed for a visit may act for its patient, if who opened it may; and its card that the HIS told when it was asked is kept."""
    may = {(one.account_id, one.patient_id) for one in books.ours.left.bindings}
    cards = {one.id: one.cards for one in books.ours.left.patients}
    checked = {one.process_id for one in books.ours.timeline if one.name == CHECKED and one.after != "refused"}
    for visit in books.ours.visits:
        kept = cards[visit.patient_id]
        if (visit.id in checked or kept) and visit.his_patient_id and visit.his_patient_id not in kept:
            yield _finding(books, visit, f"patient={visit.patient_id}", "a card at the HIS", "none of the patient's")
    for consent in books.ours.left.consents:
        visit = books.visits[consent.revisit_id]
        patient = visit.patient_id
        if (visit.account_id, patient) in may and (consent.account_id, patient) not in may:
            yield _finding(books, consent, f"account={consent.account_id}", f"patient {patient}", "no binding")


def _of_money(books: Books) -> Iterator[Finding]:
    """A refund has its payment's visit, or is its own where none is known; of an ended charge one order was paid, or none."""
    payments = books.payments
    for refund in books.ours.refunds:
        visit = payments[refund.payment_id].visit_id or refund.id
        if refund.visit_id != visit:
            yield _finding(books, refund, f"payment={refund.payment_id}", f"visit {refund.visit_id}", f"visit {visit}")
    for order in books.ours.orders:
        charge = books.charges[order.charge_id]
        due = "paid" if charge.paid_order_id == order.id else "closed"
        known = charge.state == "closed" or (charge.state in CHARGE_ENDS and charge.paid_order_id is not None)
        if known and order.state != due:
            yield _finding(books, order, f"charge={charge.id}", order.state, f"{charge.state}: {due}", charge.visit_id)
    for payment in books.ours.payments:
        if payment.charge_id is None and payment.visit_id is not None:
            yield _finding(books, payment, f"visit={payment.visit_id}", "no charge", "a visit")
    settled = {one.visit_id for one in books.ours.charges if one.payable == "revisit"}
    bills = {one.id: one.invoice_id for one in books.ours.claims}
    for visit in books.ours.visits:
        charge = books.charges.get(visit.charge_id) if visit.charge_id else None
        bill = bills.get(visit.claim_id) if visit.claim_id else None
        if visit.id in settled and charge and charge.invoice_id != bill:
            yield _finding(books, visit, f"charge={charge.id}", f"bill {charge.invoice_id}", f"bill {bill} of its place")


def _of_ebills(books: Books) -> Iterator[Finding]:
    """A file lies in its bill's own folder, and says what that of no other bill does: it is named by its content, and that has a number."""
    named = [(bill, column, name) for bill in books.ours.ebills for column in FILES if (name := getattr(bill, column)) is not None]
    times = Counter(Path(name).stem for _, _, name in named)
    for bill, column, name in named:
        if str(bill.id) not in name.split("/"):
            yield _finding(books, bill, column, f"file {name}", "a file of its own")
        elif times[Path(name).stem] > 1:
            yield _finding(books, bill, column, f"file {name}", "that of another bill too")


def _of_drugs(books: Books) -> Iterator[Finding]:
    """Nobody reviews what they prescribe; who signed as its pharmacist is who held it; what the carrier took has its waybill."""
    signed: dict[UUID | None, set[UUID]] = defaultdict(set)
    for one in books.ours.signatures:
        if one.side == "pharmacist" and one.signature is not None:
            signed[one.content_id].add(one.account_id)
    for prescription in books.ours.prescriptions:
        pharmacist, signers = prescription.pharmacist_id, signed[prescription.content_id]
        if pharmacist == prescription.account_id:
            yield _finding(books, prescription, f"pharmacist={pharmacist}", "its pharmacist", "its doctor")
        elif signers and pharmacist not in signers:
            told = " ".join(str(one) for one in sorted(signers))
            yield _finding(books, prescription, f"pharmacist={pharmacist}", "its pharmacist", f"signed by {told}")
    taken = {one.process_id for one in books.ours.timeline if one.process == "delivery" and one.after == "created"}
    for delivery in books.ours.deliveries:
        if delivery.id in taken and delivery.waybill is None:
            yield _finding(books, delivery, "waybill=None", delivery.state, "taken by the carrier")


def _of_addresses(books: Books) -> Iterator[Finding]:
    """Given by who may act for the patient; where it is sent again, one that staff gave will do."""
    may = {(one.account_id, one.patient_id) for one in books.ours.left.bindings}
    owners = {one.id: one.account_id for one in books.ours.left.addresses}
    staff = {one.id for one in books.ours.accounts if one.kind == "staff"}
    named = [(one, one.address_id, False) for one in books.ours.prescriptions if one.address_id]
    named += [(one, one.address_id, one.attempt > 0) for one in books.ours.deliveries]
    for row, address_id, again in named:
        owner, visit = owners.get(address_id), books.visits.get(row.visit_id)
        if owner is None or visit is None or owner == visit.account_id or (again and owner in staff):
            continue
        if (owner, visit.patient_id) not in may:
            yield _finding(books, row, f"address={address_id}", f"account {visit.account_id}", f"account {owner}")


def _of_suspensions(books: Books) -> Iterator[Finding]:
    """Whom a stop or a change of one clinic met had a place there; who was told of another time or doctor was met, and is marked so."""
    places = {(one.revisit_id, one.schedule_id) for one in books.ours.claims}
    units = {one.id: one.schedule_id for one in books.ours.suspensions}
    for one in books.ours.stopped:
        unit = units[one.suspension_id]
        if unit is not None and (one.revisit_id, unit) not in places:
            about = f"suspension={one.suspension_id}"
            yield _finding(books, books.visits[one.revisit_id], about, "no place there", f"met, {one.outcome}, in {unit}")
    told = {one.visit_id for one in books.ours.messages if one.template == REARRANGED and one.resend_of is None}
    met = {one.revisit_id for one in books.ours.stopped}
    met |= {one.process_id for one in books.ours.timeline if one.name == PASSED_OVER}  # looks at its clinic itself
    for visit in books.ours.visits:
        if (visit.id in told) != (visit.rearranged_at is not None):
            said = "no other time" if visit.rearranged_at is None else "another time"
            yield _finding(books, visit, "rearranged_at", said, "told" if visit.id in told else "not told")
        elif visit.id in told and visit.id not in met:
            yield _finding(books, visit, "suspension=None", "another time", "met by nothing")


def _of_the_inbox(books: Books) -> Iterator[Finding]:
    """What came is for a process that is there, under its name; it was acted on in some way exactly when it was handled; and what a
    process acted on by a step stands in its timeline."""
    there = {(process, row.id) for process, row in rows(books)}
    steps = {(one.process_id, one.step) for one in books.ours.timeline}
    for one in books.ours.inbox:
        if one.process_id is not None and (one.process, one.process_id) not in there:
            yield _finding(books, one, f"process={one.process}", f"process_id {one.process_id}", f"no such {one.process}")
        handled = one.outcome is not None and one.outcome.startswith(OUTCOMES)
        if handled != (one.handled_at is not None):
            yield _finding(books, one, f"kind={one.kind}", f"outcome {one.outcome}", "handled" if one.handled_at else "not handled")
        elif one.outcome == "done" and one.kind != REPORTED and (one.process_id, str(one.id)) not in steps:
            yield _finding(books, one, f"kind={one.kind} process_id={one.process_id}", "done", "no such step")


def _finding(books: Books, row: Any, about: str, ours_: str, theirs: str, visit: UUID | None = None) -> Finding:
    """Of the row, and of its visit where that is one."""
    named = (visit, getattr(row, "visit_id", None), getattr(row, "revisit_id", None), getattr(row, "id", None))
    whose = next((one for one in named if one in books.visits), None)
    return Finding(kind=Kind.ROW_WHOSE, about=f"{row.TABLE}={row.id} {about}", ours=ours_, theirs=theirs, visit=whose)
