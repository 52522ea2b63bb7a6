"""What went back: our refunds and the bank's, and what a payment says of them."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import REFUND_ENDS, Books, by, yuan
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import AROUND

ABSENT = "no such refund"
AT_THE_BANK: dict[str, frozenset[str]] = {
    "requested": frozenset({ABSENT}),
    "cleared": frozenset({ABSENT}),
    "accepted": frozenset({"PROCESSING"}),
    "arrived": frozenset({"SUCCESS"}),
    "stuck": frozenset({ABSENT, "PROCESSING", "ABNORMAL", "CLOSED"}),
    "paid_out": frozenset({ABSENT, "CLOSED"}),
    "withdrawn": frozenset({ABSENT, "CLOSED"}),
}
"""What the bank may say of a refund under its present number, by our state of it."""
AGAIN = frozenset({"management"})
"""Causes that may give back of one payment more than once."""
UNWANTED = frozenset({"late", "second", "other_amount", "unknown_order"})
"""Causes of money that no charge wanted: what it was unwanted for, its payment says."""
OF_VISIT: dict[str, frozenset[str]] = {
    "cancelled": frozenset({"patient"}),
    "declined": frozenset({"declined", "not_accepted"}),
    "absent": frozenset({"absent"}),
    "suspended": frozenset({"suspended"}),
}
"""Why the fee of a visit goes back, by its end: for the reason for which it was left. What took place is paid."""
A_STEP = timedelta(seconds=30)
"""A step says when it was taken up, and reserves at its end. The management's refunds say when they were asked for, and reserve at once."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    yield from _at_the_bank(books)
    yield from _unknown(books)
    yield from _twice(books)
    yield from _unwanted(books)
    yield from _left(books)
    yield from _of_visits(books)
    yield from _on_the_payment(books)


def _at_the_bank(books: Books) -> Iterator[Finding]:
    for refund in books.ours.refunds:
        there, visit = books.bank_refunds.get(refund.number), books.visit_of_refund(refund)
        about = f"refund={refund.id} number={refund.number}"
        status = there.status if there else ABSENT
        if status not in AT_THE_BANK[refund.state]:
            yield Finding(kind=Kind.REFUND_STATE, about=about, ours=refund.state, theirs=status, visit=visit)
        if there is None:
            continue
        transaction_id = books.payments[refund.payment_id].transaction_id
        if (there.refund_fen, there.transaction_id) != (refund.amount_fen, transaction_id):
            said = f"{yuan(refund.amount_fen)} of {transaction_id}"
            told = f"{yuan(there.refund_fen)} of {there.transaction_id}"
            yield Finding(kind=Kind.REFUND_DIFFERS, about=about, ours=said, theirs=told, visit=visit)


def _unknown(books: Books) -> Iterator[Finding]:
    """A number that the channel closed is ours no more: of those there are as many as a refund has had attempts before its present one."""
    before = Counter[str]()
    for refund in books.ours.refunds:
        before[books.payments[refund.payment_id].transaction_id] += refund.attempt
    for there in books.theirs.refunds:
        if there.out_refund_no in books.refunds:
            continue
        if there.status == "CLOSED" and before[there.transaction_id] > 0:
            before[there.transaction_id] -= 1
            continue
        about = f"number={there.out_refund_no} transaction={there.transaction_id} order={there.out_trade_no}"
        told = f"{there.status}, {yuan(there.refund_fen)}"
        visit = books.visit_of_order(there.out_trade_no)
        yield Finding(kind=Kind.REFUND_UNKNOWN, about=about, ours="no such number", theirs=told, visit=visit)


def _twice(books: Books) -> Iterator[Finding]:
    standing = by((one for one in books.ours.refunds if one.state != "withdrawn"), "payment_id")
    for payment in books.ours.payments:
        mine: list[ours.Refund] = standing.get(payment.id, [])
        causes = Counter(one.cause for one in mine if one.cause not in AGAIN)
        total = sum(one.amount_fen for one in mine)
        if total > payment.amount_fen or any(times > 1 for times in causes.values()):
            said = ", ".join(f"{one.cause} {one.state} {yuan(one.amount_fen)}" for one in mine)
            about = f"payment={payment.id} transaction={payment.transaction_id}"
            visit = books.visit_of_charge(payment.charge_id)
            yield Finding(kind=Kind.REFUND_TWICE, about=about, ours=said, theirs=f"{yuan(payment.amount_fen)} paid", visit=visit)


def _unwanted(books: Books) -> Iterator[Finding]:
    """It goes back as it came, whole and for that cause, from the moment in which it is kept; and of no other payment."""
    of_it = by((one for one in books.ours.refunds if one.cause in UNWANTED), "payment_id")
    for payment in books.ours.payments:
        mine: list[ours.Refund] = of_it.get(payment.id, [])
        wanted = {(payment.unwanted, payment.amount_fen)} if payment.unwanted else set[tuple[str, int]]()
        if {(one.cause, one.amount_fen) for one in mine} != wanted:
            said = ", ".join(f"{one.cause} {yuan(one.amount_fen)}" for one in mine) or "nothing goes back"
            told = f"{yuan(payment.amount_fen)}, unwanted: {payment.unwanted}" if payment.unwanted else "wanted"
            about = f"payment={payment.id} transaction={payment.transaction_id}"
            visit = books.visit_of_charge(payment.charge_id)
            yield Finding(kind=Kind.REFUND_CAUSE, about=about, ours=said, theirs=told, visit=visit)


def _of_visits(books: Books) -> Iterator[Finding]:
    """A visit's own fee goes back because the HIS did not take it, or as the visit was left."""
    for refund in books.ours.refunds:
        charge = books.charges.get(refund.charge_id) if refund.charge_id else None
        if charge is None or charge.payable != "revisit" or refund.cause in UNWANTED | AGAIN:
            continue
        visit = books.visits[charge.visit_id]
        is_fit = refund.cause in OF_VISIT.get(visit.state, ()) and visit.reason in {refund.cause, None}
        if not (refund.cause == "unsettled" if charge.state == "unsettled" else is_fit):
            about, told = f"refund={refund.id} charge={charge.id}", f"{charge.state}, {visit.state}: {visit.reason or 'no reason'}"
            yield Finding(kind=Kind.REFUND_CAUSE, about=about, ours=refund.cause, theirs=told, visit=visit.id)


def _left(books: Books) -> Iterator[Finding]:
    """Where nobody said a sum, all goes back that others do not give back. What is withdrawn by now may have been reserved then."""
    said = set(_of_a_sum(books))
    of_it = by(books.ours.refunds, "payment_id")
    for refund in books.ours.refunds:
        if refund.cause in UNWANTED or refund.id in said:
            continue
        paid_fen, asked_at, kept_at = books.payments[refund.payment_id].amount_fen, refund.created_at - AROUND, _reserved_by(refund)
        others: list[ours.Refund] = [one for one in of_it[refund.payment_id] if one is not refund]
        most = paid_fen - sum(one.amount_fen for one in others if one.state != "withdrawn" and _reserved_by(one) < asked_at)
        least = paid_fen - sum(one.amount_fen for one in others if one.created_at <= kept_at)
        if not least <= refund.amount_fen <= most:
            told = f"{yuan(least)} were left" if least == most else f"{yuan(least)} to {yuan(most)} were left"
            about, visit = f"refund={refund.id} cause={refund.cause}", books.visit_of_refund(refund)
            yield Finding(kind=Kind.REFUND_LEFT, about=about, ours=yuan(refund.amount_fen), theirs=told, visit=visit)


def _of_a_sum(books: Books) -> Iterator[UUID]:
    """Refunds for which a person said a sum, or whose person is not known: both are looked at in the audit."""
    told = {one.subject_id: json.loads(one.detail).get("amount_fen") for one in books.ours.left.audits if one.action == "refund:begin"}
    for refund in books.ours.refunds:
        if refund.cause == "management" and (refund.id not in told or told[refund.id] is not None):
            yield refund.id


def _reserved_by(refund: ours.Refund) -> datetime:
    """At the latest."""
    return refund.created_at + (AROUND if refund.cause == "management" else A_STEP)


def _on_the_payment(books: Books) -> Iterator[Finding]:
    of_it = by(books.ours.refunds, "payment_id")
    for payment in books.ours.payments:
        mine: list[ours.Refund] = of_it.get(payment.id, [])
        about = f"payment={payment.id} transaction={payment.transaction_id}"
        visit = books.visit_of_charge(payment.charge_id)
        under_way = sum(one.amount_fen for one in mine if one.state not in REFUND_ENDS)
        if payment.reserved_fen != under_way:
            said, told = yuan(payment.reserved_fen), f"{yuan(under_way)} in refunds under way"
            yield Finding(kind=Kind.PAYMENT_RESERVED, about=about, ours=said, theirs=told, visit=visit)
        back = sum(one.amount_fen for one in mine if one.state in {"arrived", "paid_out"})
        if payment.refunded_fen != back:
            said, told = yuan(payment.refunded_fen), f"{yuan(back)} in refunds that arrived or were paid out"
            yield Finding(kind=Kind.PAYMENT_REFUNDED, about=about, ours=said, theirs=told, visit=visit)
