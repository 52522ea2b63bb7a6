"""Writing, submitting and withdrawing a prescription comes to an end, whatever brings it back."""

import httpx
import pytest_asyncio
from sqlalchemy import update

from models.kernel import ids
from models.prescription import PrescriptionState, Submit, Withdraw
from models.review import Level, Verdict
from models.stores import prescription as prescriptions
from models.stores.database import Database
from models.tables.prescription import PrescriptionRow
from tests.client import Hands
from tests.prescription.builders import a_prescription
from tests.prescription.desk import content, written
from tests.prescription.test_api import acts, refusal, rows, writes
from tests.process.hospital import Hospital
from tests.process.visit import refused
from tests.record.builders import Visit, a_visit_of_people

S = PrescriptionState


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    return await a_visit_of_people(database, clock)


async def test_it_is_submitted_only_so_often_and_may_then_be_taken_back(hospital: Hospital) -> None:
    case = await written(hospital)
    async with hospital.database.transaction() as db:
        of = update(PrescriptionRow).where(PrescriptionRow.id == case.id)
        await db.execute(of.values(round=prescriptions.ROUNDS_MAX - 1))
    await case.desk.begin()
    hospital.review.says = Verdict(level=Level.DENY)
    await case.to(S.CHECKING)
    await case.desk.happens()

    assert await refused(case.does(Submit)) == "prescription.rounds_exhausted"

    assert (case.state, case.now.round) == (S.DRAFTING, prescriptions.ROUNDS_MAX)
    await case.does(Withdraw)
    assert case.state is S.WITHDRAWN


async def test_those_that_were_withdrawn_make_room_for_others_and_not_for_ever(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    for _ in range(prescriptions.WRITTEN_MAX):
        await a_prescription(database, clock, visit, S.WITHDRAWN)
    before = await rows(database)

    assert refusal(await writes(api, visit, visit.doctor)) == (409, "prescription.rounds_exhausted")
    assert await rows(database) == before


async def test_a_draft_is_written_anew_only_so_often(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    draft, doctor = await a_prescription(database, clock, visit), visit.unit.doctor_account_id
    async with database.transaction() as db:
        anew = [ids.new() for _ in range(prescriptions.CONTENTS_MAX - 1)]
        for content_id in (*anew, anew[0]):  # the same again is no other
            await prescriptions.keep_content(db, content_id, draft, doctor, content())
    before = await rows(database)

    assert refusal(await acts(api, draft, "amend", visit.doctor)) == (409, "prescription.rounds_exhausted")
    assert await rows(database) == before
