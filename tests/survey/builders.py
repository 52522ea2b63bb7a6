"""Visits that have ended, and what was asked and answered about them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.kernel.errors import known
from models.revisit import State
from models.stores import survey as surveys
from models.stores.database import Database
from models.survey import CURRENT, QUESTIONNAIRES, check
from tests.builders import Unit, a_person, a_visit
from tests.client import Hands
from tests.record.builders import Visit, a_visit_of_people

OPEN_FOR = timedelta(days=7)
CONTENT: dict[str, Any] = {"overall": 5, "attitude": 5, "clarity": 4, "ease": 4, "solved": True}


def said(**changed: object) -> dict[str, object]:
    """What a screen sends: content but for what is `changed`; None leaves a question out."""
    return {"version": CURRENT, "answers": {name: value for name, value in (CONTENT | changed).items() if value is not None}}


async def asked(db: AsyncSession, visit_id: UUID, unit: Unit, at: datetime, *, department_id: str | None = None) -> None:
    """As its end leaves it."""
    place = {"doctor_id": unit.doctor_id, "department_id": department_id or unit.department_id}
    await surveys.ask(db, visit_id, **place, at=at, due_at=at + OPEN_FOR)


async def answered(db: AsyncSession, visit_id: UUID, at: datetime, **changed: object) -> None:
    """As the step leaves it."""
    survey, answer_id = known(await surveys.of_revisit(db, visit_id)), ids.new()
    answers = check(QUESTIONNAIRES[CURRENT], CURRENT, CONTENT | changed)
    await surveys.keep(db, answer_id, survey.id, ids.new(), answers)
    await surveys.answer(db, visit_id, answer_id, at)


async def a_survey(
    db: AsyncSession, unit: Unit, at: datetime, answer: dict[str, Any] | None = None, department_id: str | None = None
) -> UUID:
    """Of a visit of its own that ended then, open unless it was answered an hour later."""
    visit_id = await a_visit(db, State.ENDED if answer is None else State.CLOSED, person=await a_person(db))
    await asked(db, visit_id, unit, at, department_id=department_id)
    if answer is not None:
        await answered(db, visit_id, at + timedelta(hours=1), **answer)
    return visit_id


async def an_ended_visit(database: Database, clock: Hands) -> Visit:
    """With everybody who may come to it; its survey is open."""
    until = clock() + OPEN_FOR
    visit = await a_visit_of_people(database, clock, State.ENDED, due_at=until, wake_at=until)
    async with database.transaction() as db:
        await asked(db, visit.id, visit.unit, clock())
    return visit
