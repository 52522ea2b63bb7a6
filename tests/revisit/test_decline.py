"""退诊 (D-2.3): what the doctor said is sealed, travels nowhere, and is read by the visit's two sides."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from models.kernel import ids
from models.revisit import Decline, DeclineReason, State
from models.stores import revisit as revisits
from models.stores.database import Database
from models.tables.revisit import NoteRow
from models.timeline import DECLINE_TEXTS
from tests.account.builders import signed_in
from tests.client import Hands, key
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened
from tests.record.builders import a_visit_of_people, audited

NOTE = "血氧偏低，请尽快到院做动脉血气分析。"


async def declined_with_a_note(hospital: Hospital) -> Visit:
    """As the API does it: the words first, then the step with their id."""
    visit, note_id = await (await opened(hospital)).to(State.CONSULTING), ids.new()
    async with hospital.database.transaction() as db:
        await revisits.keep_note(db, note_id, visit.id, visit.unit.doctor_account_id, NOTE)
    await visit.does(Decline, reason=DeclineReason.OTHER, note_id=note_id)
    return visit


async def test_the_doctors_words_are_sealed_and_travel_nowhere(hospital: Hospital) -> None:
    await declined_with_a_note(hospital)

    async with hospital.database.reading() as db:
        [sealed] = await db.scalars(select(NoteRow.text))
        assert NOTE.encode() not in sealed
        for table in ("revisit", "timeline", "inbox", "audit", "message", "refund"):
            rows = (await db.execute(text(f"select row_to_json({table})::text from {table}"))).scalars().all()
            assert not [row for row in rows if NOTE in row], table


async def test_both_sides_of_the_visit_read_them(hospital: Hospital, api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await declined_with_a_note(hospital)

    for account in (visit.person.account_id, visit.unit.doctor_account_id):
        told = await api.get(f"/v1/revisits/{visit.id}/decline", headers=await signed_in(database, clock, account))
        assert (told.status_code, told.json()) == (200, {"reason": "other", "text": DECLINE_TEXTS[DeclineReason.OTHER], "note": NOTE})


async def test_who_is_not_of_the_visit_does_not_and_a_relative_leaves_a_trace(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock, State.DECLINED, declined_for=DeclineReason.UNREACHABLE)
    url = f"/v1/revisits/{visit.id}/decline"

    assert (await api.get(url, headers=visit.relative)).json() == {
        "reason": "unreachable",
        "text": "医生未能联系到您，请重新预约。",
        "note": None,
    }
    for headers in (visit.stranger, visit.other_doctor):
        refusal = await api.get(url, headers=headers)
        assert (refusal.status_code, refusal.json()["code"]) == (404, "revisit.missing")
    assert (await api.get(url)).status_code == 401
    assert [purpose for _, purpose in await audited(database, visit.id, "revisit:decline")] == ["relative"]


async def test_of_a_visit_that_nobody_declined_there_is_nothing_to_read(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CANCELLED)

    refusal = await api.get(f"/v1/revisits/{visit.id}/decline", headers=visit.patient)

    assert (refusal.status_code, refusal.json()["code"]) == (404, "revisit.not_declined")


BAD: dict[str, dict[str, object]] = {
    "other without words": {"reason": "other"},
    "other with blanks": {"reason": "other", "note": "  \n "},
    "no reason": {"note": NOTE},
    "a reason that is none": {"reason": "tired"},
    "a field that is none": {"reason": "in_person", "note_id": str(UUID(int=1))},
    "words without end": {"reason": "in_person", "note": "长" * 100_001},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_a_decline_that_says_nothing_is_refused(
    api: httpx.AsyncClient, database: Database, clock: Hands, body: dict[str, object]
) -> None:
    visit = await a_visit_of_people(database, clock, State.WAITING)

    refusal = await api.post(f"/v1/revisits/{visit.id}/decline", json=body, headers=visit.doctor | key())

    assert (refusal.status_code, refusal.json()["code"]) == (422, "request.invalid")
    assert NOTE not in refusal.text
    async with database.reading() as db:
        assert (await db.scalars(select(NoteRow.id))).all() == []


async def test_only_the_visits_doctor_declines(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.WAITING)
    url, body = f"/v1/revisits/{visit.id}/decline", {"reason": "in_person", "note": NOTE}

    answers = [await api.post(url, json=body, headers=who | key()) for who in (visit.patient, visit.other_doctor)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "account.forbidden"), (404, "revisit.missing")]
    async with database.reading() as db:
        assert (await db.scalars(select(NoteRow.id))).all() == []


async def test_words_for_a_visit_that_can_no_more_be_declined_are_not_kept(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock, State.CLOSED)

    refusal = await api.post(f"/v1/revisits/{visit.id}/decline", json={"reason": "other", "note": NOTE}, headers=visit.doctor | key())

    assert refusal.status_code == 503, "Temporal is not there in this test, and nothing was done"
    async with database.reading() as db:
        assert (await db.scalars(select(NoteRow.id))).all() == []
