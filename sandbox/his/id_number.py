"""Citizen ID numbers by GB 11643: six digits of region, birth date, three of sequence (the last one odd for men), check character."""

import re
from datetime import date
from typing import Final

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_SHAPE: Final = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)


def compose(region: str, birth_on: date, sequence: int) -> str:
    """The number of a person; `sequence` is 0–999, odd for men."""
    body = f"{region}{birth_on:%Y%m%d}{sequence:03}"
    return body + _check_character(body)


def is_valid(number: str) -> bool:
    """Whether shape, birth date and check character fit."""
    if not _SHAPE.fullmatch(number) or number[17] != _check_character(number[:17]):
        return False
    try:
        birth_on(number)
    except ValueError:
        return False
    return True


def birth_on(number: str) -> date:
    """The birth date in a number; raises ValueError when there is no such day."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def gender(number: str) -> str:
    """FHIR's word for the gender in a number."""
    return "male" if int(number[16]) % 2 else "female"


def _check_character(body: str) -> str:
    return _CHECKS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]
