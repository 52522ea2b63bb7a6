"""What no prescription may be: floors of the law with their source. The hospital's own rules can only be stricter.

Marks as on the page of the wires: [C] read in a stored copy, [B] seen in two places, [G] general knowledge.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.drug import Drug, DrugKind, Item
from models.record import DiagnosisCode

DRUGS_MAX = 5
"""Of 西药 and 中成药 on one prescription (处方管理办法 art. 6 [B])."""
DAYS_MAX = 7
"""Days' supply of an ordinary prescription; more only with a written reason (处方管理办法 art. 19 [C])."""
REASON_DAYS_MAX = 28
"""With a reason, as far as a long-term prescription usually goes: four weeks (长期处方管理规范 2021-17 [G])."""
LONG_TERM_DAYS_MAX = 84
"""Twelve weeks, with an assessment on record and the patient's signature beyond four (长期处方管理规范 2021-17 [C])."""
ITEMS_MAX = 40
"""Of one list, 中药饮片 too: no rule of the law, a bound of the form."""
CATEGORY = 3
"""Characters of an ICD-10 code that name its category."""


class Breach(StrEnum):
    """A floor that a prescription breaks; each has its sentence for people."""

    EMPTY = "empty"
    UNKNOWN_DRUG = "unknown_drug"
    STOPPED = "stopped"
    BANNED = "banned"
    """麻精毒放 (互联网诊疗管理办法 art. 19 [C])."""
    NOT_ONLINE = "not_online"
    """The hospital does not give it online."""
    INJECTION = "injection"
    """Only what patients inject themselves, by the hospital's white list [G]."""
    TWICE = "twice"
    TOO_MANY = "too_many"
    HERBAL_APART = "herbal_apart"
    """中药饮片 stand on a prescription of their own (处方管理办法 art. 6 [B])."""
    REASON = "reason"
    """More than seven days without a written reason."""
    LONG_TERM = "long_term"
    """More than four weeks and not a long-term prescription with assessment and signature."""
    TOO_LONG = "too_long"
    NOT_LONG_TERM = "not_long_term"
    """抗微生物药 (those against tuberculosis excepted) and drugs of special storage are never long-term."""
    TOO_MUCH = "too_much"
    """More packs than the days need."""
    TOO_LITTLE = "too_little"
    """Fewer packs than the days need."""
    DIAGNOSIS = "diagnosis"
    """Not of the ICD-10 category of a past diagnosis here: no first visit online (互联网诊疗管理办法 art. 16-18 [G])."""


class Finding(BaseModel):
    """One breach, and the drug that it is about."""

    model_config = ConfigDict(frozen=True)
    breach: Breach
    drug_code: str | None = None


class Prescribed(BaseModel):
    """What the rules judge: the items, for which diagnosis, and what was said about their length."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    items: Annotated[tuple[Item, ...], Field(max_length=ITEMS_MAX)]
    diagnosis_code: DiagnosisCode
    reasoned: bool = False
    """The doctor wrote why it is more than seven days."""
    long_term: bool = False
    """长期处方, of a stable chronic disease."""
    assessed: bool = False
    """The assessment stands in the record, and the patient has signed."""


def breaches(asked: Prescribed, catalogue: Mapping[str, Drug], past_codes: Sequence[str]) -> tuple[Finding, ...]:
    """Every floor that it breaks, in the order of its items. Empty: the law lets it pass.

    `catalogue` has at least the drugs named, where the HIS knows them; `past_codes` are the diagnoses of past visits here.
    """
    found: list[Finding] = []
    if not asked.items:
        found.append(Finding(breach=Breach.EMPTY))
    if not same_category(asked.diagnosis_code, past_codes):
        found.append(Finding(breach=Breach.DIAGNOSIS))
    known = [(item, catalogue.get(item.drug_code)) for item in asked.items]
    kinds = {drug.kind for _, drug in known if drug}
    if sum(drug is None or drug.kind is not DrugKind.HERBAL for _, drug in known) > DRUGS_MAX:
        found.append(Finding(breach=Breach.TOO_MANY))
    if DrugKind.HERBAL in kinds and len(kinds) > 1:
        found.append(Finding(breach=Breach.HERBAL_APART))
    seen: set[str] = set()
    for item, drug in known:
        broken = (
            [Breach.UNKNOWN_DRUG] if drug is None else [*breaches_of_drug(drug), *_of_length(item, drug, asked), *_of_quantity(item, drug)]
        )
        if item.drug_code in seen:
            broken.append(Breach.TWICE)
        seen.add(item.drug_code)
        found += [Finding(breach=breach, drug_code=item.drug_code) for breach in broken]
    return tuple(found)


def same_category(code: str, past_codes: Sequence[str]) -> bool:
    """Whether a diagnosis continues a past one: the same three-character category of ICD-10."""
    return code[:CATEGORY] in {past[:CATEGORY] for past in past_codes}


def breaches_of_drug(drug: Drug) -> list[Breach]:
    """What forbids the drug itself, however it is prescribed."""
    broken: list[Breach] = []
    if drug.stopped:
        broken.append(Breach.STOPPED)
    if drug.special is not None:
        broken.append(Breach.BANNED)
    if not drug.online_allowed:
        broken.append(Breach.NOT_ONLINE)
    if drug.injection and not drug.self_injectable:
        broken.append(Breach.INJECTION)
    return broken


def _of_length(item: Item, drug: Drug, asked: Prescribed) -> list[Breach]:
    if item.days > LONG_TERM_DAYS_MAX:
        return [Breach.TOO_LONG]
    broken: list[Breach] = []
    if item.days > REASON_DAYS_MAX and not (asked.long_term and asked.assessed):
        broken.append(Breach.LONG_TERM)
    if item.days > DAYS_MAX and not asked.reasoned:
        broken.append(Breach.REASON)
    if asked.long_term and ((drug.antimicrobial and not drug.tuberculosis) or drug.special_storage):
        broken.append(Breach.NOT_LONG_TERM)
    return broken


def _of_quantity(item: Item, drug: Drug) -> list[Breach]:
    """Whole packs: the fewest that cover the days, no more and no less."""
    packs = ceil(item.need() / Fraction(drug.doses_in_pack))
    if item.packs > packs:
        return [Breach.TOO_MUCH]
    return [Breach.TOO_LITTLE] if item.packs < packs else []
