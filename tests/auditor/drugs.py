"""The HIS's pharmacy: each prescription of ours with its lines, signatures, price, and how far it has got."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.auditor import ours, signatures, theirs
from tests.auditor.books import REFUND_ENDS, Books, by, yuan
from tests.auditor.finding import Finding, Kind

ABSENT = "no such prescription"
BILLED: dict[str, frozenset[str]] = {
    "active": frozenset({"issued"}),
    "cancelled": frozenset({"cancelled"}),
    "paid": frozenset({"balanced"}),
    "prepared": frozenset({"balanced"}),
    "handed out": frozenset({"balanced"}),
}
"""What the bill of a prescription is, by how far the HIS has got with it. Of drugs taken back it waits for its reversal."""
NOT_FILED = frozenset({ABSENT, "cancelled"})
PAID = frozenset({"paid", "prepared", "handed out", "taken back"})
AT_THE_HIS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("drafting", "checking", "signing", "queued", "questioned", "returned", "countersigning", "pricing"), NOT_FILED),
    **{state: frozenset({"active"}) for state in ("choosing", "paying", "closing", "at_hospital")},
    "dispensing": frozenset({"paid"}),
    "ready": frozenset({"prepared"}),
    "shipping": frozenset({"prepared", "handed out"}),
    "completed": frozenset({"handed out", "taken back"}),
    "withdrawn": NOT_FILED,
    "cancelled": NOT_FILED | {"taken back"},
    "expired": NOT_FILED,
}
"""What the HIS may say of what a prescription says now, by our state of it. What it said before an amendment is not valid there."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    lines: dict[object, list[theirs.Line]] = by(books.theirs.lines, "number")
    for filed in books.theirs.prescriptions:
        if filed.number not in {one.id.hex for one in books.ours.contents}:
            about, told = f"number={filed.number} encounter={filed.encounter_id}", stands(books, filed.number, lines)
            yield Finding(kind=Kind.FILING_UNKNOWN, about=about, ours="no such number", theirs=told)
    for content in books.ours.contents:
        yield from _of_one(books, content, lines)
    for prescription in books.ours.prescriptions:
        yield from _price(books, prescription)


def stands(books: Books, number: str, lines: dict[object, list[theirs.Line]]) -> str:
    """How far the HIS has got with a number, in one word."""
    filed, states = books.filings.get(number), {one.status for one in lines.get(number, [])}
    bill = books.bills_of_drugs.get(number)
    if filed is None:
        return ABSENT
    if filed.returned_ms is not None:
        return "taken back"
    if filed.dispensed_ms is not None:
        return "handed out" if states == {"completed"} else f"handed out, lines {' '.join(sorted(states))}"
    if states != {"active"} or bill is None:
        return " ".join(sorted(states))
    if filed.prepared_ms is not None:
        return "prepared"
    return "paid" if bill.status == "balanced" else "active"


def _of_one(books: Books, content: ours.Content, lines: dict[object, list[theirs.Line]]) -> Iterator[Finding]:
    number, prescription = content.id.hex, books.prescriptions[content.prescription_id]
    about, visit = f"prescription={prescription.id} number={number}", prescription.visit_id
    told = stands(books, number, lines)
    fits, said = NOT_FILED, f"{prescription.state}, amended since"
    if content.id == prescription.content_id:
        fits, said = AT_THE_HIS[prescription.state], prescription.state
        if prescription.state == "ready" and _is_back(books, prescription):
            fits |= {"handed out", "taken back"}
        if prescription.state == "cancelled" and _goes_back(books, prescription):
            fits = PAID
    if told not in fits:
        yield Finding(kind=Kind.FILING_STATE, about=about, ours=said, theirs=told, visit=visit)
    bill = books.bills_of_drugs.get(number)
    if told in fits and bill and bill.status not in BILLED.get(told, {bill.status}):
        there = f"{told}, bill {bill.status}"
        yield Finding(kind=Kind.BILL_STATE, about=f"{about} invoice={bill.id}", ours=said, theirs=there, visit=visit)
    if told in NOT_FILED:
        return
    proved = [one for one in books.ours.signatures if one.content_id == content.id and one.signature is not None]
    sides = {one.side for one in proved}
    filed = books.filings[number]
    if filed.signed != 1 or sides != {"doctor", "pharmacist"}:
        known, there = " ".join(sorted(sides)) or "none", f"{filed.signed} signed"
        yield Finding(kind=Kind.FILING_UNSIGNED, about=about, ours=known, theirs=there, visit=visit)
    differs = list(_differences(books, content, prescription, filed, lines[number]))
    if filed.signed == 1 and len(sides) > 1 and not signatures.are_those(books, filed.signatures, proved):
        differs.append("signature")
    if differs:
        wrong = " ".join(differs)
        yield Finding(kind=Kind.FILING_DIFFERS, about=about, ours=f"another {wrong}", theirs=f"another {wrong}", visit=visit)


def _is_back(books: Books, prescription: ours.Prescription) -> bool:
    """Its parcel came back, and the drugs are kept for their patient: the HIS has them as handed out to the carrier."""
    return any(one.prescription_id == prescription.id and one.decision == "keep" for one in books.ours.deliveries)


def _goes_back(books: Books, prescription: ours.Prescription) -> bool:
    """Whether money of it waits at the HIS still: for a refund under way, or for one that a person withdrew."""
    charges = {one.id for one in books.ours.charges if one.payable_id == prescription.id}
    of_it = [one for one in books.ours.refunds if one.charge_id in charges and books.is_wanted(one)]
    return any(not books.was_cleared(one) and (one.state not in REFUND_ENDS or one.state == "withdrawn") for one in of_it)


def _differences(
    books: Books, content: ours.Content, prescription: ours.Prescription, filed: theirs.Prescription, lines: list[theirs.Line]
) -> Iterator[str]:
    """What differs, and not how: what somebody takes stands in no finding."""
    prescribed = json.loads(books.seal.open("prescription_content.content", content.id, content.content))["prescribed"]
    there = [(one.drug_id, Decimal(one.dose), one.frequency, one.route, one.days, one.packs) for one in lines]
    if [_line(item) for item in prescribed["items"]] != there:
        yield "lines"
    visit = books.visits[prescription.visit_id]
    if filed.encounter_id != visit.encounter_id:
        yield "visit"
    until = prescription.valid_until
    if content.id == prescription.content_id and (until is None or filed.valid_until_ms != int(until.timestamp() * 1000)):
        yield "validity"
    if filed.patient_id != visit.his_patient_id:
        yield "patient"
    if filed.practitioner_id != books.staff_id(prescription.account_id):
        yield "doctor"
    if filed.icd10 != prescribed["diagnosis_code"]:
        yield "diagnosis"


def _line(item: dict[str, Any]) -> tuple[str, Decimal, str, str, int, int]:
    return item["drug_code"], Decimal(item["dose"]), item["frequency"], item["route"], item["days"], item["packs"]


def _price(books: Books, prescription: ours.Prescription) -> Iterator[Finding]:
    """Ours, the HIS's bill and every charge of it say one."""
    about, visit = f"prescription={prescription.id} number={prescription.content_id.hex}", prescription.visit_id
    bill = books.bills_of_drugs.get(prescription.content_id.hex)
    told = (bill.id, bill.total_fen) if bill else None
    for charge in (one for one in books.ours.charges if one.payable_id == prescription.id):
        if (charge.invoice_id, charge.amount_fen) != told:
            said = f"charge {charge.id} of {yuan(charge.amount_fen)}"
            yield Finding(kind=Kind.FILING_PRICE, about=about, ours=said, theirs=yuan(bill.total_fen) if bill else "no bill", visit=visit)
    if prescription.invoice_id is not None and (prescription.invoice_id, prescription.amount_fen) != told:
        said = yuan(prescription.amount_fen or 0)
        yield Finding(kind=Kind.FILING_PRICE, about=about, ours=said, theirs=yuan(bill.total_fen) if bill else "no bill", visit=visit)
