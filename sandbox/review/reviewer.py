"""How the program judges: rule by rule, each finding with its drug, its gravity, a word and a sentence."""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from sandbox.his.demo.drugs import BY_ID
from sandbox.review.knowledge import INTERACTIONS, SUBSTANCES, TIMES_A_DAY, Level

GRAVITY: Final = {"ok": 0, "inform": 1, "restrict": 2, "deny": 3}
FAR_ABOVE: Final = 2
"""So many times the most a day is no judgement any more."""


class Message(BaseModel):
    """In camel case on the wire; what is not known is refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Patient(Message):
    """No name and no number: the program wants none."""

    age_months: Annotated[int, Field(ge=0, le=2400)]
    sex: Literal["male", "female"]
    weight_kg: Annotated[float, Field(gt=0, le=500)] | None = None
    pregnant: bool | None = None
    allergies: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)] | None = None
    """None: the caller does not know; empty: there are none."""


class Line(Message):
    """One drug by the hospital's code."""

    drug_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,32}$")]
    drug_name: Annotated[str, Field(min_length=1, max_length=200)]
    dose: Annotated[float, Field(gt=0)]
    dose_unit: Annotated[str, Field(min_length=1, max_length=8)]
    frequency: Literal["qd", "bid", "tid", "qid", "q12h", "q8h", "qn", "qod", "qw", "prn"]
    route: Annotated[str, Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=366)]

    @property
    def substances(self) -> tuple[str, ...]:
        """As the hospital's catalogue has them; none for a drug that is not in it."""
        drug = BY_ID.get(self.drug_code)
        return drug.substances if drug else ()


class Check(Message):
    """A prescription to be judged, under the caller's number."""

    number: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    patient: Patient
    diagnoses: Annotated[list[Annotated[str, Field(pattern=r"^[A-Z]\d{2}[0-9A-Zx.]{0,7}$")]], Field(max_length=20)] = []
    lines: Annotated[list[Line], Field(min_length=1, max_length=50)]


class Finding(Message):
    """One objection."""

    drug_code: str | None
    level: Level
    code: str
    sentence: str


def judge(check: Check) -> list[Finding]:
    """Every objection, gravest first."""
    found = [finding for line in check.lines for finding in _of_line(line, check)]
    found += _together(check.lines)
    return sorted(found, key=lambda one: -GRAVITY[one.level])


def level_of(findings: list[Finding]) -> str:
    """As grave as the gravest."""
    return max((one.level for one in findings), key=GRAVITY.__getitem__, default="ok")


def _of_line(line: Line, check: Check) -> Iterator[Finding]:
    if not line.substances:
        yield _finding(line, "inform", "not-covered", "该药品无审查资料，请人工审核")
    for name in line.substances:
        known = SUBSTANCES[name]
        a_day = line.dose * TIMES_A_DAY[line.frequency]
        if known.most is not None and known.unit == line.dose_unit and a_day > known.most:
            level: Level = "deny" if a_day > FAR_ABOVE * known.most else "restrict"
            yield _finding(line, level, "dose-max", f"{known.name}每日{a_day:g}{line.dose_unit}，超过最大日剂量{known.most:g}{known.unit}")
        if any(word in allergy for allergy in check.patient.allergies or () for word in (known.name, *known.allergens)):
            yield _finding(line, "deny", "allergy", f"患者有过敏史，禁用{known.name}")
        if check.patient.age_months < known.from_years * 12:
            yield _finding(line, "deny", "age", f"{known.name}禁用于{known.from_years}岁以下")
        if known.in_pregnancy and check.patient.pregnant:
            yield _finding(line, known.in_pregnancy, "pregnancy", f"妊娠期禁用{known.name}")
        for beginning, against in known.against:
            if any(code.startswith(beginning) for code in check.diagnoses):
                yield _finding(line, against, "diagnosis", f"{known.name}不宜用于诊断{beginning}的患者")


def _together(lines: list[Line]) -> Iterator[Finding]:
    for one, other in combinations(lines, 2):
        for left in one.substances:
            for right in other.substances:
                yield from _pair(other, left, right)


def _pair(line: Line, left: str, right: str) -> Iterator[Finding]:
    families = {SUBSTANCES[left].family, SUBSTANCES[right].family}
    if left == right:
        yield _finding(line, "restrict", "duplicate", f"重复使用{SUBSTANCES[left].name}")
    elif len(families) == 1 and None not in families:
        yield _finding(line, "restrict", "duplicate", f"重复使用{families.pop()}")
    if found := INTERACTIONS.get(frozenset({left, right})):
        yield _finding(line, found[0], "interaction", found[1])


def _finding(line: Line, level: Level, code: str, sentence: str) -> Finding:
    return Finding.model_validate({"drugCode": line.drug_code, "level": level, "code": code, "sentence": sentence})
