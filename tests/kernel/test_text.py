"""What people type, and how personal values are shown."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.kernel.errors import DomainError
from models.kernel.text import Line, Paragraph, check_id_number, masked_id_number, masked_name, masked_phone

LINE, PARAGRAPH = TypeAdapter[str](Line), TypeAdapter[str](Paragraph)
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@pytest.mark.parametrize(
    ("number", "born"),
    [
        ("11010519491231002X", date(1949, 12, 31)),  # the standard's own example
        ("11010519491231002x", date(1949, 12, 31)),
        ("440524188001010014", date(1880, 1, 1)),
        ("110105195805120428", date(1958, 5, 12)),
    ],
)
def test_an_id_number_tells_the_birth_date(number: str, born: date) -> None:
    assert check_id_number(number) == born


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",  # the check digit is X
        "11010519491231002",
        "110105194912310023X",
        "1101051949123100２X",  # a full-width digit
        "11010519490230002X",
        "",
        "ABCDEFGHIJKLMNOPQR",
    ],
)
def test_a_wrong_id_number_is_refused(number: str) -> None:
    with pytest.raises(DomainError, match=r"^patient\.id_number$"):
        check_id_number(number)


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 999), st.integers(0, 16), st.integers(1, 9))
def test_any_single_wrong_digit_is_found(born: date, serial: int, place: int, more: int) -> None:
    body = f"110105{born:%Y%m%d}{serial:03d}"
    number = body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]
    wrong = f"{number[:place]}{(int(number[place]) + more) % 10}{number[place + 1 :]}"

    assert check_id_number(number) == born
    with pytest.raises(DomainError, match=r"^patient\.id_number$"):
        check_id_number(wrong)


def test_text_is_kept_as_typed_but_for_the_blanks_around_it() -> None:
    assert PARAGRAPH.validate_python("  活动后气短。\n\t夜间能平卧 🙂  ") == "活动后气短。\n\t夜间能平卧 🙂"


@pytest.mark.parametrize("text", ["咳嗽\x00", "\x1b[31m咳嗽", "咳嗽\r\n气短", "咳\u202e嗽", "咳\u2066嗽", "\ud800", "\ue000"])
def test_control_and_direction_characters_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PARAGRAPH.validate_python(text)


@pytest.mark.parametrize(("kind", "most"), [(LINE, 200), (PARAGRAPH, 2000)])
def test_text_has_a_length(kind: TypeAdapter[str], most: int) -> None:
    assert kind.validate_python("好" * most) == "好" * most
    for text in ("", "   \n ", "好" * (most + 1)):
        with pytest.raises(ValidationError):
            kind.validate_python(text)


def test_personal_values_are_shown_masked() -> None:
    assert (masked_name("张秀英"), masked_name("张"), masked_name("阿依古丽·买买提")) == ("张**", "张*", "阿*******")
    assert masked_phone("13812345678") == "138****5678"
    assert masked_id_number("110105195805120428") == "1101**********0428"
