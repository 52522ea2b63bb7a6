"""The mirror of the HIS's departments, doctors, 就诊单元 and slots (P-2.3). The HIS owns them; we say how old our copy is."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

HisId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
"""A FHIR id."""


class Period(StrEnum):
    """上午/下午/晚间/夜间: with doctor and date it names a 就诊单元."""

    NIGHT = "night"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


class SlotState(StrEnum):
    """Sold out is a count, not a state; stopped is the HIS's word (停诊)."""

    OPEN = "open"
    STOPPED = "stopped"


class HisDepartment(BaseModel):
    """First level when `parent_id` is None."""

    model_config = ConfigDict(frozen=True)
    id: str
    name: str
    parent_id: str | None


class HisDoctor(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: str
    name: str
    title: str
    department_id: str


class HisSchedule(BaseModel):
    """A 就诊单元: one doctor, one date, one period; it may end after midnight of its date."""

    model_config = ConfigDict(frozen=True)
    id: str
    doctor_id: str
    department_id: str
    on: date
    period: Period
    starts_at: datetime
    ends_at: datetime
    version: str


class HisSlot(BaseModel):
    """`remaining` is what the HIS still has; `capacity` all it gave."""

    model_config = ConfigDict(frozen=True)
    id: str
    schedule_id: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    remaining: int
    fee_fen: int
    state: SlotState
    version: str
