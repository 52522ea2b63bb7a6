"""E-bills written by hand into our rows and the issuer's books."""

import itertools
from typing import Any, Final
from uuid import UUID

from models.kernel.ids import new
from tests.auditor import hospital as books
from tests.auditor.outside import Row

CODE: Final = "11060126"
CHECK: Final = "abc123"
_numbers = itertools.count(1)


async def billed(hospital: "books.Hospital", visit: "books.Visit", fen: int, *, sequence: int = 0, before: tuple[str, ...] = ()) -> UUID:
    """What was settled, or what remains of it, is billed on both sides; nothing remains, and it is void. The row's id."""
    invoice_id, number = new(), f"{next(_numbers):010d}"
    moves = (*before, "issuing", "issued") if fen else (*before, "void")
    process: dict[str, Any] = {"state": moves[-1], "version": len(moves) - 1, "policy": "test-1"}
    whose: dict[str, Any] = {"visit_id": visit.id, "charge_id": visit.charge_id, "sequence": sequence, "cash_fen": fen}
    file = f"invoice/{invoice_id.hex[:2]}/{invoice_id}/{number}.pdf"
    issued: dict[str, Any] = {"code": CODE, "number": number, "check_code": CHECK, "issued_at": books.AT, "file": file} if fen else {}
    await hospital.insert("invoice", id=invoice_id, **process, **whose, **issued)
    await hospital.moved("invoice", invoice_id, visit.id, *moves)
    if fen:
        bill = at_the_issuer(hospital, number, fen, bus_no=invoice_id.hex)
        bill |= {"payer": visit.patient["name"], "patient_no": visit.id.hex, "items": ["0101" if visit.appointment_id else "0201"]}
    return invoice_id


async def undone(hospital: "books.Hospital", visit: "books.Visit", back_fen: int) -> None:
    """So much went back: the bill that stands is undone on both sides, and what remains is billed anew. Nothing stands: so it stays."""
    asked = "select id, number, cash_fen, sequence from invoice where charge_id = $1 and number is not null and reversed_at is null"
    stands = next(iter(await hospital.wire.fetch(asked, visit.charge_id)), None)
    if stands is None:
        return
    red = f"{next(_numbers):010d}"
    at_the_issuer(hospital, red, stands["cash_fen"], undoes=stands["number"])
    undo = "update invoice set reversed_at = $2, red_code = $3, red_number = $4, red_check_code = $5 where id = $1"
    await hospital.do(undo, stands["id"], books.AT, CODE, red, CHECK)
    left = stands["cash_fen"] - back_fen
    await billed(hospital, visit, left, sequence=stands["sequence"] + 1, before=("reversing",))


def at_the_issuer(hospital: "books.Hospital", number: str, fen: int, *, bus_no: str | None = None, undoes: str | None = None) -> Row:
    """A bill under a number of ours, or a red one that undoes another."""
    whose: Row = {"payer": "", "patient_no": "", "items": []}
    numbers: Row = {"code": CODE, "number": number, "check_code": CHECK}
    hospital.outside.bills.append(numbers | {"bus_no": bus_no, "undoes": undoes, "total_fen": fen} | whose)
    return hospital.outside.bills[-1]


def paper(number: str) -> bytes:
    """What a bill's PDF is called in itself, as the sandbox's issuer calls it; its form has a test of its own there."""
    return f"%PDF-1.4 /Title ({CODE}-{number})".encode()
