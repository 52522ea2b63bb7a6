"""合理用药审查: what a reviewing program says of a prescription, from facts without identity. It never approves: a pharmacist does."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from models.kernel.text import Line, plain


class Level(StrEnum):
    """How grave, in growing order."""

    OK = "ok"
    INFORM = "inform"
    """提示."""
    RESTRICT = "restrict"
    """慎用: to be justified by the doctor."""
    DENY = "deny"
    """禁用."""


class NoAnswer(StrEnum):
    """Beside the levels: it said nothing, so that a person judges without it, and is told so."""

    FAILED = "failed"


GRAVITY: Final = {level: gravity for gravity, level in enumerate(Level)}


class ReviewFinding(BaseModel):
    """One objection: `code` is the program's own word, `sentence` what people read."""

    model_config = ConfigDict(frozen=True)
    drug_code: str | None
    """None: about the prescription as a whole."""
    level: Level
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    sentence: Line


class Verdict(BaseModel):
    """The whole answer: as grave as the gravest of its findings."""

    model_config = ConfigDict(frozen=True)
    level: Level
    findings: tuple[ReviewFinding, ...] = ()


class Facts(BaseModel):
    """Of whom it is for, and nothing by which they could be told."""

    model_config = ConfigDict(frozen=True)
    age_months: int = Field(ge=0, le=2400)
    """Whole months, for doses of children."""
    sex: Literal["male", "female"]
    weight_kg: Annotated[Decimal, BeforeValidator(plain)] | None = None
    pregnant: bool | None = None
    """None: nobody has asked."""
    allergies: tuple[Line, ...] | None = None
    """As the record names them; empty: asked, and there are none. None: nobody has asked."""
    diagnosis_codes: tuple[str, ...] = ()
