"""The hospital's own books: bills, settlements, reversals, places, online visits."""

from collections.abc import Iterator
from uuid import UUID

from tests.auditor import ours, theirs
from tests.auditor.books import REFUND_ENDS, VISIT_ENDS, Books, by, in_cash, is_ours, yuan
from tests.auditor.finding import Finding, Kind

LIVE = frozenset({"held", "booked"})
TAKEN = LIVE | {"fulfilled"}
"""States of a claim that takes a place: a used one does not come back."""
LET_GO = frozenset({"cancelled", "noshow"})
AT_THE_HIS: dict[tuple[str, str], frozenset[str]] = {
    ("held", "*"): frozenset({"pending"}),
    ("booked", "booked"): frozenset({"booked"}),
    ("booked", "waiting"): frozenset({"checked-in"}),
    ("booked", "consulting"): frozenset({"checked-in"}),
    ("fulfilled", "*"): frozenset({"fulfilled"}),
}
"""What an appointment must be, by our claim's state and its visit's."""
ABSENT = "no such appointment"


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    yield from _bills(books)
    yield from _settlements(books)
    yield from _reversals(books)
    yield from _claims(books)
    yield from _unclaimed(books)
    yield from _encounters(books)
    yield from _slots(books)


def _bills(books: Books) -> Iterator[Finding]:
    cleared = by((one for one in books.ours.refunds if books.was_cleared(one)), "charge_id")
    for charge in books.ours.charges:
        bill, about, visit = books.invoices.get(charge.invoice_id), f"charge={charge.id} invoice={charge.invoice_id}", charge.visit_id
        if bill is None or bill.total_fen != charge.amount_fen:
            told = yuan(bill.total_fen) if bill else "no such bill"
            yield Finding(kind=Kind.BILL_DIFFERS, about=about, ours=yuan(charge.amount_fen), theirs=told, visit=visit)
        if bill is None:
            continue
        if bill.patient_id != books.visits[visit].his_patient_id:
            yield Finding(kind=Kind.BILL_DIFFERS, about=about, ours="its patient", theirs="another patient", visit=visit)
        undone: list[ours.Refund] = cleared.get(charge.id, [])
        back = sum(one.amount_fen for one in undone)
        fits = _may_be(books, charge, bill, all_back=bool(undone) and back >= charge.amount_fen)
        if bill.reversed_fen != back or bill.status not in fits:
            said, told = f"{charge.state}, {yuan(back)} back", f"{bill.status}, {yuan(bill.reversed_fen)} back"
            yield Finding(kind=Kind.BILL_STATE, about=about, ours=said, theirs=told, visit=visit)


def _may_be(books: Books, charge: ours.Charge, bill: theirs.Invoice, *, all_back: bool) -> frozenset[str]:
    """What the bill of a charge may be. Of drugs whose money has not all gone back `drugs` says it; of what holds a place, `_unclaimed`."""
    if charge.state == "settled" and (all_back or bill.prescription_no is None):
        return frozenset({"cancelled" if all_back else "balanced"})
    held = next((one for one in books.theirs.appointments if one.id == bill.appointment_id), None)
    if charge.state == "open" and held and held.status == "pending":
        return frozenset({"issued"})
    if charge.state in {"closed", "unsettled"} and held and held.status == "cancelled":
        return frozenset({"cancelled"})
    return frozenset({bill.status})


def _settlements(books: Books) -> Iterator[Finding]:
    wanted = {one.charge_id: one for one in books.ours.payments if one.unwanted is None}
    for charge in books.ours.charges:
        there, own = books.settlements.get(charge.id.hex), wanted.get(charge.id)
        about, visit = f"charge={charge.id} invoice={charge.invoice_id}", charge.visit_id
        if charge.state != "settled":
            continue
        said = (charge.invoice_id, own.channel if own else "", own.transaction_id if own else "", charge.amount_fen)
        if there is None:
            yield Finding(kind=Kind.SETTLEMENT_MISSING, about=about, ours=yuan(charge.amount_fen), theirs="nothing", visit=visit)
        elif said != (told := (there.invoice_id, there.channel, there.channel_no, there.amount_fen)):
            yield Finding(kind=Kind.SETTLEMENT_DIFFERS, about=about, ours=_line(said), theirs=_line(told), visit=visit)
        elif there.split != in_cash(charge.amount_fen):
            yield Finding(kind=Kind.SETTLEMENT_DIFFERS, about=about, ours=in_cash(charge.amount_fen), theirs=there.split, visit=visit)
    charges, undone = {one.id.hex: one for one in books.ours.charges}, by(books.theirs.reversals, "invoice_id")
    for there in (one for one in books.theirs.settlements if is_ours(one.payment_no)):
        charge = charges.get(there.payment_no)
        left = there.amount_fen - sum(one.amount_fen for one in undone.get(there.invoice_id, []))
        if (charge is None or charge.state != "settled") and left:
            about = f"payment_no={there.payment_no} invoice={there.invoice_id}"
            said = charge.state if charge else "no such charge"
            yield Finding(kind=Kind.SETTLEMENT_UNKNOWN, about=about, ours=said, theirs=yuan(left), visit=charge and charge.visit_id)


def _reversals(books: Books) -> Iterator[Finding]:
    cleared = {one.id.hex: one for one in books.ours.refunds if books.was_cleared(one)}
    for number, refund in cleared.items():
        there = books.reversals.get(number)
        charge = books.charges[refund.charge_id] if refund.charge_id else None
        said, about = (charge.invoice_id if charge else "", refund.amount_fen), f"refund={refund.id}"
        visit = books.visit_of_refund(refund)
        if there is None:
            yield Finding(kind=Kind.REVERSAL_MISSING, about=about, ours=_line(said), theirs="nothing", visit=visit)
        elif said != (told := (there.invoice_id, there.amount_fen)):
            yield Finding(kind=Kind.REVERSAL_DIFFERS, about=about, ours=_line(said), theirs=_line(told), visit=visit)
        elif there.split != in_cash(refund.amount_fen):
            yield Finding(kind=Kind.REVERSAL_DIFFERS, about=about, ours=in_cash(refund.amount_fen), theirs=there.split, visit=visit)
    known, bills = {one.id.hex: one for one in books.ours.refunds}, {one.invoice_id for one in books.ours.charges}
    for there in books.theirs.reversals:
        if there.refund_no not in cleared and (there.invoice_id in bills or is_ours(there.refund_no)):
            refund = known.get(there.refund_no)
            about = f"refund_no={there.refund_no} invoice={there.invoice_id}"
            said = f"{refund.state}, not cleared" if refund else "no such refund"
            visit = books.visit_of_refund(refund) if refund else None
            yield Finding(kind=Kind.REVERSAL_UNKNOWN, about=about, ours=said, theirs=yuan(there.amount_fen), visit=visit)


def _claims(books: Books) -> Iterator[Finding]:
    bills = {one.appointment_id: one.id for one in books.theirs.invoices}
    for claim in books.ours.claims:
        visit, there = books.visits[claim.revisit_id], books.appointments.get(claim.id.hex)
        about = f"claim={claim.id} appointment={claim.appointment_id}"
        if claim.state in LIVE and visit.state in VISIT_ENDS:
            yield Finding(kind=Kind.BOOKING_LEFT, about=about, ours=claim.state, theirs=f"the visit is {visit.state}", visit=visit.id)
        fits = AT_THE_HIS.get((claim.state, "*"), AT_THE_HIS.get((claim.state, visit.state)))
        status = there.status if there else ABSENT
        if fits is not None and status not in fits:
            said = f"{claim.state}, the visit {visit.state}"
            yield Finding(kind=Kind.BOOKING_STATE, about=about, ours=said, theirs=status, visit=visit.id)
        if there is None or claim.appointment_id is None:
            continue
        said, told = (claim.appointment_id, claim.slot_id, claim.invoice_id), (there.id, there.slot_id, bills.get(there.id))
        if said != told:
            yield Finding(kind=Kind.BOOKING_DIFFERS, about=about, ours=_line(said), theirs=_line(told), visit=visit.id)
        if there.patient_id != visit.his_patient_id:
            yield Finding(kind=Kind.BOOKING_DIFFERS, about=about, ours="its patient", theirs="another patient", visit=visit.id)


def _unclaimed(books: Books) -> Iterator[Finding]:
    claims = {one.id.hex: one for one in books.ours.claims}
    executed = {one.claim_id for one in books.ours.visits if _was_told(books, one)}
    for there in (one for one in books.theirs.appointments if is_ours(one.claim_no)):
        claim = claims.get(there.claim_no)
        if there.status in LET_GO or (claim and (claim.state in TAKEN or _waits_for_its_refund(books, claim))):
            continue
        if there.status == "fulfilled" and claim and claim.id in executed:
            continue
        about = f"claim_no={there.claim_no} appointment={there.id} slot={there.slot_id}"
        said, visit = (claim.state, claim.revisit_id) if claim else ("no such claim", None)
        yield Finding(kind=Kind.BOOKING_UNCLAIMED, about=about, ours=said, theirs=there.status, visit=visit)


def _waits_for_its_refund(books: Books, claim: ours.Claim) -> bool:
    """What was booked by money is let go with it: by the reversal that a refund under way, or one that a person withdrew, has not made."""
    of_visit = [one for one in books.ours.refunds if one.visit_id == claim.revisit_id and books.is_wanted(one)]
    return any(not books.was_cleared(one) and (one.state not in REFUND_ENDS or one.state == "withdrawn") for one in of_visit)


def _was_told(books: Books, visit: ours.Visit) -> bool:
    """Let go here, and executed there: the HIS said so, and the refund goes by a window that undoes it."""
    return visit.refusal == "his.executed" and any(one.visit_id == visit.id and books.is_wanted(one) for one in books.ours.refunds)


def _encounters(books: Books) -> Iterator[Finding]:
    """Who was accepted as their doctor was replaced stays with the one they were told of: nothing is asked of a clinic that has changed."""
    there_by_visit = {one.visit_no: one for one in books.theirs.encounters}
    changed = {one.schedule_id for one in books.ours.suspensions if one.schedule_id}
    for visit in books.ours.visits:
        there = there_by_visit.pop(visit.id.hex, None)
        about = f"visit={visit.id} encounter={visit.encounter_id}"
        begun = visit.state in {"consulting", "ended", "closed"} or visit.encounter_id is not None
        status = there.status if there else None
        finished = visit.state in {"ended", "closed"} or (status == "finished" and _was_told(books, visit))
        if visit.encounter_id != (there.id if there else None) or begun != (there is not None) or finished != (status == "finished"):
            told = f"{there.id} {there.status}" if there else "no such visit"
            yield Finding(kind=Kind.ENCOUNTER_DIFFERS, about=about, ours=visit.state, theirs=told, visit=visit.id)
        elif there and visit.state in VISIT_ENDS and status not in {"finished", "cancelled"}:
            yield Finding(kind=Kind.ENCOUNTER_LEFT, about=about, ours=visit.state, theirs=f"{there.id} {status}", visit=visit.id)
        if there and there.patient_id != visit.his_patient_id:
            yield Finding(kind=Kind.ENCOUNTER_DIFFERS, about=about, ours="its patient", theirs="another patient", visit=visit.id)
        if there and there.practitioner_id != visit.doctor_id and visit.schedule_id not in changed:
            said, told = visit.doctor_id or "no doctor", there.practitioner_id
            yield Finding(kind=Kind.ENCOUNTER_DIFFERS, about=about, ours=said, theirs=told, visit=visit.id)
    for number, there in there_by_visit.items():
        about = f"visit_no={number} encounter={there.id}"
        yield Finding(kind=Kind.ENCOUNTER_DIFFERS, about=about, ours="no such visit", theirs=there.status)


def _slots(books: Books) -> Iterator[Finding]:
    claims = by((one for one in books.ours.claims if one.state in TAKEN), "slot_id")
    for slot in books.ours.slots:
        count = len(claims.get(slot.id, []))
        if slot.taken != count:
            yield Finding(kind=Kind.SLOT_TAKEN, about=f"slot={slot.id}", ours=f"{slot.taken} taken", theirs=f"{count} claims")
    places = by((one for one in books.theirs.appointments if one.status != "cancelled"), "slot_id")
    for slot in books.theirs.slots:
        given, room = len(places.get(slot.id, [])) + slot.sold_at_window, slot.capacity
        if given > room:
            ours_of_it = f"{len(claims.get(slot.id, []))} claims"
            yield Finding(kind=Kind.SLOT_OVERSOLD, about=f"slot={slot.id}", ours=ours_of_it, theirs=f"{given} of {room} places")


def _line(parts: tuple[str | int | UUID | None, ...]) -> str:
    return " ".join(str(part) for part in parts)
