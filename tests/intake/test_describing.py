"""描述病情 over HTTP: what is stored before its step is asked for."""

import httpx
from sqlalchemy import select

from models.revisit import State
from models.stores.database import Database, vault
from models.tables.revisit import IntakeRow
from tests.builders import rules
from tests.client import Hands, key
from tests.record.builders import a_visit_of_people

FIRST, CORRECTED = "活动后气短较前减轻，想复诊。", "活动后气短较前加重，想复诊。"


async def test_what_was_not_taken_may_be_corrected_under_its_key(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """Temporal is away, so no step was done under it: the doctor must not read the first text when the second is taken."""
    visit = await a_visit_of_people(database, clock, State.DESCRIBING)
    async with database.transaction() as db:
        await rules(db)
    wish = visit.patient | key()

    answers = [await api.post(f"/v1/revisits/{visit.id}/describe", headers=wish, json={"text": text}) for text in (FIRST, FIRST, CORRECTED)]

    assert {one.status_code for one in answers} == {503}
    async with database.reading() as db:
        rows = await db.scalars(select(IntakeRow).where(IntakeRow.revisit_id == visit.id))
        assert {vault(db).open("intake.text", row.id, row.text) for row in rows} == {FIRST, CORRECTED}
