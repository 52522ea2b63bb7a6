"""A prescription as the HIS has it: what we write there, what has become of it, and what its own doctors wrote at past visits.

All of it is personal: it is sealed in rows and never stands in a history.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.charge import Bill
from models.drug import Drug, Item
from models.kernel.text import Line
from models.record import DiagnosisCode
from models.signature import Signature


class PastLine(BaseModel):
    """One drug of a past prescription."""

    model_config = ConfigDict(frozen=True)
    drug_code: str
    drug_name: str
    words: str
    """How it is taken, as the HIS says it."""
    item: Item | None
    """The same in our words; None when the HIS uses one that we don't have: then it can be read and not copied."""


class PastPrescription(BaseModel):
    """What somebody went home with, online or from the hospital itself."""

    model_config = ConfigDict(frozen=True)
    number: str
    """The HIS's own, or ours in 32 hex digits."""
    encounter_id: str
    written_at: datetime
    doctor: str
    diagnosis_code: str | None
    diagnosis_text: str
    lines: tuple[PastLine, ...]


class WrittenLine(BaseModel):
    """An item, and its drug as the catalogue had it when it was written: the units on the wire are the drug's."""

    model_config = ConfigDict(frozen=True)
    item: Item
    drug: Drug


class Written(BaseModel):
    """A prescription that both have signed, as we tell the HIS."""

    model_config = ConfigDict(frozen=True)
    number: UUID
    """Another one for other contents: what was written under a number stays what it was."""
    encounter_id: str
    his_patient_id: str
    practitioner_id: str
    """The doctor of the visit, by the HIS's id."""
    pharmacist_id: str
    """By the hospital's number of its staff."""
    written_at: AwareDatetime
    """When the doctor first signed it: inside the visit, however late it is amended or told."""
    valid_until: AwareDatetime
    diagnosis_code: DiagnosisCode
    diagnosis_text: Line
    note: Line | None = None
    """Why more than seven days, or an advice."""
    lines: tuple[WrittenLine, ...]
    by_doctor: Signature
    by_pharmacist: Signature


class Filing(StrEnum):
    """Where the HIS has a prescription."""

    ON_HOLD = "on-hold"
    """Its lines came, and not all of them are valid."""
    ACTIVE = "active"
    COMPLETED = "completed"
    """Handed out."""
    CANCELLED = "cancelled"


class HisPrescription(BaseModel):
    """The HIS's word on a prescription of ours."""

    model_config = ConfigDict(frozen=True)
    filing: Filing
    bill: Bill | None = None
    """Once it is valid: the HIS prices."""
