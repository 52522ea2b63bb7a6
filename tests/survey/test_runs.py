"""满意度调查 sent over HTTP to a visit whose run walks: once, and what a late or second one is told."""

from dataclasses import replace

import httpx
from sqlalchemy import func, select
from temporalio.client import Client

from models.revisit import State
from models.stores import survey as surveys
from models.stores.database import Database
from models.tables.survey import SurveyAnswerRow
from tests.account.builders import signed_in
from tests.builders import a_person, a_unit, a_visit
from tests.client import Hands, key, speaking, wiring
from tests.process.conftest import temporal
from tests.process.running import Live, Running
from tests.record.builders import Headers
from tests.refund.test_runs import answered, desk, person, running, worked
from tests.survey.builders import asked, said

__all__ = ["desk", "running", "temporal", "worked"]


async def sends(desk: httpx.AsyncClient, visit: Live, who: Headers, body: object, under: Headers | None = None) -> httpx.Response:
    return await desk.post(f"/v1/revisits/{visit.id}/survey", json=body, headers=who | (under or key()))


async def test_answered_once_the_same_key_gets_the_first_answer_and_another_is_told_so(running: Running, desk: httpx.AsyncClient) -> None:
    visit = await (await running.opened()).to(State.CONSULTING)
    who, under = await person(visit), key()
    assert answered(await sends(desk, visit, who, said())) == [(409, "revisit.not_now")], "before the end"
    await visit.to(State.ENDED)

    first = await sends(desk, visit, who, said(overall=2), under)
    again = await sends(desk, visit, who, said(overall=2), under)
    other_body, second = await sends(desk, visit, who, said(overall=5), under), await sends(desk, visit, who, said())

    assert answered(first, again) == [(200, State.CLOSED)] * 2
    assert first.json() == again.json()
    assert answered(other_body, second) == [(422, "request.key_reused"), (409, "survey.answered")]
    told = (await desk.get(f"/v1/revisits/{visit.id}/survey", headers=who)).json()
    assert (told["state"], told["answers"]["overall"]) == ("answered", 2)
    async with running.database.reading() as db:
        assert await db.scalar(select(func.count()).select_from(SurveyAnswerRow)) == 1, "what is refused is not kept"


async def test_after_the_deadline_it_is_told_to_be_closed(temporal: Client, database: Database, clock: Hands) -> None:
    """Its run is over: the row says why."""
    async with database.transaction() as db:
        unit, whose = await a_unit(db, clock()), await a_person(db)
        visit_id = await a_visit(db, State.CLOSED, person=whose)
        await asked(db, visit_id, unit, clock())
        await surveys.lapse(db, visit_id, clock())
    who = await signed_in(database, clock, whose.account_id)

    async with speaking(replace(await wiring(database, clock), temporal=temporal)) as api:
        answer = await api.post(f"/v1/revisits/{visit_id}/survey", json=said(), headers=who | key())

    assert answered(answer) == [(409, "survey.closed")]
