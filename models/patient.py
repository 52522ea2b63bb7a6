"""就诊人: real-name people, and who may act for them (P-10)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from models.kernel.text import Line, half_width

PATIENTS_MAX = 8
"""就诊人 of one account."""


class Relation(StrEnum):
    """What the patient is to the account's owner."""

    SELF = "self"
    PARENT = "parent"
    CHILD = "child"
    SPOUSE = "spouse"
    OTHER = "other"


def _written(name: str) -> str:
    """As the ID card has it: no blanks between Chinese characters, one kind of dot in transcribed names."""
    name = "·".join(part.strip() for part in name.replace("•", "·").replace("・", "·").split("·"))
    return " ".join(name.split()) if name.isascii() else "".join(name.split())


PersonName = Annotated[Line, StringConstraints(max_length=50), AfterValidator(_written)]
IdNumber = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, max_length=32), AfterValidator(half_width)]
"""Checked by `models.kernel.text.check_id_number`, whose refusal has a sentence of its own."""

Sex = Literal["male", "female"]
SEX_TEXTS: Final[dict[Sex, str]] = {"male": "男", "female": "女"}


def sex_of(id_number: str) -> Sex:
    """As a checked number says it: its last digit but one (GB 11643-1999)."""
    return "male" if int(id_number[16]) % 2 else "female"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient as bound to one account. Name and number are open here, and masked by whoever shows them."""

    id: UUID
    name: str
    id_number: str
    birth_on: date
    relation: Relation
