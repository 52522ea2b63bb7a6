"""病历 of an online revisit: what the doctor writes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from models.kernel.text import Line, Paragraph

DiagnosisCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]\d{2}(\.[0-9A-Zx]{1,6})?$")]
"""ICD-10, e.g. `J44.100` (国临版 has up to three digits after the point and `x` extensions)."""


class RecordContent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    complaint: Paragraph
    history: Paragraph
    advice: Paragraph


class Record(BaseModel):
    """No record without a diagnosis."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    content: RecordContent
    diagnosis_code: DiagnosisCode
    diagnosis_text: Line
