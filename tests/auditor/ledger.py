"""The ledger: whether it is level in itself, fits our rows, and fits what the bank and the HIS have."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books, by, is_ours, yuan
from tests.auditor.finding import Finding, Kind

Sums = Mapping[str, int]

MOVES: dict[str, tuple[frozenset[str], str]] = {
    "charge.paid": (frozenset({"wechat_pay"}), "patient_due"),
    "charge.settled": (frozenset({"patient_due"}), "hospital_income"),
    "payment.unwanted": (frozenset({"wechat_pay"}), "suspense"),
    "refund.cleared": (frozenset({"hospital_income"}), "patient_due"),
    "refund.accepted": (frozenset({"refund_in_transit"}), "wechat_pay"),
    "refund.arrived": (frozenset({"patient_due", "suspense"}), "refund_in_transit"),
    "refund.closed": (frozenset({"wechat_pay"}), "refund_in_transit"),
    "refund.paid_out": (frozenset({"patient_due", "suspense"}), "hospital_bank"),
}
"""By cause: the account that it debits (one of these) and the one that it credits."""
OWNED = frozenset({"wechat_pay", "refund_in_transit"})
"""Never below zero. What is owed, earned, or has left the hospital's own bank is never above."""
ACCOUNTS = OWNED | {"patient_due", "hospital_income", "suspense", "hospital_bank"}


def check(books: Books) -> Iterator[Finding]:
    """All of it, account by account for each charge; sums of no charge are taken together."""
    yield from _entries(books)
    booked = _booked(books)
    rows, bank, his = _by_the_rows(books), _by_the_bank(books), _by_the_his(books)
    for charge_id in sorted({*booked, *rows, *bank, *his}, key=str):
        visit, about = books.visit_of_charge(charge_id), f"charge={charge_id}"
        sums = booked[charge_id]
        for account in sorted(ACCOUNTS):
            amount, told = sums.get(account, 0), f"{account} {yuan(sums.get(account, 0))}"
            if amount != (expected := rows[charge_id].get(account, 0)):
                yield Finding(kind=Kind.LEDGER_ROWS, about=about, ours=told, theirs=yuan(expected), visit=visit)
            if (amount < 0) if account in OWNED else (amount > 0):
                side = "never below zero" if account in OWNED else "never above zero"
                yield Finding(kind=Kind.LEDGER_SIGN, about=about, ours=told, theirs=side, visit=visit)
        for kind, account, outside in ((Kind.LEDGER_BANK, "wechat_pay", bank), (Kind.LEDGER_HIS, "hospital_income", his)):
            if sums.get(account, 0) != outside[charge_id].get(account, 0):
                said, told = yuan(sums.get(account, 0)), yuan(outside[charge_id].get(account, 0))
                yield Finding(kind=kind, about=about, ours=said, theirs=told, visit=visit)


def _entries(books: Books) -> Iterator[Finding]:
    legs = by(books.ours.legs, "entry_id")
    for entry in books.ours.entries:
        mine = legs.get(entry.id, [])
        about, visit = f"entry={entry.id} cause={entry.cause} charge={entry.charge_id}", books.visit_of_charge(entry.charge_id)
        said = ", ".join(f"{leg.account} {leg.amount_fen:+}" for leg in mine) or "no legs"
        if not mine or sum(leg.amount_fen for leg in mine):
            yield Finding(kind=Kind.LEDGER_UNBALANCED, about=about, ours=said, theirs="sums to zero", visit=visit)
        debits, credit = MOVES.get(entry.cause, (frozenset[str](), ""))
        debited, credited = {leg.account for leg in mine if leg.amount_fen > 0}, {leg.account for leg in mine if leg.amount_fen < 0}
        if len(mine) != 2 or not debited <= debits or credited != {credit}:
            told = f"from {credit} to {' or '.join(sorted(debits))}" if debits else "no cause that we know"
            yield Finding(kind=Kind.LEDGER_LEGS, about=about, ours=said, theirs=told, visit=visit)


def _booked(books: Books) -> Mapping[UUID | None, Sums]:
    """What stands on each account for each charge."""
    sums, entries = _none(), {one.id: one for one in books.ours.entries}
    for leg in books.ours.legs:
        sums[entries[leg.entry_id].charge_id][leg.account] += leg.amount_fen
    return sums


def _by_the_rows(books: Books) -> Mapping[UUID | None, Sums]:
    """What must stand there, by where each payment, charge and refund is."""
    sums = _none()
    for charge_id, debit, credit, amount_fen in _moves(books):
        sums[charge_id][debit] += amount_fen
        sums[charge_id][credit] -= amount_fen
    return sums


def _moves(books: Books) -> Iterator[tuple[UUID | None, str, str, int]]:
    """Charge, account debited, account credited, fen."""
    for payment in books.ours.payments:
        yield payment.charge_id, "wechat_pay", _owed(payment), payment.amount_fen
    for charge in books.ours.charges:
        if charge.state == "settled":
            yield charge.id, "patient_due", "hospital_income", charge.amount_fen
    for refund in books.ours.refunds:
        payment = books.payments[refund.payment_id]
        if books.was_cleared(refund):
            yield payment.charge_id, "hospital_income", "patient_due", refund.amount_fen
        if refund.accepted_at:
            yield payment.charge_id, "refund_in_transit", "wechat_pay", refund.amount_fen
        if refund.state == "arrived":
            yield payment.charge_id, _owed(payment), "refund_in_transit", refund.amount_fen
        if refund.state == "paid_out":
            yield payment.charge_id, _owed(payment), "hospital_bank", refund.amount_fen


def _owed(payment: ours.Payment) -> str:
    """Where a sum stands until it is settled or has gone back."""
    return "suspense" if payment.unwanted else "patient_due"


def _by_the_bank(books: Books) -> Mapping[UUID | None, Sums]:
    sums = _none()
    for paid in books.theirs.payments:
        sums[books.charge_of_order(paid.out_trade_no)]["wechat_pay"] += paid.total_fen
    for gone in books.theirs.refunds:
        sums[books.charge_of_order(gone.out_trade_no)]["wechat_pay"] -= gone.gone_fen
    return sums


def _by_the_his(books: Books) -> Mapping[UUID | None, Sums]:
    sums, charges = _none(), {one.id.hex: one.id for one in books.ours.charges}
    of_bill = {one.invoice_id: charges.get(one.payment_no) for one in books.theirs.settlements if is_ours(one.payment_no)}
    for settled in (one for one in books.theirs.settlements if is_ours(one.payment_no)):
        sums[of_bill[settled.invoice_id]]["hospital_income"] -= settled.amount_fen
    for undone in (one for one in books.theirs.reversals if one.invoice_id in of_bill):
        sums[of_bill[undone.invoice_id]]["hospital_income"] += undone.amount_fen
    return sums


def _none() -> defaultdict[UUID | None, defaultdict[str, int]]:
    return defaultdict(lambda: defaultdict(int))
