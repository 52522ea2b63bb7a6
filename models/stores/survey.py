"""满意度调查: asked at the end of a visit, answered or lapsed, and what comes of all of them for the management."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.stores.database import vault
from models.survey import CURRENT, Answers, SurveyState
from models.tables.directory import DepartmentRow, DoctorRow
from models.tables.survey import SurveyAnswerRow, SurveyRow

By = Literal["doctor", "department"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a visit was asked; `questionnaire` is the version that is shown."""

    id: UUID
    questionnaire: str
    state: SurveyState
    asked_at: datetime
    due_at: datetime
    ended_at: datetime | None
    answer_id: UUID | None


async def ask(db: AsyncSession, revisit_id: UUID, *, doctor_id: str, department_id: str, at: datetime, due_at: datetime) -> None:
    """The visit's one survey, by the questionnaire of today."""
    await db.execute(
        insert(SurveyRow).values(
            id=ids.derived("survey", revisit_id),
            revisit_id=revisit_id,
            doctor_id=doctor_id,
            department_id=department_id,
            questionnaire=CURRENT,
            state=SurveyState.OPEN,
            asked_at=at,
            due_at=due_at,
        )
    )


async def of_revisit(db: AsyncSession, revisit_id: UUID) -> Survey | None:
    """None: the visit has not ended, or it ended when nothing was asked yet."""
    row = await db.scalar(select(SurveyRow).where(SurveyRow.revisit_id == revisit_id))
    if row is None:
        return None
    return Survey(row.id, row.questionnaire, SurveyState(row.state), row.asked_at, row.due_at, row.ended_at, row.answer_id)


async def keep(db: AsyncSession, answer_id: UUID, survey_id: UUID, account_id: UUID, answers: Answers) -> None:
    """Stores what was answered, before the step that binds it. The same id again stays the first."""
    sealed = vault(db).seal("survey.remark", answer_id, answers.remark) if answers.remark else None
    row = {"id": answer_id, "survey_id": survey_id, "account_id": account_id, "answers": answers.values, "remark": sealed}
    await db.execute(insert(SurveyAnswerRow).values(**row).on_conflict_do_nothing())


async def answers(db: AsyncSession, answer_id: UUID) -> Answers:
    """As they were given."""
    row = await db.get_one(SurveyAnswerRow, answer_id)
    return Answers(row.answers, _remark(db, row.id, row.remark))


def _remark(db: AsyncSession, answer_id: UUID, sealed: bytes | None) -> str | None:
    return None if sealed is None else vault(db).open("survey.remark", answer_id, sealed)


async def answer(db: AsyncSession, revisit_id: UUID, answer_id: UUID, at: datetime) -> None:
    """Binds what was stored. Raises `survey.missing`, `survey.answered`, `survey.closed`."""
    survey = await of_revisit(db, revisit_id)
    stored = await db.scalar(select(SurveyAnswerRow.survey_id).where(SurveyAnswerRow.id == answer_id))
    if survey is None:
        raise DomainError("survey.missing", "missing")
    if survey.state is not SurveyState.OPEN:
        raise over(survey.state)
    if stored != survey.id:
        raise DomainError("survey.missing", "missing")
    await _end(db, revisit_id, SurveyState.ANSWERED, at, answer_id)


async def lapse(db: AsyncSession, revisit_id: UUID, at: datetime) -> None:
    """Nobody has answered in time."""
    await _end(db, revisit_id, SurveyState.LAPSED, at, None)


async def _end(db: AsyncSession, revisit_id: UUID, state: SurveyState, at: datetime, answer_id: UUID | None) -> None:
    """The visit's row is locked by the step that this belongs to."""
    still = and_(SurveyRow.revisit_id == revisit_id, SurveyRow.state == SurveyState.OPEN)
    await db.execute(update(SurveyRow).where(still).values(state=state, ended_at=at, answer_id=answer_id))


def over(state: SurveyState) -> DomainError:
    """Why it can't be answered any more."""
    return DomainError("survey.answered" if state is SurveyState.ANSWERED else "survey.closed", "conflict")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many have answered a question, and the sum of what they said: scores of 1 to 5, or 1 for each yes."""

    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Result:
    """Of a doctor or a department: surveys asked in a time, how many of them were answered and how many are still open."""

    id: str
    name: str | None
    asked: int
    answered: int
    open: int
    tallies: Mapping[str, Tally] = field(default_factory=dict[str, Tally])
    """By `linkId`."""


async def results(db: AsyncSession, by: By, since: datetime, until: datetime) -> list[Result]:
    """Of all of whom anybody was asked about in [since, until), by their id."""
    return await _results(db, by, and_(SurveyRow.asked_at >= since, SurveyRow.asked_at < until))


async def result_of_doctor(db: AsyncSession, account_id: UUID, since: datetime, until: datetime) -> Result | None:
    """Of the doctor behind an account. None: nobody was asked about them."""
    own = select(DoctorRow.id).where(DoctorRow.account_id == account_id).scalar_subquery()
    found = await _results(db, "doctor", and_(SurveyRow.asked_at >= since, SurveyRow.asked_at < until, SurveyRow.doctor_id == own))
    return found[0] if found else None


async def _results(db: AsyncSession, by: By, which: ColumnElement[bool]) -> list[Result]:
    whose = SurveyRow.doctor_id if by == "doctor" else SurveyRow.department_id
    of = DoctorRow if by == "doctor" else DepartmentRow
    answered = func.count().filter(SurveyRow.state == SurveyState.ANSWERED)
    still_open = func.count().filter(SurveyRow.state == SurveyState.OPEN)
    counted = (
        select(whose, of.name, func.count(), answered, still_open)
        .outerjoin(of, of.id == whose)
        .where(which)
        .group_by(whose, of.name)
        .order_by(whose)
    )
    said = func.jsonb_each_text(SurveyAnswerRow.answers).table_valued("key", "value")
    value = cast(said.c.value, BigInteger)
    tallied = (
        select(whose, said.c.key, func.count(), func.sum(value))
        .join(SurveyAnswerRow, SurveyAnswerRow.id == SurveyRow.answer_id)
        .join(said, said.c.key.is_not(None))
        .where(which)
        .group_by(whose, said.c.key)
    )
    tallies: dict[str, dict[str, Tally]] = {}
    for id, link_id, count, total in await db.execute(tallied):
        tallies.setdefault(id, {})[link_id] = Tally(count, int(total))
    rows = await db.execute(counted)
    return [Result(id, name, asked, closed, left, tallies.get(id, {})) for id, name, asked, closed, left in rows]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered survey as the management reads it."""

    id: UUID
    revisit_id: UUID
    doctor_id: str
    doctor: str | None
    department_id: str
    department: str | None
    questionnaire: str
    asked_at: datetime
    ended_at: datetime
    answers: Answers


async def listed(db: AsyncSession, after: tuple[datetime, UUID] | None, limit: int) -> list[Answered]:
    """What was answered last first."""
    query = (
        select(SurveyRow, SurveyAnswerRow, DoctorRow.name, DepartmentRow.name)
        .join(SurveyAnswerRow, SurveyAnswerRow.id == SurveyRow.answer_id)
        .outerjoin(DoctorRow, DoctorRow.id == SurveyRow.doctor_id)
        .outerjoin(DepartmentRow, DepartmentRow.id == SurveyRow.department_id)
        .where(SurveyRow.state == SurveyState.ANSWERED)
        .order_by(SurveyRow.ended_at.desc(), SurveyRow.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(SurveyRow.ended_at, SurveyRow.id) < after)
    return [
        Answered(
            id=row.id,
            revisit_id=row.revisit_id,
            doctor_id=row.doctor_id,
            doctor=doctor,
            department_id=row.department_id,
            department=department,
            questionnaire=row.questionnaire,
            asked_at=row.asked_at,
            ended_at=known(row.ended_at),
            answers=Answers(said.answers, _remark(db, said.id, said.remark)),
        )
        for row, said, doctor, department in await db.execute(query)
    ]
