"""Money is exact, or it is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.kernel.errors import DomainError
from models.kernel.money import FenAmount, fen_from_yuan, yuan

AMOUNT = TypeAdapter[int](FenAmount)
MOST = 10**11


@pytest.mark.parametrize(
    ("wire", "fen"), [("50.00", 5000), ("50", 5000), ("0.01", 1), ("0", 0), ("12.3", 1230), ("1.230", 123), ("5e1", 5000), ("-0.01", -1)]
)
def test_yuan_text_is_exactly_its_fen(wire: str, fen: int) -> None:
    assert fen_from_yuan(wire) == fen


@pytest.mark.parametrize("wire", ["0.001", "50.005", "1e-3", "0." + "9" * 40, "1" * 27 + ".001"])
def test_half_a_fen_is_refused_and_never_rounded(wire: str) -> None:
    with pytest.raises(DomainError, match=r"^money\.") as refused:
        fen_from_yuan(wire)

    assert refused.value.kind == "invalid"


@pytest.mark.parametrize("wire", ["", "fifty", "5,000", "1.2.3", "¥50", "NaN", "-Infinity", "sNaN", "1e999999999"])
def test_what_is_no_amount_is_refused(wire: str) -> None:
    with pytest.raises(DomainError, match=r"^money\.malformed$"):
        fen_from_yuan(wire)


@given(st.integers(-MOST, MOST))
def test_fen_survive_the_way_to_yuan_and_back(fen: int) -> None:
    assert fen_from_yuan(yuan(fen)) == fen


@given(st.one_of(st.text(max_size=30), st.decimals().map(str), st.from_regex(r"-?\d{1,30}(\.\d{0,40})?", fullmatch=True)))
def test_any_text_is_exact_or_refused(wire: str) -> None:
    try:
        fen = fen_from_yuan(wire)
    except DomainError:
        return

    assert Decimal(fen).scaleb(-2) == Decimal(wire)


@pytest.mark.parametrize("amount", [-1, MOST + 1, "5000", 50.0, True, None])
def test_an_amount_is_whole_fen_from_zero_to_a_billion_yuan(amount: object) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(amount)


def test_yuan_are_written_with_two_decimals() -> None:
    assert [yuan(5000), yuan(1), yuan(0), yuan(-1230)] == ["50.00", "0.01", "0.00", "-12.30"]
