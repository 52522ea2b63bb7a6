"""Text that people type: what is let in, and how personal values are masked."""

import re
import unicodedata
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from models.kernel.errors import DomainError

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MARKS = "10X98765432"
_ID_NUMBER = re.compile(r"[0-9]{17}[0-9Xx]")
_DECIMAL = re.compile(r"[-+0-9.Ee]+")
_HALF_WIDTH = {0x3000: " "} | {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}


def _clean(text: str) -> str:
    """No control or invisible direction characters but line breaks and tabs; surrogates cannot be stored."""
    for char in text:
        if unicodedata.category(char) in {"Cc", "Cs", "Cn", "Co"} and char not in "\n\t":
            raise ValueError("control characters are not allowed")
        if char in "\u200b\u200e\u200f\u2060\ufeff":
            raise ValueError("invisible characters are not allowed")
        if char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
            raise ValueError("direction marks are not allowed")
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_clean)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_clean)]


def check_id_number(number: str) -> date:
    """GB 11643: check digit and birth date of an 18-digit ID number [L]; answers the birth date, raises `patient.id_number`."""
    body, mark = number[:17], number[17:].upper()
    if not _ID_NUMBER.fullmatch(number):
        raise DomainError("patient.id_number", "invalid")
    if mark != _MARKS[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]:
        raise DomainError("patient.id_number", "invalid")
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError as error:
        raise DomainError("patient.id_number", "invalid") from error


def half_width(typed: str) -> str:
    """Full-width letters, digits and signs, as Chinese input methods write them, in ASCII; all else stays: `１３８` → `138`."""
    return typed.translate(_HALF_WIDTH)


def plain(said: object) -> object:
    """For a BeforeValidator of a `Decimal`: a text of ASCII digits. Python would take any script's, and `1_0` for ten."""
    if isinstance(said, str) and not _DECIMAL.fullmatch(said):
        raise ValueError("not a number in plain digits")
    return said


def masked_name(name: str) -> str:
    """张秀英 → 张**"""
    return name[:1] + "*" * max(len(name) - 1, 1)


def masked_phone(phone: str) -> str:
    """13812345678 → 138****5678"""
    return f"{phone[:3]}****{phone[-4:]}"


def masked_id_number(number: str) -> str:
    """110105194912310023 → 1101**********0023"""
    return f"{number[:4]}{'*' * 10}{number[-4:]}"
