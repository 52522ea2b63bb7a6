"""Money is integer fen everywhere inside the house; yuan text exists only at a wire's edge."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated, NewType

from pydantic import Field

from models.kernel.errors import DomainError
from models.kernel.text import plain

Fen = NewType("Fen", int)
FEN_MAX = 10**11
FenAmount = Annotated[int, Field(strict=True, ge=0, le=FEN_MAX)]
"""A non-negative amount in fen, as models carry it. Signs live in ledger legs alone."""
_EXACT = Context(traps=[Inexact])
"""Decimals round silently beyond 28 digits; here they must not."""


def fen_from_yuan(wire: str | Decimal) -> Fen:
    """Exact fen of a yuan amount; raises `money.sub_fen` rather than round, `money.malformed` for what is no amount of money."""
    try:
        plain(wire)
        amount = Decimal(wire)
    except (InvalidOperation, ValueError) as error:
        raise DomainError("money.malformed", "invalid") from error
    if not amount.is_finite() or amount.copy_abs() > FEN_MAX // 100:
        raise DomainError("money.malformed", "invalid")
    try:
        exact = _EXACT.multiply(amount, 100)
    except Inexact as error:
        raise DomainError("money.sub_fen", "invalid") from error
    if exact != exact.to_integral_value():
        raise DomainError("money.sub_fen", "invalid")
    return Fen(int(exact))


def yuan(fen: int) -> str:
    """Yuan text with two decimals, as people and decimal wires read it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
