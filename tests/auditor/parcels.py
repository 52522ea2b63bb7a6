"""The carrier's own books: which orders it has, where it has seen each, and whether that is what we say of the parcel."""

import json
from collections import Counter
from collections.abc import Iterator

from tests.auditor import ours, theirs
from tests.auditor.books import DELIVERY_ENDS, Books, by
from tests.auditor.finding import Finding, Kind

ABSENT = "no such order"
ON_ITS_WAY, BACK = "on its way", "on its way back"
AT_THE_CARRIER: dict[str, frozenset[str]] = {
    "creating": frozenset({ABSENT, "looked at"}),
    "created": frozenset({"ordered"}),
    "picked_up": frozenset({ON_ITS_WAY}),
    "in_transit": frozenset({ON_ITS_WAY}),
    "out_for_delivery": frozenset({ON_ITS_WAY}),
    "refused": frozenset({BACK}),
    "returning": frozenset({BACK}),
    "returned": frozenset({"returned"}),
    "overdue": frozenset({"ordered", ON_ITS_WAY, BACK}),
    "undeliverable": frozenset({ABSENT, "not taken"}),
    "signed": frozenset({"handed over"}),
    "cancelled": frozenset({"taken back"}),
    "decided": frozenset({ABSENT, "not taken", "taken back", ON_ITS_WAY, BACK, "returned"}),
}
"""What the carrier may say of a parcel, by our state of it. What nobody picked up and somebody decided about is ordered no more."""
REFUSED = ("拒收", "拒签")
HANDED, RETURNING, NOT_HANDED = "80", frozenset({"99", "648"}), "70"
"""Codes of scans, as SF says them."""
CARRIED = frozenset({"ordered", ON_ITS_WAY, "handed over"})
PARCEL = "parcel"


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    orders: dict[object, list[theirs.Parcel]] = by(books.theirs.parcels, "order_id")
    scans: dict[object, list[theirs.Scan]] = by(books.theirs.scans, "order_id")
    for number, same in orders.items():
        mine, about = books.deliveries.get(str(number)), f"order={number}"
        told = ", ".join(stands(one, scans.get(number, [])) for one in same)
        if mine is None:
            yield Finding(kind=Kind.PARCEL_UNKNOWN, about=about, ours="no such parcel", theirs=told)
        if len(same) > 1:
            yield Finding(kind=Kind.PARCEL_TWICE, about=about, ours="one parcel", theirs=told, visit=mine and mine.visit_id)
    for delivery in books.ours.deliveries:
        yield from _of_one(books, delivery, orders.get(delivery.id.hex, []), scans.get(delivery.id.hex, []))
    parcels: dict[object, list[ours.Delivery]] = by(books.ours.deliveries, "prescription_id")
    for prescription in books.ours.prescriptions:
        mine_ = sorted(parcels.get(prescription.id, []), key=lambda one: one.attempt)
        yield from _of_prescription(books, prescription, mine_)
        there = [(number.id.hex, one) for number in mine_ for one in orders.get(number.id.hex, [])[:1]]
        carried = Counter(stands(one, scans.get(number, [])) in CARRIED for number, one in there)[True]
        if carried > 1:
            about = f"prescription={prescription.id}"
            yield Finding(kind=Kind.PARCEL_TWICE, about=about, ours="one parcel", theirs=f"{carried}", visit=prescription.visit_id)


def stands(parcel: theirs.Parcel, scans: list[theirs.Scan]) -> str:
    """Where the carrier has it, in one word; what was seen first comes first."""
    if parcel.cancelled_at:
        return "taken back"
    if parcel.filter_result != 2:
        return "looked at" if parcel.filter_result == 1 else "not taken"
    word = "ordered"
    for scan in sorted(scans, key=lambda one: one.accept_time):
        back = word == BACK
        if scan.op_code == HANDED:
            return "returned" if back else "handed over"
        turned = scan.op_code in RETURNING or (scan.op_code == NOT_HANDED and any(said in scan.remark for said in REFUSED))
        word = BACK if back or turned else ON_ITS_WAY
    return word


def _of_one(books: Books, delivery: ours.Delivery, orders: list[theirs.Parcel], scans: list[theirs.Scan]) -> Iterator[Finding]:
    about, visit = f"delivery={delivery.id} prescription={delivery.prescription_id}", delivery.visit_id
    told = stands(orders[0], scans) if orders else ABSENT
    if told not in AT_THE_CARRIER[delivery.state]:
        yield Finding(kind=Kind.PARCEL_STATE, about=about, ours=delivery.state, theirs=told, visit=visit)
    if orders and delivery.waybill is not None and delivery.waybill != orders[0].waybill_no:
        yield Finding(kind=Kind.PARCEL_DIFFERS, about=about, ours=delivery.waybill, theirs=orders[0].waybill_no, visit=visit)
    to = books.opened("delivery_address", delivery.address_id, "name", "phone", "place") if orders else None
    if to and (differs := list(_differences(to, orders[0]))):
        wrong = " ".join(differs)
        yield Finding(kind=Kind.PARCEL_DIFFERS, about=about, ours=f"another {wrong}", theirs=f"another {wrong}", visit=visit)


def _differences(to: list[str], order: theirs.Parcel) -> Iterator[str]:
    """What differs of the receiver, and not how."""
    name, phone, place = to
    parts = json.loads(place)
    where = "".join(parts[one] for one in ("province", "city", "county", "detail"))
    told = (order.receiver, order.phone, order.address)
    yield from (word for word, left, right in zip(("receiver", "phone", "place"), (name, phone, where), told, strict=True) if left != right)


def _of_prescription(books: Books, prescription: ours.Prescription, parcels: list[ours.Delivery]) -> Iterator[Finding]:
    """Sent only once it was paid for; on its way while its last parcel is; and at the end as that was signed for, or decided about."""
    last = parcels[-1] if parcels else None
    stands_ = f"{last.state} {last.decision or ''}".strip() if last else "no parcel"
    settled = any(one.state == "settled" for one in books.ours.charges if one.payable_id == prescription.id)
    match prescription.state:
        case "shipping":
            fits = last is not None and last.state not in DELIVERY_ENDS
        case "completed" if prescription.way == PARCEL:
            fits = stands_ == "signed"
        case "ready" | "completed":
            fits = last is None or stands_ == "decided keep"
        case "cancelled":
            fits = last is None or stands_ in {"cancelled", "decided refund"}
        case _:
            fits = last is None
    known = prescription.delivery_id is None if last is None else prescription.delivery_id == parcels[0].id
    if not fits or not known or (parcels and not settled):
        about = f"prescription={prescription.id} delivery={prescription.delivery_id}"
        said = f"{prescription.state} {prescription.way or ''}".strip()
        told = f"{stands_}, {'paid' if settled else 'not paid'}"
        yield Finding(kind=Kind.PARCEL_UNFIT, about=about, ours=said, theirs=told, visit=prescription.visit_id)
