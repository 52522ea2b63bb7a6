"""What people paid: our payments and the bank's, and whether what stays is what is due."""

from collections.abc import Iterator

from tests.auditor import ours, theirs
from tests.auditor.books import CHARGE_ENDS, REFUND_ENDS, VISIT_ENDS, Books, Case, by, yuan
from tests.auditor.finding import Finding, Kind

GOING = frozenset({"booked", "waiting", "consulting", "ended", "closed"})
"""States of a visit whose fee is the hospital's."""
CAME = frozenset({"paid", "settled", "unsettled"})
"""States of a charge whose money came."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    yield from _at_the_bank(books)
    yield from _not_at_the_bank(books)
    yield from _orders(books)
    yield from _unknown_orders(books)
    yield from _charges(books)
    for case in books.cases:
        yield from _twice(books, case)
        yield from _kept(books, case)
    yield from _drugs(books)


def _at_the_bank(books: Books) -> Iterator[Finding]:
    for paid in books.theirs.payments:
        about = f"transaction={paid.transaction_id} order={paid.out_trade_no}"
        mine, visit = books.by_transaction.get(paid.transaction_id), books.visit_of_order(paid.out_trade_no)
        if mine is None:
            known = "an order of ours" if paid.out_trade_no in books.orders else "no such order"
            yield Finding(kind=Kind.MONEY_UNKNOWN, about=about, ours=known, theirs=yuan(paid.total_fen), visit=visit)
            continue
        said = (mine.amount_fen, mine.order_no)
        if said != (paid.total_fen, paid.out_trade_no):
            told = f"{yuan(mine.amount_fen)} on order {mine.order_no}"
            there = f"{yuan(paid.total_fen)} on order {paid.out_trade_no}"
            yield Finding(kind=Kind.MONEY_DIFFERS, about=about, ours=told, theirs=there, visit=visit)


def _not_at_the_bank(books: Books) -> Iterator[Finding]:
    for mine in books.ours.payments:
        if mine.transaction_id not in books.bank_payments:
            about = f"transaction={mine.transaction_id} order={mine.order_no}"
            visit = books.visit_of_charge(mine.charge_id)
            yield Finding(kind=Kind.MONEY_NOT_AT_BANK, about=about, ours=yuan(mine.amount_fen), theirs="nothing", visit=visit)


def _orders(books: Books) -> Iterator[Finding]:
    for order in books.ours.orders:
        there = books.bank_orders.get(order.id.hex)
        charge = books.charges[order.charge_id]
        about = f"order={order.id.hex} charge={charge.id}"
        if there is None:
            if order.state in {"open", "paid"}:
                yield Finding(kind=Kind.ORDER_DIFFERS, about=about, ours=order.state, theirs="no such order", visit=charge.visit_id)
            continue
        if there.total_fen != order.amount_fen or (order.state == "paid" and there.state != "SUCCESS"):
            said, told = f"{order.state}, {yuan(order.amount_fen)}", f"{there.state}, {yuan(there.total_fen)}"
            yield Finding(kind=Kind.ORDER_DIFFERS, about=about, ours=said, theirs=told, visit=charge.visit_id)
        if there.state == "NOTPAY" and (order.state == "closed" or charge.state in CHARGE_ENDS):
            said = f"order {order.state}, charge {charge.state}"
            yield Finding(kind=Kind.ORDER_STILL_PAYABLE, about=about, ours=said, theirs=there.state, visit=charge.visit_id)


def _unknown_orders(books: Books) -> Iterator[Finding]:
    """Payable at the bank and not known here; paid by money of a charge and not its order; asked for, and none is there.

    Money on an order that nobody here knows is no charge's, and what the bank has closed brings nothing any more.
    """
    for there in books.theirs.orders:
        if there.state == "NOTPAY" and there.out_trade_no not in books.orders:
            about, told = f"order={there.out_trade_no}", f"{there.state}, {yuan(there.total_fen)}"
            yield Finding(kind=Kind.ORDER_UNKNOWN, about=about, ours="no such order", theirs=told)
    for payment in books.ours.payments:
        order = books.orders.get(payment.order_no)
        if payment.charge_id and (order is None or order.charge_id != payment.charge_id):
            about = f"order={payment.order_no} charge={payment.charge_id} payment={payment.id}"
            said = f"order of charge {order.charge_id}" if order else "no such order"
            visit = books.visit_of_charge(payment.charge_id)
            yield Finding(kind=Kind.ORDER_UNKNOWN, about=about, ours=said, theirs="paid", visit=visit)
    ordered = {one.charge_id for one in books.ours.orders}
    asked = {one.process_id: one for one in books.ours.timeline if one.name == "charge.order" and one.version > 0}
    for charge_id, line in asked.items():
        if charge_id not in ordered:
            about = f"charge={charge_id} step={line.step}"
            yield Finding(kind=Kind.ORDER_UNKNOWN, about=about, ours="no order", theirs="asked for", visit=line.visit_id)


def _charges(books: Books) -> Iterator[Finding]:
    own = by((one for one in books.ours.payments if one.unwanted is None), "charge_id")
    for charge in books.ours.charges:
        wanted = [one.order_no for one in own.get(charge.id, [])]
        paid = [charge.paid_order_id.hex] if charge.state in CAME and charge.paid_order_id else []
        if wanted != paid or (charge.state in CAME) != bool(wanted):
            said = f"{charge.state}, paid on {paid or 'none'}"
            about = f"charge={charge.id}"
            yield Finding(kind=Kind.CHARGE_PAYMENT, about=about, ours=said, theirs=f"payments on {wanted or 'none'}", visit=charge.visit_id)


def _twice(books: Books, case: Case) -> Iterator[Finding]:
    here = [one for one in case.payments if one.amount_fen > _going_back(case, one.transaction_id, books)]
    there = [one for one in case.bank_payments if one.total_fen > _going_back_there(books, case, one)]
    if max(len(here), len(there)) > max(1, sum(one.state == "settled" for one in case.charges)):
        said = ", ".join(f"{one.transaction_id} {yuan(one.amount_fen)}" for one in here) or "nothing"
        told = ", ".join(f"{one.transaction_id} {yuan(one.total_fen)}" for one in there) or "nothing"
        yield Finding(kind=Kind.CHARGED_TWICE, about=case.about, ours=said, theirs=told, visit=case.visit and case.visit.id)


def _going_back(case: Case, transaction_id: str, books: Books) -> int:
    """By our refunds of a payment, whether under way or arrived."""
    payment = books.by_transaction[transaction_id]
    return sum(one.amount_fen for one in case.refunds if one.payment_id == payment.id and one.state != "withdrawn")


def _going_back_there(books: Books, case: Case, paid: theirs.Payment) -> int:
    """What the bank gave back of a payment, and what we have yet to ask of it, or gave back ourselves."""
    gone = sum(one.gone_fen for one in case.bank_refunds if one.transaction_id == paid.transaction_id)
    mine = books.by_transaction.get(paid.transaction_id)
    of_it = [one for one in case.refunds if mine and one.payment_id == mine.id]
    return gone + _to_come_there(books, of_it) + _paid_out(books, of_it)


def _kept(books: Books, case: Case) -> Iterator[Finding]:
    due = _due(case)
    if due is None:
        return
    visit = case.visit and case.visit.id
    withdrawn = sum(one.amount_fen for one in case.refunds if one.state == "withdrawn")
    taken = sum(one.amount_fen for one in case.payments)
    gone = sum(one.amount_fen for one in case.refunds if one.state == "paid_out" or one.accepted_at)
    to_come = sum(one.amount_fen for one in case.refunds if one.state not in REFUND_ENDS and not one.accepted_at)
    if not due + to_come <= taken - gone <= due + to_come + withdrawn:
        said = f"{yuan(taken)} came, {yuan(gone)} went back, {yuan(to_come)} will"
        yield Finding(kind=Kind.KEPT_OURS, about=case.about, ours=said, theirs=f"{yuan(due)} due", visit=visit)
    taken = sum(one.total_fen for one in case.bank_payments)
    gone = sum(one.gone_fen for one in case.bank_refunds) + _paid_out(books, case.refunds)
    to_come = _to_come_there(books, case.refunds)
    if not due + to_come <= taken - gone <= due + to_come + withdrawn:
        told = f"{yuan(taken)} came, {yuan(gone)} went back"
        yield Finding(kind=Kind.KEPT_AT_BANK, about=case.about, ours=f"{yuan(due)} due, {yuan(to_come)} will go", theirs=told, visit=visit)


def _due(case: Case) -> int | None:
    """A visit that goes on or has taken place owes fee and drugs, one that ended otherwise nothing, nobody's money nothing.

    What management gave back of a fee, or anybody of drugs, is not due any more. None: the visit has not got so far.
    """
    if case.visit is None or case.visit.state in VISIT_ENDS - GOING:
        return 0
    if case.visit.state not in GOING:
        return None
    fee = sum(one.amount_fen for one in case.charges if one.state == "settled")
    drugs = {one.id for one in case.charges if one.payable == "prescription"}
    back = [one for one in case.refunds if one.state != "withdrawn" and (one.cause == "management" or one.charge_id in drugs)]
    settled = {one.id for one in case.charges if one.state == "settled"}
    given = sum(one.amount_fen for one in back if one.charge_id in settled)
    return max(0, fee - given)


def _drugs(books: Books) -> Iterator[Finding]:
    """Of drugs that were paid and are not to be, all goes back, or was to until a person withdrew it."""
    cancelled = {one.id for one in books.ours.prescriptions if one.state == "cancelled"}
    asked = by(books.ours.refunds, "charge_id")
    for charge in books.ours.charges:
        back: list[ours.Refund] = asked.get(charge.id, [])
        given = sum(one.amount_fen for one in back if not books.payments[one.payment_id].unwanted)
        if charge.state == "settled" and charge.payable_id in cancelled and given < charge.amount_fen:
            about = f"prescription={charge.payable_id} charge={charge.id}"
            said, told = f"{yuan(given)} of {yuan(charge.amount_fen)} went back", "0 fen due"
            yield Finding(kind=Kind.KEPT_OURS, about=about, ours=said, theirs=told, visit=charge.visit_id)


def _gone_there(books: Books, number: str) -> int:
    there = books.bank_refunds.get(number)
    return there.gone_fen if there else 0


def _to_come_there(books: Books, refunds: list[ours.Refund]) -> int:
    """Of refunds under way, what the bank has not taken yet."""
    return sum(one.amount_fen for one in refunds if one.state not in REFUND_ENDS and not _gone_there(books, one.number))


def _paid_out(books: Books, refunds: list[ours.Refund]) -> int:
    """By the hospital's own transfer, where the bank had not taken it."""
    return sum(one.amount_fen for one in refunds if one.state == "paid_out" and not _gone_there(books, one.number))
