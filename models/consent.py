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


class Stability(StrEnum):
    """病情稳定: what the patient of a refill confirms, or cannot."""

    CONDITION = "condition"
    SYMPTOMS = "symptoms"
    REACTION = "reaction"
    USE = "use"
    EXAMINATION = "examination"


STABILITY_TEXTS = {
    Stability.CONDITION: "病情稳定，没有加重",
    Stability.SYMPTOMS: "没有出现新的症状",
    Stability.REACTION: "服药期间没有不良反应",
    Stability.USE: "一直按医嘱用药",
    Stability.EXAMINATION: "已按医嘱按时复查",
}
STABILITY_VERSION = "1"
"""Of the questions: another one with every change of their words, so that an answer stays an answer to what was asked."""
STABILITY_HASH = hashlib.sha256("\n".join(STABILITY_TEXTS.values()).encode()).hexdigest()
"""SHA-256 of the questions, hex."""


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
