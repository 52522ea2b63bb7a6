"""就诊详情 over HTTP (P-12): who did what, told to whom, and the trace that reading a record leaves."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from models.eligibility import PastVisit
from models.kernel import ids
from models.kernel.errors import known
from models.revisit import State
from models.stores import revisit as revisits
from models.stores import suspension as suspensions
from models.stores.database import Database
from models.stores.suspension import Met
from models.suspension import Outcome
from models.tables.process import TimelineRow
from tests.client import Hands
from tests.record.builders import Visit, a_visit_of_people, audited


async def done(database: Database, visit_id: UUID, name: str, by: UUID | None, clock: Hands) -> None:
    row = {"process": "revisit", "process_id": visit_id, "visit_id": visit_id, "step": ids.new().hex, "version": 1}
    async with database.transaction() as db:
        await db.execute(insert(TimelineRow).values(**row, name=name, before="paying", after="closing", by=by, at=clock()))


async def stopped(database: Database, visit: Visit, clock: Hands, *, by_the_hospital: bool = False) -> UUID:
    """It is found by a suspension of its clinic, or of its doctor."""
    async with database.transaction() as db:
        if by_the_hospital:
            begun = await suspensions.begin_of_doctor(db, visit.unit.doctor_id, visit.unit.doctor_account_id, clock(), policy="test-1")
        else:
            begun = await suspensions.begin(db, visit.unit.id, "2", clock(), policy="test-1")
        id = known(begun)
        clock.forward(seconds=1)
        await suspensions.keep(db, id, [Met(visit.id, ids.new(), Outcome.STOPPED)], clock())
    return id


async def account_of(api: httpx.AsyncClient, headers: dict[str, str]) -> UUID:
    return UUID((await api.get("/v1/account", headers=headers)).json()["account_id"])


async def test_a_step_is_told_by_the_side_that_asked_for_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """A relative acts for the patient, and is no doctor."""
    visit = await a_visit_of_people(database, clock, State.WAITING)
    for name, by in (
        ("booking.close", await account_of(api, visit.relative)),
        ("queue.accept", visit.unit.doctor_account_id),
        ("queue.remind", None),
    ):
        await done(database, visit.id, name, by, clock)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()

    assert [(step["step"], step["by"]) for step in told["steps"]] == [
        ("booking.close", "patient"),
        ("queue.accept", "doctor"),
        ("queue.remind", "system"),
    ]


@pytest.mark.parametrize(("leaving_as", "asked", "said"), [("suspended", False, "停诊处理中"), ("cancelled", True, "退号处理中")])
async def test_who_goes_since_the_clinic_stopped_did_not_ask_for_it(
    api: httpx.AsyncClient, database: Database, clock: Hands, leaving_as: str, asked: bool, said: str
) -> None:
    visit = await a_visit_of_people(database, clock, State.CLOSING, leaving_as=leaving_as)
    await done(database, visit.id, "booking.close", await account_of(api, visit.patient) if asked else None, clock)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()
    listed = (await api.get(f"/v1/patients/{visit.person.patient_id}/revisits", headers=visit.patient)).json()

    assert [told["revisit"]["state_text"], listed["items"][0]["state_text"], told["steps"][0]["state_text"]] == [said] * 3


async def test_what_met_the_clinic_is_told_as_the_cause_with_whose_word_it_is(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock, State.BOOKED)
    stop, suspended = await stopped(database, visit, clock), await stopped(database, visit, clock, by_the_hospital=True)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()["suspensions"]

    assert [(one["suspension_id"], one["outcome_text"], one["by_text"]) for one in told] == [
        (str(stop), "停诊", "医院排班系统"),
        (str(suspended), "停诊", "医院暂停该医生出诊"),
    ]
    assert [one["schedule_id"] or one["doctor_id"] for one in told] == [visit.unit.id, visit.unit.doctor_id]
    assert "account_id" not in told[1], "who of the management it was is for the management"


async def test_whose_desk_a_prescription_lies_on_in_review_is_the_hospitals_affair(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock, State.CONSULTING)
    row = {"process": "prescription", "process_id": ids.new(), "visit_id": visit.id, "step": ids.new().hex, "version": 1, "at": clock()}
    async with database.transaction() as db:
        await db.execute(insert(TimelineRow).values(**row, name="review.question", before="queued", after="questioned"))
    url = f"/v1/revisits/{visit.id}/timeline"

    said = [(await api.get(url, headers=who)).json()["steps"][0]["state_text"] for who in (visit.patient, visit.doctor)]

    assert said == ["药师审核中", "质疑中"]


async def test_past_visits_read_by_a_relative_leave_a_trace(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CONSENTING)
    past = PastVisit(encounter_id="enc-1", ended_at=clock() - timedelta(days=30), department="呼吸科", department_id="d")
    async with database.transaction() as db:
        await revisits.keep_past_visits(db, visit.id, (past,))
    url = f"/v1/revisits/{visit.id}/past-visits"

    for headers in (visit.patient, visit.relative):
        assert [one["encounter_id"] for one in (await api.get(url, headers=headers)).json()] == ["enc-1"]
    assert (await api.get(url, headers=visit.stranger)).json()["code"] == "revisit.missing"

    relative = await account_of(api, visit.relative)
    assert await audited(database, visit.id, "revisit:past_visits") == [(relative, "relative")]
