"""复诊续方: the drugs of a past prescription of this hospital again (P-3). That it was once written exempts it from no rule of today.

All of it is personal: it is sealed in rows and never stands in a history.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

from models.drug import Drug, Item, LineChange, changes
from models.eligibility import HisPatient, PastVisit, Refusal, counts, judge, window_start
from models.kernel.clock import business_day
from models.kernel.errors import DomainError
from models.prescription import PrescriptionContent
from models.prescription_his import PastLine, PastPrescription
from models.prescription_rules import Breach, Prescribed, breaches_of_drug, same_category
from models.process import Event


class Look(Event):
    """A person wants to see their past prescriptions: asked of the HIS, and kept where screens read."""

    patient_id: UUID


class PastPrescriptions(BaseModel):
    """What the HIS told of one person: visits and prescriptions newest first; None for a person whom it does not know."""

    model_config = ConfigDict(frozen=True)
    patient: HisPatient | None
    visits: tuple[PastVisit, ...] = ()
    prescriptions: tuple[PastPrescription, ...] = ()


class Unreadable(StrEnum):
    """Beside what forbids a drug: how it was taken is said in words of the HIS that we do not have."""

    UNREADABLE = "unreadable"


LEFT_OUT_TEXTS: Final[dict[Breach | Unreadable, str]] = {
    Breach.UNKNOWN_DRUG: "医院药品目录中已没有该药品",
    Breach.STOPPED: "该药品已停用",
    Breach.BANNED: "麻醉、精神、毒性、放射性药品不能在线上开具",
    Breach.NOT_ONLINE: "医院规定该药品不在线上开具",
    Breach.INJECTION: "该注射剂不能在线上开具",
    Unreadable.UNREADABLE: "用法用量无法识别，请由医生重新开具",
}
"""Why a line is not copied, in the words of screens."""


class LeftOut(BaseModel):
    """A line that is not copied, and why."""

    model_config = ConfigDict(frozen=True)
    drug_code: str
    drug_name: str
    why: tuple[Breach | Unreadable, ...] = Field(examples=[["stopped"]])

    @computed_field(examples=[["该药品已停用"]])
    @property
    def why_text(self) -> list[str]:
        """The same for people."""
        return [LEFT_OUT_TEXTS[one] for one in self.why]


class Copy(BaseModel):
    """What of a past prescription is prescribed again."""

    model_config = ConfigDict(frozen=True)
    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...]


class Copied(BaseModel):
    """A prescription that was copied, against the past one: line by line, and what of that cannot be had online now."""

    model_config = ConfigDict(frozen=True)
    number: str
    written_at: datetime
    changes: tuple[LineChange, ...]
    left_out: tuple[LeftOut, ...]


def hindrances(line: PastLine, catalogue: Mapping[str, Drug]) -> tuple[Breach | Unreadable, ...]:
    """Why a line of a past prescription is not copied. Empty: it is."""
    drug = catalogue.get(line.drug_code)
    if drug is None:
        return (Breach.UNKNOWN_DRUG,)
    return (*breaches_of_drug(drug), *((Unreadable.UNREADABLE,) if line.item is None else ()))


def copy_of(past: PastPrescription, catalogue: Mapping[str, Drug]) -> Copy:
    """Line by line, by the hospital's code of the drug; what else the law says is judged when the draft is submitted, as of any."""
    found = [(line, hindrances(line, catalogue)) for line in past.lines]
    return Copy(
        items=tuple(line.item for line, why in found if line.item and not why),
        left_out=tuple(LeftOut(drug_code=line.drug_code, drug_name=line.drug_name, why=why) for line, why in found if why),
    )


def compared(past: PastPrescription, items: Sequence[Item], catalogue: Mapping[str, Drug]) -> Copied:
    """What became of each line; one that we cannot read stands in `left_out` alone."""
    then = tuple(line.item for line in past.lines if line.item)
    left_out = copy_of(past, catalogue).left_out
    return Copied(number=past.number, written_at=past.written_at, changes=changes(then, items), left_out=left_out)


def judge_refill(
    told: PastPrescriptions, number: str, catalogue: Mapping[str, Drug], at: datetime, window_months: int
) -> PastVisit | Refusal:
    """The past visit that a refill continues, or why it does not begin: the rule of every revisit first."""
    if isinstance(verdict := judge(told.patient, told.visits, None, at, window_months), Refusal):
        return verdict
    past = next((one for one in told.prescriptions if one.number == number), None)
    if past is None:
        return Refusal.NOT_THEIR_PRESCRIPTION
    continued = _continued(past, told.visits, at, window_months)
    if continued is None:
        return Refusal.OUT_OF_WINDOW
    return continued if copy_of(past, catalogue).items else Refusal.NOTHING_LEFT


def _continued(past: PastPrescription, visits: Sequence[PastVisit], at: datetime, window_months: int) -> PastVisit | None:
    """The outpatient visit that ended with it. What was prescribed online has none: its diagnosis was made at one of the same category."""
    own = next((visit for visit in visits if visit.encounter_id == past.encounter_id), None)
    if own is not None:
        return own if counts(own, at, window_months) else None
    if business_day(past.written_at) < window_start(at, window_months) or past.diagnosis_code is None:
        return None
    same = [one for one in visits if counts(one, at, window_months) and same_category(past.diagnosis_code, one.diagnosis_codes)]
    return max(same, key=lambda visit: visit.ended_at, default=None)


def draft_of(past: PastPrescription, items: tuple[Item, ...]) -> PrescriptionContent:
    """The draft that a doctor begins from. Raises `refill.not_copied` for a diagnosis or a number of lines that no draft can have."""
    try:
        prescribed = Prescribed.model_validate({"items": items, "diagnosis_code": past.diagnosis_code})
        return PrescriptionContent(prescribed=prescribed, diagnosis_text=past.diagnosis_text)
    except ValidationError:
        raise DomainError("refill.not_copied", "conflict") from None
