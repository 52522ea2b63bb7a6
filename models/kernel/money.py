"""Money is integer fen everywhere inside the house; yuan text exists only at a wire's edge."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, NewType

from pydantic import Field

from models.kernel.errors import DomainError

Fen = NewType("Fen", int)
FenAmount = Annotated[int, Field(strict=True, ge=0, le=10**11)]
"""A non-negative amount in fen, as models carry it. Signs live in ledger legs alone."""


def fen_from_yuan(wire: str | Decimal) -> Fen:
    """Exact fen of a yuan amount; raises `money.sub_fen` rather than round, `money.malformed` for what is no number."""
    try:
        exact = Decimal(wire) * 100
    except InvalidOperation as error:
        raise DomainError("money.malformed", "invalid") from error
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise DomainError("money.sub_fen", "invalid")
    return Fen(int(exact))


def yuan(fen: int) -> str:
    """Yuan text with two decimals, as people and decimal wires read it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
