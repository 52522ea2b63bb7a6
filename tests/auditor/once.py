"""Each once: in no list of the outside's do two rows have a number that is each row's own there. The other checks look rows up by it."""

from collections import Counter
from collections.abc import Iterator

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind

OWN: dict[str, tuple[str, ...]] = {
    "patients": ("id",),
    "orders": ("out_trade_no",),
    "payments": ("transaction_id",),
    "refunds": ("out_refund_no",),
    "appointments": ("id", "claim_no"),
    "invoices": ("id", "appointment_id", "prescription_no"),
    "settlements": ("payment_no", "invoice_id"),
    "reversals": ("refund_no",),
    "encounters": ("id", "visit_no", "appointment_id"),
    "slots": ("id",),
    "prescriptions": ("number",),
    "records": ("number",),
    "tasks": ("number",),
    "parcels": ("waybill_no",),
    "bills": ("number", "bus_no", "undoes"),
}
"""By list, the columns that name one row each. Of what has none nothing is asked. Texts and orders at the carrier are counted elsewhere."""


def check(books: Books) -> Iterator[Finding]:
    """All of it, list by list."""
    for name, columns in OWN.items():
        for column in columns:
            times = Counter(getattr(row, column) for row in getattr(books.theirs, name))
            for number, count in times.items():
                if number is not None and count > 1:
                    about = f"list={name} {column}={number}"
                    yield Finding(kind=Kind.ROWS_TWICE, about=about, ours="one row", theirs=f"{count} rows")
