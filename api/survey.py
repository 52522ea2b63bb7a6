"""满意度调查 (P-11): filled in by the patient after the visit; its results for the management, and for a doctor without anybody's name."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StrictBool, StrictInt, StringConstraints

from api.act import ActionOut, as_patient, on_revisit, wish
from api.cursor import After, Limit, cut, open_id_cursor, seal_cursor
from api.idempotency import Intent
from api.pathways import AskPathways
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.wiring import Body, Now, Reading, Wired
from models.account import Principal
from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.kernel.errors import DomainError
from models.revisit import AnswerSurvey
from models.stores import audit, timeline
from models.stores import survey as surveys
from models.stores.survey import By
from models.survey import ANSWERS_MIN, QUESTIONNAIRES, Answers, QuestionKind, Questionnaire, SurveyState, check
from models.timeline_survey import SURVEY_TEXTS

router = APIRouter(tags=["survey"])
MayFill = Annotated[Principal, Depends(may("revisit:act"))]
MayReadOwn = Annotated[Principal, Depends(may("survey:read_own"))]
MayRead = Annotated[Principal, Depends(may("survey:read"))]

Said = StrictBool | StrictInt | Annotated[str, StringConstraints(strict=True, max_length=2000)]
LinkId = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
_FIRST_DAY, _LAST_DAY = date(2020, 1, 1), date(2100, 1, 1)
_QUESTIONS_MAX = 50


class QuestionOut(BaseModel):
    """An item of the questionnaire, by FHIR's `linkId`."""

    link_id: str = Field(examples=["overall"])
    kind: QuestionKind = Field(description="`score`: 1 to 5; `yes_no`: true or false; `text`: at most 500 characters, may be left out.")
    text: str = Field(examples=["您对本次线上就诊的总体满意度"])


class QuestionnaireOut(BaseModel):
    """What is shown; a version is never changed."""

    version: str
    title: str
    questions: list[QuestionOut]

    @classmethod
    def of(cls, shown: Questionnaire) -> Self:
        questions = [QuestionOut(link_id=one.link_id, kind=one.kind, text=one.text) for one in shown.questions]
        return cls(version=shown.version, title=shown.title, questions=questions)


class SurveyOut(BaseModel):
    """The survey of a visit as its patient sees it; `answers` are their own, by `linkId`."""

    questionnaire: QuestionnaireOut
    state: SurveyState
    state_text: str = Field(examples=["待填写"])
    asked_at: datetime
    due_at: datetime = Field(description="Closed unanswered then.")
    ended_at: datetime | None
    answers: dict[str, bool | int | str] | None


@router.get("/v1/revisits/{revisit_id}/survey", responses=problems(missing=("revisit.missing", "survey.missing")))
async def read(revisit_id: UUID, me: MayFill, wiring: Wired) -> SurveyOut:
    """From 结束问诊 on, for the patient's side alone."""
    async with read_of(wiring, me, revisit_id, "survey:read") as (db, reader):
        if reader.side != "patient":
            raise DomainError("revisit.missing", "missing")
        survey = await surveys.of_revisit(db, revisit_id)
        if survey is None:
            raise DomainError("survey.missing", "missing")
        said = await surveys.answers(db, survey.answer_id) if survey.answer_id else None
    shown = QUESTIONNAIRES[survey.questionnaire]
    return SurveyOut(
        questionnaire=QuestionnaireOut.of(shown),
        state=survey.state,
        state_text=SURVEY_TEXTS[survey.state],
        asked_at=survey.asked_at,
        due_at=survey.due_at,
        ended_at=survey.ended_at,
        answers=_told(shown, said) if said else None,
    )


def _told(shown: Questionnaire, said: Answers) -> dict[str, bool | int | str]:
    """As they were given: yes and no are no numbers to people."""
    told: dict[str, bool | int | str] = {}
    for question in shown.questions:
        if question.kind is QuestionKind.TEXT:
            told |= {question.link_id: said.remark} if said.remark else {}
        else:
            value = said.values[question.link_id]
            told[question.link_id] = bool(value) if question.kind is QuestionKind.YES_NO else value
    return told


class AnswersIn(Body):
    """The version that was shown, and the answers by `linkId`."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$", examples=["survey-2026-12"])]
    answers: Annotated[
        dict[LinkId, Said],
        Field(max_length=_QUESTIONS_MAX, examples=[{"overall": 5, "attitude": 5, "solved": True}]),
    ]


@router.post(
    "/v1/revisits/{revisit_id}/survey",
    response_model=ActionOut,
    responses=problems(
        conflict=("revisit.not_now", "process.busy", "survey.answered", "survey.closed", "survey.version"),
        missing=("revisit.missing",),
        invalid=("survey.unknown_question", "survey.incomplete", "survey.wrong_kind", "survey.score", "survey.too_long", "survey.remark"),
    ),
)
async def answer(revisit_id: UUID, body: AnswersIn, me: MayFill, intent: Intent, pathways: AskPathways, wiring: Wired) -> ActionOut:
    """Once, until the deadline. Stored first, its id travels; the visit closes with it when nothing else of it is open."""
    answer_id = ids.derived("survey_answer", intent.id, intent.body)  # refused before, the same key may come with other answers
    async with wiring.database.transaction() as db:
        await timeline.revisit(db, revisit_id, as_patient(me))
        survey = await surveys.of_revisit(db, revisit_id)
        if survey and survey.state is SurveyState.OPEN:
            checked = check(QUESTIONNAIRES[survey.questionnaire], body.version, body.answers)
            await surveys.keep(db, answer_id, survey.id, me.account_id, checked)
    try:
        return await on_revisit(pathways, revisit_id, as_patient(me), intent, wish(AnswerSurvey, intent, answer_id=answer_id))
    except DomainError as refused:
        if refused.code == "revisit.not_now":  # says why, where there was a survey and it is over
            async with wiring.database.reading() as db:
                survey = await surveys.of_revisit(db, revisit_id)
            if survey and survey.state is not SurveyState.OPEN:
                raise surveys.over(survey.state) from refused
        raise


class MeanOut(BaseModel):
    """Of one question: `mean` of the scores (1 to 5), or the share of yes (0 to 1), to two places, of `count` answers."""

    link_id: str
    text: str
    kind: QuestionKind
    count: int
    mean: str = Field(examples=["4.67"])


class ResultOut(BaseModel):
    """Of a doctor or department. `rate` is `answered` of `asked`, 0 to 1, to two places; who may still answer is in `open`."""

    id: str
    name: str | None
    asked: int
    answered: int
    open: int
    rate: str = Field(examples=["0.67"])
    questions: list[MeanOut]

    @classmethod
    def of(cls, one: surveys.Result) -> Self:
        """Questions in the order of the newest questionnaire that has them."""
        asked = {question.link_id: question for shown in QUESTIONNAIRES.values() for question in shown.questions}
        questions = [
            MeanOut(link_id=link_id, text=question.text, kind=question.kind, count=tally.count, mean=_share(tally.total, tally.count))
            for link_id, question in asked.items()
            if (tally := one.tallies.get(link_id))
        ]
        rate = _share(one.answered, one.asked)
        return cls(id=one.id, name=one.name, asked=one.asked, answered=one.answered, open=one.open, rate=rate, questions=questions)


def _share(total: int, count: int) -> str:
    return str((Decimal(total) / Decimal(count)).quantize(Decimal("0.01"), ROUND_HALF_UP))


class ResultsOut(BaseModel):
    since: date = Field(description="Visits that ended from this day of Asia/Shanghai on …")
    until: date = Field(description="… to the end of this one.")
    by: By
    items: list[ResultOut]


@router.get("/v1/surveys/results", responses=problems(invalid=("survey.days",)))
async def results(
    me: MayRead, db: Reading, since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")], by: By = "doctor"
) -> ResultsOut:
    """By doctor or department, of the visits that ended on these days."""
    if not _FIRST_DAY <= since <= until <= _LAST_DAY:
        raise DomainError("survey.days", "invalid")
    found = await surveys.results(db, by, end_of(since - timedelta(days=1)), end_of(until))
    return ResultsOut(since=since, until=until, by=by, items=[ResultOut.of(one) for one in found])


class OwnResultOut(BaseModel):
    """A doctor's own month. Null until the month and every survey asked in it are over, and with fewer answers than `least`."""

    month: str = Field(examples=["2026-11"])
    least: int
    result: ResultOut | None


@router.get("/v1/surveys/mine", responses=problems())
async def mine(
    me: MayReadOwn, db: Reading, now: Now, month: Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
) -> OwnResultOut:
    """What my patients say of a month, so that nobody of them can be told: whole months alone, whose numbers do not change any more."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    found = await surveys.result_of_doctor(db, me.account_id, end_of(first - timedelta(days=1)), end_of(last))
    over = found is not None and last < business_day(now) and not found.open
    told = found if found and over and found.answered >= ANSWERS_MIN else None
    return OwnResultOut(month=month, least=ANSWERS_MIN, result=ResultOut.of(told) if told else None)


class AnsweredOut(BaseModel):
    """One answered survey, for who follows it up; the patient is found by the visit."""

    id: UUID
    revisit_id: UUID
    doctor_id: str
    doctor: str | None
    department_id: str
    department: str | None
    asked_at: datetime
    ended_at: datetime
    version: str
    answers: dict[str, bool | int | str]

    @classmethod
    def of(cls, one: surveys.Answered) -> Self:
        told: dict[str, Any] = {"version": one.questionnaire, "answers": _told(QUESTIONNAIRES[one.questionnaire], one.answers)}
        names = ("id", "revisit_id", "doctor_id", "doctor", "department_id", "department", "asked_at", "ended_at")
        return cls.model_validate({name: getattr(one, name) for name in names} | told)


class AnsweredListOut(BaseModel):
    """Answered last first; `next` is the cursor of the following page."""

    items: list[AnsweredOut]
    next: str | None


@router.get("/v1/surveys", responses=problems(malformed=("request.cursor",)))
async def listed(me: MayRead, wiring: Wired, after: After = None, limit: Limit = 20) -> AnsweredListOut:
    """Answers with what was written: told after an audit row that names their visits."""
    place = open_id_cursor("surveys", after)
    async with wiring.database.transaction() as db:
        found = await surveys.listed(db, place, limit + 1)
        page, further = cut(found, limit, lambda one: seal_cursor("surveys", one.ended_at.astimezone(UTC), one.id))
        read_ids = [str(one.revisit_id) for one in page]
        await audit.record(db, me.account_id, "survey:read", "survey", None, "management", revisit_ids=read_ids)
    return AnsweredListOut(items=[AnsweredOut.of(one) for one in page], next=further)
