"""满意度调查 over HTTP: what its patient sees and may send, and whose visit is nobody else's."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, select

from models.account import Role
from models.revisit import State
from models.stores.database import Database
from models.survey import CURRENT, REMARK_CHARS_MAX
from models.tables.process import AuditRow
from models.tables.survey import SurveyAnswerRow
from tests.account.builders import staff_signed_in
from tests.client import Hands, key
from tests.record.builders import Visit, a_visit_of_people, audited
from tests.survey.builders import CONTENT, OPEN_FOR, an_ended_visit, answered, said

REMARK = "希望夜间也能复诊。"


async def read(api: httpx.AsyncClient, visit: Visit, who: dict[str, str]) -> httpx.Response:
    return await api.get(f"/v1/revisits/{visit.id}/survey", headers=who)


async def send(api: httpx.AsyncClient, visit: Visit, who: dict[str, str], body: object) -> httpx.Response:
    return await api.post(f"/v1/revisits/{visit.id}/survey", json=body, headers=who | key())


async def test_the_patient_reads_what_is_asked_and_until_when(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await an_ended_visit(database, clock)

    told = (await read(api, visit, visit.patient)).json()

    assert (told["state"], told["state_text"], told["answers"]) == ("open", "待填写", None)
    assert datetime.fromisoformat(told["due_at"]) == clock() + OPEN_FOR
    assert told["questionnaire"]["version"] == CURRENT
    asked = [(one["link_id"], one["kind"]) for one in told["questionnaire"]["questions"]]
    assert asked == [*((one, "score") for one in ("overall", "attitude", "clarity", "ease")), ("solved", "yes_no"), ("remark", "text")]


async def test_the_patient_reads_their_own_answers_and_a_relative_leaves_a_trace(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await an_ended_visit(database, clock)
    async with database.transaction() as db:
        await answered(db, visit.id, clock(), overall=3, solved=False, remark=REMARK)

    for who in (visit.patient, visit.relative):
        told = (await read(api, visit, who)).json()
        assert (told["state"], told["answers"]) == ("answered", CONTENT | {"overall": 3, "solved": False, "remark": REMARK})

    assert [purpose for _, purpose in await audited(database, visit.id, "survey:read")] == ["relative"]


@pytest.mark.parametrize("whose", ["stranger", "doctor", "other_doctor"])
async def test_another_patient_is_told_of_no_visit_and_a_doctor_has_no_such_right(
    api: httpx.AsyncClient, database: Database, clock: Hands, whose: str
) -> None:
    """Least of all the doctor who treated: it is about them."""
    visit = await an_ended_visit(database, clock)
    who, expected = getattr(visit, whose), (404, "revisit.missing") if whose == "stranger" else (403, "account.forbidden")

    for answer in (await read(api, visit, who), await send(api, visit, who, said())):
        assert (answer.status_code, answer.json()["code"]) == expected


async def test_before_the_end_there_is_no_survey(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CONSULTING)

    answer = await read(api, visit, visit.patient)

    assert (answer.status_code, answer.json()["code"]) == (404, "survey.missing")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (said() | {"version": "survey-1999-01"}, 409, "survey.version"),
        (said(mood=5), 422, "survey.unknown_question"),
        (said(overall=None), 422, "survey.incomplete"),
        (said(solved=None), 422, "survey.incomplete"),
        (said(overall=0), 422, "survey.score"),
        (said(ease=6), 422, "survey.score"),
        (said(ease=10**30), 422, "survey.score"),
        (said(overall=True), 422, "survey.wrong_kind"),
        (said(overall="5"), 422, "survey.wrong_kind"),
        (said(solved=1), 422, "survey.wrong_kind"),
        (said(remark=5), 422, "survey.wrong_kind"),
        (said(remark="好" * (REMARK_CHARS_MAX + 1)), 422, "survey.too_long"),
        (said(remark="好\u0000"), 422, "survey.remark"),
        (said(overall=4.5), 422, "request.invalid"),
        (said() | {"more": 1}, 422, "request.invalid"),
        ({"version": CURRENT}, 422, "request.invalid"),
        ({"version": CURRENT, "answers": [5, 5]}, 422, "request.invalid"),
        ({"version": CURRENT, "answers": {"O'; --": 5}}, 422, "request.invalid"),
    ],
)
async def test_what_is_no_answer_is_named_and_nothing_is_kept(
    api: httpx.AsyncClient, database: Database, clock: Hands, body: dict[str, object], status: int, code: str
) -> None:
    visit = await an_ended_visit(database, clock)

    answer = await send(api, visit, visit.patient, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "好" not in answer.text, "what was typed is not told back"
    async with database.reading() as db:
        assert await db.scalar(select(func.count()).select_from(SurveyAnswerRow)) == 0


async def test_the_ended_visit_offers_it_to_its_patient_while_it_is_open(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await an_ended_visit(database, clock)
    other = await a_visit_of_people(database, clock, State.ENDED)

    [mine, theirs] = [(await api.get(f"/v1/revisits/{one.id}", headers=one.patient)).json() for one in (visit, other)]
    doctors = (await api.get(f"/v1/revisits/{visit.id}", headers=visit.doctor)).json()

    assert (mine["allowed"], mine["acts_next"]) == (["answer_survey"], "patient")
    assert mine["due_text"] == "满意度调查开放至此时"
    assert (theirs["allowed"], theirs["acts_next"], theirs["due_text"]) == ([], "hospital", None)
    assert (doctors["state_text"], doctors["allowed"]) == ("已结束", [])


async def test_what_was_answered_is_the_managements_to_read_page_by_page_and_leaves_a_trace(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visits = [await an_ended_visit(database, clock) for _ in range(3)]
    async with database.transaction() as db:
        for hours, visit in enumerate(visits[:2]):
            await answered(db, visit.id, clock() + timedelta(hours=hours), remark=f"{REMARK}{hours}")
    account, manager = await staff_signed_in(database, clock, Role.MANAGEMENT)

    pages = [(await api.get("/v1/surveys", params={"limit": 1}, headers=manager)).json()]
    pages.append((await api.get("/v1/surveys", params={"limit": 1, "after": pages[0]["next"]}, headers=manager)).json())

    found = [one for page in pages for one in page["items"]]
    newest_first = [(str(visits[1].id), f"{REMARK}1"), (str(visits[0].id), f"{REMARK}0")]
    assert [(one["revisit_id"], one["answers"]["remark"]) for one in found] == newest_first
    assert (pages[1]["next"], found[0]["doctor_id"]) == (None, visits[1].unit.doctor_id)
    async with database.reading() as db:
        read_by = select(AuditRow).where(AuditRow.account_id == account, AuditRow.action == "survey:read").order_by(AuditRow.id)
        traces = [(row.purpose, row.detail["revisit_ids"]) for row in await db.scalars(read_by)]
    assert traces == [("management", [str(visit.id)]) for visit in (visits[1], visits[0])]
    for who in (visits[0].patient, visits[0].doctor):
        assert (await api.get("/v1/surveys", headers=who)).status_code == 403
