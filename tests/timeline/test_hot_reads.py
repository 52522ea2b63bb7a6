"""The list and the timeline find out by themselves who is calling: nobody is told more than by the guard of any other route."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import DateTime, bindparam, func, select, text

from models.account import Role
from models.kernel import ids
from models.revisit import State
from models.stores.database import Asked, Database
from models.stores.outage import SUSPECTS, is_outage
from tests.account.builders import a_staff_member, signed_in
from tests.builders import a_visit
from tests.client import Hands
from tests.record.builders import a_visit_of_people

QUESTION = Asked(select(func.now()))


@pytest.fixture(params=["/v1/revisits/{visit}/timeline", "/v1/patients/{patient}/revisits"])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_session_that_was_ended_reads_nothing(api: httpx.AsyncClient, database: Database, clock: Hands, path: str) -> None:
    visit = await a_visit_of_people(database, clock)
    url = path.format(visit=visit.id, patient=visit.person.patient_id)
    assert (await api.get(url, headers=visit.patient)).status_code == 200

    assert (await api.delete("/v1/account/sessions/current", headers=visit.patient)).status_code == 204

    assert (await api.get(url, headers=visit.patient)).json()["code"] == "account.anonymous"


async def test_a_session_that_was_idle_for_too_long_reads_nothing(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    clock.forward(minutes=31)

    assert (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.doctor)).json()["code"] == "account.anonymous"


async def test_a_hot_read_keeps_its_session_from_growing_idle(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    for _ in range(3):
        clock.forward(minutes=20)
        assert (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.doctor)).status_code == 200


async def test_what_is_not_theirs_is_missing(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    timeline, listed = f"/v1/revisits/{visit.id}/timeline", f"/v1/patients/{visit.person.patient_id}/revisits"

    for headers in (visit.stranger, visit.other_doctor):
        assert (await api.get(timeline, headers=headers)).json()["code"] == "revisit.missing"
    assert (await api.get(listed, headers=visit.stranger)).json()["code"] == "patient.missing"
    for unknown in (timeline.replace(str(visit.id), str(ids.new())), listed.replace(str(visit.person.patient_id), str(ids.new()))):
        assert (await api.get(unknown, headers=visit.patient)).json()["code"] in {"revisit.missing", "patient.missing"}


async def test_who_has_no_right_is_refused_whatever_there_is(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)

    for patient in (visit.person.patient_id, ids.new()):
        refused = await api.get(f"/v1/patients/{patient}/revisits", headers=visit.doctor)
        assert (refused.status_code, refused.json()["code"]) == (403, "account.forbidden")


@pytest.mark.parametrize("role", [Role.MANAGEMENT, Role.FINANCE])
async def test_management_and_finance_read_any_visit(api: httpx.AsyncClient, database: Database, clock: Hands, role: Role) -> None:
    visit = await a_visit_of_people(database, clock)
    async with database.transaction() as db:
        account = await a_staff_member(db, role)

    told = await api.get(f"/v1/revisits/{visit.id}/timeline", headers=await signed_in(database, clock, account))

    assert told.json()["revisit"]["id"] == str(visit.id)


async def test_a_doctor_reads_what_was_booked_with_them_and_no_draft(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    booked, draft = [await a_visit_of_people(database, clock, state) for state in (State.BOOKED, State.DESCRIBING)]

    assert (await api.get(f"/v1/revisits/{booked.id}/timeline", headers=booked.doctor)).status_code == 200
    assert (await api.get(f"/v1/revisits/{draft.id}/timeline", headers=draft.doctor)).json()["code"] == "revisit.missing"


async def test_a_relation_not_proved_reads_only_what_it_opened(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    relative = UUID((await api.get("/v1/account", headers=visit.relative)).json()["account_id"])
    async with database.transaction() as db:
        await db.execute(text("update patient_binding set verified_at = null where account_id = :whose"), {"whose": relative})
        opened = await a_visit(db, person=visit.person, account_id=relative)

    listed = (await api.get(f"/v1/patients/{visit.person.patient_id}/revisits", headers=visit.relative)).json()["items"]

    assert [one["id"] for one in listed] == [str(opened)]
    assert (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.relative)).json()["code"] == "revisit.missing"


async def test_a_list_without_visits_is_empty(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    async with database.transaction() as db:
        await db.execute(text("delete from revisit where id = :id"), {"id": visit.id})

    listed = (await api.get(f"/v1/patients/{visit.person.patient_id}/revisits", headers=visit.patient)).json()

    assert listed == {"items": [], "next": None}


async def test_a_connection_that_is_lost_is_an_outage_and_the_next_question_is_answered(own_database: Database) -> None:
    await own_database.ask(QUESTION, {})
    async with own_database.engine.connect() as other:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        await own_database.ask(QUESTION, {})
        await other.execute(text(ended))

        with pytest.raises(SUSPECTS) as lost:
            await own_database.ask(QUESTION, {})

    assert is_outage(lost.value)
    assert len(await own_database.ask(QUESTION, {})) == 1


async def test_a_question_that_lacks_a_value_is_not_asked(database: Database) -> None:
    with pytest.raises(KeyError, match="since"):
        await database.ask(Asked(select(func.now() > bindparam("since", type_=DateTime(timezone=True)))), {})
