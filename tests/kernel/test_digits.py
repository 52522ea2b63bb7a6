"""Whoever types or sends a number writes it in ASCII: Python by itself takes the digits of any script, and `1_0` for ten."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from pydantic import TypeAdapter

from gateways.his.resources import Money
from gateways.his.resources_drug import Quantity
from models.drug import Item
from models.kernel import ids
from models.kernel.clock import read_beijing
from models.kernel.errors import DomainError
from models.kernel.money import fen_from_yuan
from models.kernel.phone import Phone
from models.kernel.text import check_id_number
from models.live import Topic
from models.patient import IdNumber
from models.record import DiagnosisCode

_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"


def _dose(text: str) -> object:
    return Item.model_validate({"drug_code": "tio", "dose": text, "frequency": "qd", "route": "inhaled", "days": 7, "packs": 1})


READ: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "phone": (TypeAdapter(Phone).validate_python, "13800100001"),
    "phone_with_blanks": (TypeAdapter(Phone).validate_python, "+86 138-0010-0001"),
    "id_number": (check_id_number, "110105195805120428"),
    "diagnosis": (TypeAdapter(DiagnosisCode).validate_python, "J44.900"),
    "dose": (_dose, "1.5"),
    "id": (ids.read, _ID),
    "number": (ids.read, _ID.replace("-", "")),
    "topic": (Topic.read, f"revisit:{_ID}"),
    "time": (lambda text: read_beijing(text, "%Y-%m-%d %H:%M:%S"), "2026-11-28 09:30:00"),
    "stamp": (lambda text: read_beijing(text, "%Y%m%d%H%M%S%f"), "20261128093000123"),
    "yuan": (fen_from_yuan, "12.30"),
    "yuan_of_the_his": (lambda text: Money.model_validate({"value": text, "currency": "CNY"}), "12.30"),
    "quantity_of_the_his": (lambda text: Quantity.model_validate({"value": text}), "12.5"),
}


@pytest.mark.parametrize("what", READ)
def test_what_is_written_in_ascii_is_read(what: str) -> None:
    read, right = READ[what]

    assert read(right)


TYPED: Final = ("phone", "phone_with_blanks")
"""By people with a Chinese input method."""


@pytest.mark.parametrize(
    ("adapter", "typed", "read"),
    [
        (Phone, "１３８００１０００01", "13800100001"),
        (Phone, "＋８６　13800100001", "13800100001"),
        (IdNumber, "11010519491231００２ｘ", "11010519491231002X"),
    ],
    ids=["phone", "with_country", "id_number"],
)
def test_what_people_type_may_be_full_width(adapter: Any, typed: str, read: str) -> None:
    assert TypeAdapter(adapter).validate_python(typed) == read


@pytest.mark.parametrize(
    ("what", "zero"),
    [(what, zero) for what in READ for zero in ("０", "٠", "०") if not (what in TYPED and zero == "０")],
)
def test_a_digit_of_another_script_is_none_wherever_it_stands(what: str, zero: str) -> None:
    read, right = READ[what]
    for place, char in enumerate(right):
        if char in "0123456789":
            with pytest.raises((ValueError, DomainError)):
                read(f"{right[:place]}{chr(ord(zero) + int(char))}{right[place + 1 :]}")


@pytest.mark.parametrize("text", ["1_0", " 1", "1\n", "Infinity", "NaN", ""])
def test_a_number_is_its_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="dose"):
        _dose(text)


@pytest.mark.parametrize("text", ["138FLOWERS1", "我的电话13800100001", "tel:13800100001", "13800100001;ext=5", "13800100001 x5"])
def test_a_phone_is_no_words_and_no_letters_of_its_keys(text: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        TypeAdapter(Phone).validate_python(text)
