"""满意度调查 in the words of screens."""

from typing import Final

from models.survey import SurveyState

SURVEY_STEPS: Final[dict[str, str]] = {
    "survey.answer": "填写满意度调查",
    "survey.lapse": "满意度调查已截止",
}

SURVEY_TEXTS: Final[dict[SurveyState, str]] = {
    SurveyState.OPEN: "待填写",
    SurveyState.ANSWERED: "已填写，感谢您的反馈",
    SurveyState.LAPSED: "已截止",
}
