"""What is sealed opens, by the hospital's key and in its own place, and what others read of it is legible there.

Without any key nothing is opened.
"""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind
from tests.auditor.ours_sealed import Sealed
from tests.auditor.seal import BrokenError

PRESCRIBED = "prescription_content.content"
PARAMS, PLACE = "message.params", "delivery_address.place"
SIGNED = "signature.signature"


def check(books: Books) -> Iterator[Finding]:
    """Each value of each row. Nothing of what it says is told."""
    if not books.seal.has_keys:
        return
    for one in books.ours.sealed:
        if (wrong := _wrong(books, one)) is not None:
            visit = one.row_id if one.row_id in books.visits else None
            yield Finding(
                kind=Kind.CONTENT_SEALED, about=f"{one.table}={one.row_id} column={one.column}", ours=wrong, theirs="opens", visit=visit
            )


def _wrong(books: Books, one: Sealed) -> str | None:
    """Why nobody can read it; None: it can be read."""
    try:
        text = books.seal.open(one.bound, one.row_id, one.value)
    except BrokenError:
        return "does not open"
    try:
        if one.bound == PRESCRIBED:
            for item in json.loads(text)["prescribed"]["items"]:
                Decimal(item["dose"])
        if one.bound == SIGNED:
            json.loads(text)["value"]
        if one.bound == PARAMS:
            json.loads(text).items()
        if one.bound == PLACE:
            "".join(json.loads(text)[part] for part in ("province", "city", "county", "detail"))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return "opens, and cannot be understood"
    return None
