"""One-time codes for a sign-in: each was said in one message, and a message of no visit says nothing else."""

from collections.abc import Iterator, Mapping

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind

CODES: Mapping[str, str] = {"sign_in_code": "patient", "staff_code": "staff"}
"""By template, whose sign-in a code is for."""


def check(books: Books) -> Iterator[Finding]:
    """A code and its message have one number."""
    codes = {one.id: one for one in books.ours.left.codes}
    said = {one.id for one in books.ours.messages if one.template in CODES}
    for message in books.ours.messages:
        code, about = codes.get(message.id), f"message={message.id} template={message.template}"
        fits = code is not None and CODES.get(message.template) == code.purpose and message.visit_id is None
        if (message.visit_id is None or message.template in CODES) and not fits:
            told = f"a code for {code.purpose}" if code else "no code"
            yield Finding(kind=Kind.MESSAGE_UNOWED, about=about, ours=message.template, theirs=told, visit=message.visit_id)
    for code in codes.values():
        if code.id not in said:
            yield Finding(kind=Kind.MESSAGE_OWED, about=f"code={code.id} purpose={code.purpose}", ours="0 messages", theirs="1 owed")
