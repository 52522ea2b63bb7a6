"""Who may revisit online: the rule of the booking gate, on what the HIS tells (P-2.1)."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.kernel.clock import SHANGHAI, business_day

EncounterId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
"""A FHIR id of the HIS. What is none is refused at the door: a step that PostgreSQL cannot write would stand still for ever."""


PastNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
"""The HIS's number of a prescription: its own, or ours in 32 hex digits."""


class Opening(BaseModel):
    """What opens a revisit. Without a past visit the newest that counts is continued; the patient may relate another.

    A past prescription makes it 复诊续方, and says which visit it continues.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    past_encounter_id: EncounterId | None = None
    past_prescription: PastNumber | None = None

    @model_validator(mode="after")
    def _by_one_of_them(self) -> Self:
        if self.past_encounter_id and self.past_prescription:
            raise ValueError("a past visit or a past prescription")
        return self


class RegulatorField(StrEnum):
    """What the regulator's standard asks of a patient's data; a missing one is named and completed."""

    PHONE = "phone"
    ADDRESS = "address"


class HisPatient(BaseModel):
    """One person as the HIS knows them: all card records of that person joined."""

    model_config = ConfigDict(frozen=True)
    ids: tuple[str, ...]
    """HIS ids of the records, the one to book with first."""
    name: str
    birth_on: date
    phones: tuple[str, ...] = Field(default=(), repr=False)
    """On any of the records."""
    missing: tuple[RegulatorField, ...] = ()


class PastVisit(BaseModel):
    """A finished outpatient visit at this hospital."""

    model_config = ConfigDict(frozen=True)
    encounter_id: str
    ended_at: datetime
    department: str
    department_id: str
    diagnosis_codes: tuple[str, ...] = ()
    diagnosis_texts: tuple[str, ...] = ()


class Refusal(StrEnum):
    """Why a revisit does not begin; each has its sentence for people."""

    NO_RECORD = "no_record"
    OUT_OF_WINDOW = "out_of_window"
    CHILD = "child"
    NOT_FOUND = "not_found"
    NOT_THEIRS = "not_theirs"
    NOT_CHECKED = "not_checked"
    """The HIS refused to tell: nobody waits for an answer, so that is the visit's end and not an error."""
    EMERGENCY = "emergency"
    NOT_THEIR_PRESCRIPTION = "not_their_prescription"
    NOTHING_LEFT = "nothing_left"
    """Of the past prescription no drug may be prescribed online any more."""


CHILD_UNTIL = 7
"""6岁以下 includes the number: refused until the seventh birthday (互联网诊疗管理办法 art. 19 [C]; a floor, never looser)."""


def age_on(birth_on: date, day: date) -> int:
    """Whole years; one born on 29 February has the birthday on 1 March in other years."""
    return day.year - birth_on.year - ((day.month, day.day) < (birth_on.month, birth_on.day))


def window_start(at: datetime, months: int) -> date:
    """The first day on which a past visit still counts; the last day of a shorter month stands for a day it lacks."""
    day = business_day(at)
    month = day.year * 12 + day.month - 1 - months
    year, index = divmod(month, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, index + 1, last)
        except ValueError:
            continue
    return date(year, index + 1, day.day)


def counts(visit: PastVisit, at: datetime, window_months: int) -> bool:
    """Whether a past visit lies inside the hospital's window."""
    return business_day(visit.ended_at) >= window_start(at, window_months)


def judge(
    patient: HisPatient | None, visits: tuple[PastVisit, ...], chosen: str | None, at: datetime, window_months: int
) -> PastVisit | Refusal:
    """The past visit that this one continues, or why it does not begin.

    `visits` are all of the person's; without a choice the newest counts.
    """
    if patient is None:
        return Refusal.NOT_FOUND
    if age_on(patient.birth_on, business_day(at)) < CHILD_UNTIL:
        return Refusal.CHILD
    if not visits:
        return Refusal.NO_RECORD
    newest = max(visits, key=lambda visit: visit.ended_at)
    continued = next((visit for visit in visits if visit.encounter_id == chosen), None) if chosen else newest
    if continued is None:
        return Refusal.NOT_THEIRS
    if not counts(continued, at, window_months):
        return Refusal.OUT_OF_WINDOW
    return continued


def allowed_until(ended_at: datetime, months: int) -> date:
    """The last day on which a visit of `ended_at` still opens an online revisit."""
    day = business_day(ended_at)
    for ahead in range(31 * months + 31):
        later = day + timedelta(days=ahead)
        if window_start(datetime.combine(later, time(), SHANGHAI), months) > day:
            return later - timedelta(days=1)
    return day
