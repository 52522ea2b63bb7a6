"""满意度调查: answered, or closed by its deadline; the visit closes in the same step when nothing else of it is open."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from activities.steps import Guard, Step, step
from models.revisit import AnswerSurvey, Revisit, State
from models.stores import prescription as prescriptions
from models.stores import survey as surveys


class SurveyActivities:
    def __init__(self, guard: Guard[Revisit]) -> None:
        self._guard = guard

    @step("survey.answer")
    async def answer(self, now: Revisit, wish: AnswerSurvey) -> Revisit:
        """Binds what was stored. Raises `survey.missing`, `survey.answered`, `survey.closed`."""
        step = self._guard.step(now, "survey.answer", wish)
        async with self._over(step) as db:
            await surveys.answer(db, now.id, wish.answer_id, step.at)
        return step.row

    @step("survey.lapse")
    async def lapse(self, now: Revisit) -> Revisit:
        """Nobody has answered by the deadline."""
        step = self._guard.step(now, "survey.lapse")
        async with self._over(step) as db:
            await surveys.lapse(db, now.id, step.at)
        return step.row

    @asynccontextmanager
    async def _over(self, step: Step[Revisit]) -> AsyncGenerator[AsyncSession]:
        """The survey is over. A prescription that ends between the look and the move tells the visit, which looks again."""
        async with self._guard.database.reading() as db:
            waits = await prescriptions.running(db, step.now.id)
        async with step.move(State.ENDED if waits else State.CLOSED, waits=waits, due_at=None, wake_at=None) as db:
            yield db
