"""E-bills: what the issuer has under our numbers, what undid it, and whether what stands there is what the ledger says was earned."""

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from tests.auditor import ours, theirs
from tests.auditor.books import EBILL_ENDS, Books, yuan
from tests.auditor.finding import Finding, Kind

Bills = dict[str, theirs.Bill]
"""By number: the customer's, or that of the bill that a red one undoes."""
ITEMS = {"revisit": "0101", "prescription": "0201"}
"""By what a charge is for, the code of its item on a bill."""


def check(books: Books) -> Iterator[Finding]:
    """All of it, bill by bill and charge by charge."""
    reds: Bills = {one.undoes: one for one in books.theirs.bills if one.undoes}
    mine = {one.id.hex: one for one in books.ours.ebills}
    there: Bills = {one.bus_no: one for one in books.theirs.bills if one.bus_no}
    for number, bill in there.items():
        if number not in mine:
            about = f"number={number} bill={bill.number}"
            yield Finding(kind=Kind.EBILL_UNKNOWN, about=about, ours="no such bill", theirs=yuan(bill.total_fen))
    yield from _of_nothing(books)
    for number, ebill in mine.items():
        yield from _of_one(ebill, there.get(number), reds)
        if number in there:
            yield from _whose(books, ebill, there[number])
    yield from _of_charges(books, mine, there, reds)


def _of_nothing(books: Books) -> Iterator[Finding]:
    """Under no number of ours stands only what undoes a bill that is there."""
    numbers = {one.number for one in books.theirs.bills if one.bus_no}
    for bill in books.theirs.bills:
        if bill.bus_no is None and bill.undoes not in numbers:
            about = f"bill={bill.number} undoes={bill.undoes}"
            yield Finding(kind=Kind.EBILL_UNKNOWN, about=about, ours="no such bill", theirs=yuan(bill.total_fen))


def _of_one(mine: ours.Ebill, there: theirs.Bill | None, reds: Bills) -> Iterator[Finding]:
    """Numbers, amount, and the red bill; a bill that is at work may be there and not yet be known here."""
    about = f"invoice={mine.id} charge={mine.charge_id}"
    if there is None:
        if mine.number:
            yield Finding(kind=Kind.EBILL_MISSING, about=about, ours=f"number {mine.number}", theirs="no such bill", visit=mine.visit_id)
        return
    if mine.number is None:
        if mine.state in EBILL_ENDS:
            yield Finding(kind=Kind.EBILL_STATE, about=about, ours=mine.state, theirs=f"number {there.number}", visit=mine.visit_id)
        return
    said, told = (f"{one.code} {one.number} {one.check_code}, {yuan(one.total_fen)}, {one.split}" for one in (mine, there))
    if said != told:
        yield Finding(kind=Kind.EBILL_DIFFERS, about=about, ours=said, theirs=told, visit=mine.visit_id)
    red = reds.get(there.number)
    undone = (mine.red_code, mine.red_number, mine.red_check_code, there.total_fen, there.split)
    if mine.red_number and (red is None or (red.code, red.number, red.check_code, red.total_fen, red.split) != undone):
        their = f"{red.code} {red.number} {red.check_code}, {yuan(red.total_fen)}, {red.split}" if red else "not undone"
        our = f"undone by {mine.red_code} {mine.red_number} {mine.red_check_code}"
        yield Finding(kind=Kind.EBILL_RED, about=about, ours=our, theirs=their, visit=mine.visit_id)


def _whose(books: Books, mine: ours.Ebill, there: theirs.Bill) -> Iterator[Finding]:
    """Issued to who was treated, for what they were charged, whatever has become of it here; a name is compared and not told."""
    charge, visit = books.charges[mine.charge_id], books.visits[mine.visit_id]
    name = books.opened("patient", visit.patient_id, "name")
    said, told = [visit.id.hex, [ITEMS[charge.payable]], name], [there.patient_no, there.items, name and [there.payer]]
    wrong = " ".join(word for word, left, right in zip(("visit", "item", "payer"), said, told, strict=True) if left != right)
    if wrong:
        about = f"invoice={mine.id} charge={mine.charge_id}"
        yield Finding(kind=Kind.EBILL_DIFFERS, about=about, ours=f"another {wrong}", theirs=f"another {wrong}", visit=mine.visit_id)


def _of_charges(books: Books, mine: dict[str, ours.Ebill], there: Bills, reds: Bills) -> Iterator[Finding]:
    """One bill of a charge stands, over what the ledger has as earned by it. While one is at work it may be neither yet."""
    at_work = {one.charge_id for one in mine.values() if one.state not in EBILL_ENDS}
    standing: dict[UUID, list[theirs.Bill]] = defaultdict(list)
    for number, ebill in mine.items():
        if (bill := there.get(number)) and bill.number not in reds:
            standing[ebill.charge_id].append(bill)
    charge_of = {one.id: one.charge_id for one in books.ours.entries}
    earned: dict[UUID | None, int] = defaultdict(int)
    for leg in books.ours.legs:
        earned[charge_of[leg.entry_id]] -= leg.amount_fen if leg.account == "hospital_income" else 0
    for charge in books.ours.charges:
        bills, about = standing[charge.id], f"charge={charge.id}"
        if charge.id in at_work:
            continue
        if len(bills) > 1:
            told = ", ".join(one.number for one in bills)
            yield Finding(kind=Kind.EBILL_TWICE, about=about, ours="one bill", theirs=told, visit=charge.visit_id)
        if earned[charge.id] != (billed := sum(one.total_fen for one in bills)):
            said, told = f"{yuan(earned[charge.id])} earned", f"{yuan(billed)} billed"
            yield Finding(kind=Kind.EBILL_TOTAL, about=about, ours=said, theirs=told, visit=charge.visit_id)
