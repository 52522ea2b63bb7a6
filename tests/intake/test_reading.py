"""接诊前查看资料 over HTTP (D-2.2): text, files and past visits, and the trace that reading leaves."""

from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import update

from models.eligibility import PastVisit
from models.kernel import ids
from models.revisit import State
from models.stores import intake, revisit
from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.client import Hands
from tests.intake.builders import a_pdf, a_png, upload
from tests.record.builders import Visit, a_visit_of_people, audited

TEXT = "活动后气短较前减轻，偶有咳嗽，规律用药，想复诊。"


async def described(database: Database, visit: Visit, clock: Hands, *files: UUID) -> None:
    """And booked: the doctor may read it from now on."""
    past = [
        PastVisit(
            encounter_id=number, ended_at=clock() - timedelta(days=ago), department="呼吸科", department_id="d", diagnosis_texts=("慢阻肺",)
        )
        for number, ago in (("enc-2", 20), ("enc-1", 90))
    ]
    async with database.transaction() as db:
        await intake.keep(db, intake_id := ids.new(), visit.id, TEXT, files)
        await revisit.keep_past_visits(db, visit.id, tuple(past))
        bound = {"state": State.WAITING, "past_encounter_id": "enc-1", "intake_id": intake_id}
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(**bound))


async def test_the_doctor_reads_before_accepting(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.DESCRIBING)
    first, second, _unused = [(await upload(api, visit, content)).json() for content in (a_png(), a_pdf(), a_png(9))]
    await described(database, visit, clock, UUID(second["id"]), UUID(first["id"]))

    read = await api.get(f"/v1/revisits/{visit.id}/intake", headers=visit.doctor)
    file = await api.get(f"/v1/revisits/{visit.id}/files/{second['id']}", headers=visit.doctor)

    told = read.json()
    assert told["text"] == TEXT
    assert told["files"] == [second, first]
    assert [(one["encounter_id"], one["diagnoses"], one["chosen"]) for one in told["past_visits"]] == [
        ("enc-2", ["慢阻肺"], False),
        ("enc-1", ["慢阻肺"], True),
    ]
    assert file.content == a_pdf()
    assert await audited(database, visit.id, "intake:read") == [(visit.unit.doctor_account_id, "treatment")] * 2


async def test_a_draft_shows_its_patient_what_was_uploaded(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CHOOSING)
    kept = (await upload(api, visit, a_png())).json()

    read = await api.get(f"/v1/revisits/{visit.id}/intake", headers=visit.patient)

    assert read.json() == {"text": None, "files": [kept], "past_visits": [], "refill": None}
    assert await audited(database, visit.id, "intake:read") == []


async def test_a_relative_leaves_a_trace(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.WAITING)

    await api.get(f"/v1/revisits/{visit.id}/intake", headers=visit.relative)

    assert [purpose for _, purpose in await audited(database, visit.id, "intake:read")] == ["relative"]


async def test_others_do_not_find_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.WAITING)

    for who in (visit.stranger, visit.other_doctor):
        assert (await api.get(f"/v1/revisits/{visit.id}/intake", headers=who)).json()["code"] == "revisit.missing"
