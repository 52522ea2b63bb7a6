"""满意度调查 after a visit: the questionnaires that were ever shown, and what counts as an answer to one.

The words are FHIR R4's: a Questionnaire has items with a `linkId`, a QuestionnaireResponse answers them. A version is never changed: the
answers name the version that was shown, and questions of several versions with one `linkId` are the same question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from models.kernel.errors import DomainError
from models.kernel.text import Paragraph

SCORE_MIN, SCORE_MAX = 1, 5
REMARK_CHARS_MAX = 500
ANSWERS_MIN: Final = 5
"""With fewer a doctor is told nothing: among four one would know who it was. Management, who calls patients back, is not meant by it."""


class SurveyState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    LAPSED = "lapsed"
    """Its deadline has passed."""


class QuestionKind(StrEnum):
    SCORE = "score"
    """1, not at all, to 5, very satisfied."""
    YES_NO = "yes_no"
    TEXT = "text"
    """In the patient's own words; the one that may be left out."""


@dataclass(frozen=True, slots=True)
class Question:
    """An item; `text` is read by people."""

    link_id: str
    kind: QuestionKind
    text: str


@dataclass(frozen=True, slots=True)
class Questionnaire:
    version: str
    title: str
    questions: tuple[Question, ...]


_FIRST: Final = Questionnaire(
    "survey-2026-11",
    "线上复诊满意度调查",
    (
        Question("overall", QuestionKind.SCORE, "您对本次线上复诊的总体满意度"),
        Question("attitude", QuestionKind.SCORE, "您对医生服务态度的满意度"),
        Question("clarity", QuestionKind.SCORE, "您对医生讲解清晰程度的满意度"),
        Question("ease", QuestionKind.SCORE, "您对线上就诊流程便捷程度的满意度"),
        Question("solved", QuestionKind.YES_NO, "本次复诊是否解决了您的问题"),
        Question("remark", QuestionKind.TEXT, "您还有什么意见或建议（选填）"),
    ),
)
_SECOND: Final = Questionnaire(
    "survey-2026-12",
    "线上就诊满意度调查",
    (
        Question("overall", QuestionKind.SCORE, "您对本次线上就诊的总体满意度"),
        *_FIRST.questions[1:4],
        Question("solved", QuestionKind.YES_NO, "本次就诊是否解决了您的问题"),
        _FIRST.questions[5],
    ),
)
"""Said so that it is true of 线上复诊 and of 复诊续方."""
QUESTIONNAIRES: Final[dict[str, Questionnaire]] = {one.version: one for one in (_FIRST, _SECOND)}
CURRENT: Final = _SECOND.version
"""Which version a visit that ends now is asked with."""

_REMARK: TypeAdapter[str] = TypeAdapter(Paragraph)


@dataclass(frozen=True, slots=True)
class Answers:
    """Checked: `values` by `linkId`, a score as it is, yes as 1 and no as 0; `remark` may hold a diagnosis, and is sealed where it lies."""

    values: dict[str, int]
    remark: str | None


def check(questionnaire: Questionnaire, version: str, given: Mapping[str, object]) -> Answers:
    """What somebody answered to the version that they were shown.

    Raises `survey.version`, `survey.unknown_question`, `survey.incomplete`, `survey.wrong_kind`, `survey.score`, `survey.too_long`,
    `survey.remark` (characters that are no text).
    """
    if version != questionnaire.version:
        raise DomainError("survey.version", "conflict", version=questionnaire.version)
    if unknown := sorted(set(given) - {one.link_id for one in questionnaire.questions}):
        raise DomainError("survey.unknown_question", "invalid", link_ids=unknown)
    wanted = [one.link_id for one in questionnaire.questions if one.kind is not QuestionKind.TEXT]
    if lacking := [link_id for link_id in wanted if link_id not in given]:
        raise DomainError("survey.incomplete", "invalid", link_ids=lacking)
    values: dict[str, int] = {}
    remark: str | None = None
    for question in questionnaire.questions:
        match question.kind, given.get(question.link_id, ""):
            case QuestionKind.YES_NO, bool(said):
                values[question.link_id] = int(said)
            case QuestionKind.SCORE, int(said) if not isinstance(said, bool):
                values[question.link_id] = _score(question, said)
            case QuestionKind.TEXT, str(said):
                remark = _remark(question, said)
            case _:
                raise DomainError("survey.wrong_kind", "invalid", link_id=question.link_id, expected=question.kind)
    return Answers(values, remark)


def _score(question: Question, said: int) -> int:
    if not SCORE_MIN <= said <= SCORE_MAX:
        raise DomainError("survey.score", "invalid", link_id=question.link_id, least=SCORE_MIN, most=SCORE_MAX)
    return said


def _remark(question: Question, said: str) -> str | None:
    if len(said.strip()) > REMARK_CHARS_MAX:
        raise DomainError("survey.too_long", "invalid", link_id=question.link_id, chars_max=REMARK_CHARS_MAX)
    if not said.strip():
        return None
    try:
        return _REMARK.validate_python(said)
    except ValueError:  # never told with what was typed
        raise DomainError("survey.remark", "invalid", link_id=question.link_id) from None
