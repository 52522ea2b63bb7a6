"""药品 as the hospital's catalogue has it, and what a prescription says of one. No price here: the HIS prices."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from models.kernel.text import plain


class DrugKind(StrEnum):
    WESTERN = "western"
    """西药."""
    PATENT = "patent"
    """中成药."""
    HERBAL = "herbal"
    """中药饮片."""


class Special(StrEnum):
    """麻精毒放: classes under special control, never prescribed online (互联网诊疗管理办法 art. 19 [C]; toxic and radioactive [G])."""

    NARCOTIC = "narcotic"
    PSYCHOTROPIC = "psychotropic"
    TOXIC = "toxic"
    RADIOACTIVE = "radioactive"


class Frequency(StrEnum):
    """用药频次, by the abbreviations that every prescription carries."""

    QD = "qd"
    BID = "bid"
    TID = "tid"
    QID = "qid"
    Q12H = "q12h"
    Q8H = "q8h"
    QN = "qn"
    QOD = "qod"
    QW = "qw"
    PRN = "prn"


PER_DAY: dict[Frequency, Fraction] = {
    Frequency.QD: Fraction(1),
    Frequency.BID: Fraction(2),
    Frequency.TID: Fraction(3),
    Frequency.QID: Fraction(4),
    Frequency.Q12H: Fraction(2),
    Frequency.Q8H: Fraction(3),
    Frequency.QN: Fraction(1),
    Frequency.QOD: Fraction(1, 2),
    Frequency.QW: Fraction(1, 7),
    Frequency.PRN: Fraction(4),
}
"""Doses a day, exact; as needed (prn) counts as four, the most that any of them is taken [G]."""


class Route(StrEnum):
    """给药途径."""

    ORAL = "oral"
    INHALED = "inhaled"
    SUBLINGUAL = "sublingual"
    TOPICAL = "topical"
    NASAL = "nasal"
    SUBCUTANEOUS = "subcutaneous"
    DECOCTION = "decoction"
    """煎服, of 中药饮片."""


DrugCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,32}$")]
"""The hospital's own code of a drug and its pack; a FHIR id of the HIS."""
DoseUnit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z\u4e00-\u9fff]{1,8}$")]


class Drug(BaseModel):
    """A pack of a drug in the HIS's catalogue."""

    model_config = ConfigDict(frozen=True)
    code: DrugCode
    name: str
    """通用名."""
    spec: str
    """As on the pack: `0.3g×100片`."""
    kind: DrugKind
    special: Special | None = None
    antimicrobial: bool = False
    """抗微生物药."""
    tuberculosis: bool = False
    """抗结核药: exempt where the law exempts it from the rules for antimicrobials."""
    injection: bool = False
    self_injectable: bool = False
    """On the hospital's white list (insulin class)."""
    special_storage: bool = False
    online_allowed: bool = True
    """The hospital's own word; it can only forbid more than the law does."""
    stopped: bool = False
    """No more in the catalogue for new prescriptions."""
    pack_unit: str = "盒"
    dose_unit: DoseUnit
    """The unit in which a dose is said (mg, g, 片, 吸, U …)."""
    doses_in_pack: Annotated[Decimal, Field(gt=0), BeforeValidator(plain)]
    """How many of `dose_unit` one pack holds."""


class Item(BaseModel):
    """One drug of a prescription: how it is taken, for how long, and how many packs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    drug_code: DrugCode
    dose: Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3), BeforeValidator(plain)]
    """One dose, in the drug's own unit."""
    frequency: Frequency
    route: Route
    days: int = Field(ge=1, le=366)
    packs: int = Field(ge=1, le=999)

    def need(self) -> Fraction:
        """How many of the dose unit the days ask for."""
        return Fraction(self.dose) * PER_DAY[self.frequency] * self.days


class Change(StrEnum):
    """What became of a line of a list that was written anew."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class LineChange(BaseModel):
    """One drug of either list; `before` is what stood there, `after` what stands there now."""

    model_config = ConfigDict(frozen=True)
    drug_code: DrugCode
    change: Change
    before: Item | None = None
    after: Item | None = None


def changes(before: Sequence[Item], after: Sequence[Item]) -> tuple[LineChange, ...]:
    """Line by line, by drug: first what stands there now in its order, then what is gone."""
    left, found = list(before), list[LineChange]()
    for item in after:
        was = next((one for one in left if one == item), None) or next((one for one in left if one.drug_code == item.drug_code), None)
        if was is None:
            found.append(LineChange(drug_code=item.drug_code, change=Change.ADDED, after=item))
            continue
        left.remove(was)
        change = Change.UNCHANGED if was == item else Change.CHANGED
        found.append(LineChange(drug_code=item.drug_code, change=change, before=was, after=item))
    return (*found, *(LineChange(drug_code=one.drug_code, change=Change.REMOVED, before=one) for one in left))


class Dispensing(StrEnum):
    """How far the HIS's pharmacy is with a prescription."""

    UNPAID = "unpaid"
    PAID = "paid"
    PREPARED = "prepared"
    """调配完成: free to cancel until here."""
    HANDED_OUT = "handed_out"
    """发药: to the patient, or to the courier."""


class Dispense(BaseModel):
    """The HIS's word on a prescription of ours."""

    model_config = ConfigDict(frozen=True)
    state: Dispensing
    at: AwareDatetime | None = None
