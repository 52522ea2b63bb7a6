"""Emergency self-check and informed consent (P-2.2): texts are versioned policy, what was accepted is a fact."""

import hashlib
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Symptom(StrEnum):
    """What sends a patient to an emergency department instead of a screen."""

    HAEMOPTYSIS = "haemoptysis"
    DYSPNOEA = "dyspnoea"
    HIGH_FEVER = "high_fever"
    CHEST_PAIN = "chest_pain"
    CONFUSION = "confusion"


SYMPTOM_TEXTS = {
    Symptom.HAEMOPTYSIS: "咯血",
    Symptom.DYSPNOEA: "呼吸困难、喘憋",
    Symptom.HIGH_FEVER: "高热（体温 39℃ 以上）",
    Symptom.CHEST_PAIN: "持续胸痛",
    Symptom.CONFUSION: "意识不清或嗜睡",
}


class ConsentText(BaseModel):
    """A scene's notice as it is shown; its hash says that nothing was shown but this."""

    model_config = ConfigDict(frozen=True)
    version: str
    title: str
    text: str
    effective_at: datetime

    @property
    def hash(self) -> str:
        """SHA-256 of the text, hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()
