"""The signature service's own books: who was asked to sign what, and what was signed."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from uuid import UUID

from cryptography.hazmat.primitives import hashes

from tests.auditor import ours
from tests.auditor.books import Books, by
from tests.auditor.finding import Finding, Kind

SET_ASIDE: dict[str, tuple[str, frozenset[str]]] = {
    "doctor": ("signing", frozenset({"drafting", "withdrawn", "refused", "expired"})),
    "pharmacist": ("countersigning", frozenset({"queued", "expired"})),
}
"""By side: the state in which its signature is waited for, and where a prescription or a record goes from there without one."""


def check(books: Books) -> Iterator[Finding]:
    """All of it."""
    known = {one.id.hex: one for one in books.ours.signatures}
    for task in books.theirs.tasks:
        if task.number not in known:
            about = f"number={task.number} staff={task.staff_id}"
            yield Finding(kind=Kind.SIGNATURE_UNKNOWN, about=about, ours="no such number", theirs=task.state)
    for one in books.ours.signatures:
        yield from _of_one(books, one)
    yield from _unheeded(books)
    yield from _alone(books)


def _of_one(books: Books, one: ours.Signature) -> Iterator[Finding]:
    if one.signature is None:
        return
    task, visit, about = books.tasks.get(one.id.hex), books.visit_of_signature(one), _about(one)
    if task is None or task.state != "SIGNED":
        told = task.state if task else "no such task"
        yield Finding(kind=Kind.SIGNATURE_MISSING, about=about, ours="proved", theirs=told, visit=visit)
        return
    text = books.seal.open("signature.text", one.id, one.text)
    value = _value(books, one.id, one.signature)
    staff_id = books.staff_id(one.account_id)
    said, told = (sm3(text), value, staff_id), (task.digest, task.signature, task.staff_id)
    if said != told:
        names = ("digest", "signature", "signer")
        differs = [name for name, left, right in zip(names, said, told, strict=True) if left != right]
        wrong = " ".join(differs)
        yield Finding(kind=Kind.SIGNATURE_DIFFERS, about=about, ours=f"another {wrong}", theirs=f"another {wrong}", visit=visit)


def _unheeded(books: Books) -> Iterator[Finding]:
    """What was signed and not proved was forged, or came when nobody wanted it any more; then the timeline says so, once for each."""
    aside = Counter[tuple[UUID | None, str]]()
    for line in books.ours.timeline:
        for side, (before, after) in SET_ASIDE.items():
            aside[line.process_id, side] += line.before == before and line.after in after
    for one in books.ours.signatures:
        task = books.tasks.get(one.id.hex)
        if one.signature is not None or task is None or task.state != "SIGNED":
            continue
        key = (one.prescription_id or one.record_id, one.side)
        if aside[key] > 0:
            aside[key] -= 1
            continue
        yield Finding(
            kind=Kind.SIGNATURE_UNHEEDED, about=_about(one), ours="not proved", theirs=task.state, visit=books.visit_of_signature(one)
        )


def _alone(books: Books) -> Iterator[Finding]:
    """Of each content; a record has one signature only."""
    proved = by((one for one in books.ours.signatures if one.signature is not None and one.content_id), "content_id")
    for content_id, signed in proved.items():
        doctors = {one.account_id for one in signed if one.side == "doctor"}
        pharmacists = {one.account_id for one in signed if one.side == "pharmacist"}
        if doctors & pharmacists:
            visit = books.visit_of_signature(signed[0])
            yield Finding(kind=Kind.SIGNATURE_ALONE, about=f"content={content_id}", ours="one account", theirs="two people", visit=visit)


def are_those(books: Books, there: str, signed: Iterable[ours.Signature]) -> bool:
    """Whether the HIS has, as a list in JSON, what was proved of these and nothing else: r and s in base64."""
    values = [_value(books, one.id, one.signature) for one in signed if one.signature is not None]
    return sorted(json.loads(there)) == sorted(base64.b64encode(bytes.fromhex(value)).decode() for value in values)


def _value(books: Books, id: UUID, sealed: bytes) -> str:
    return json.loads(books.seal.open("signature.signature", id, sealed))["value"]


def sm3(text: str) -> str:
    """Of its UTF-8 bytes, in hexadecimal."""
    hashed = hashes.Hash(hashes.SM3())
    hashed.update(text.encode())
    return hashed.finalize().hex()


def _about(one: ours.Signature) -> str:
    of = f"prescription={one.prescription_id}" if one.prescription_id else f"record={one.record_id}"
    return f"signature={one.id} side={one.side} {of}"
