"""病历 over HTTP: its doctor writes it until the end, its two sides read it, and who else reads leaves a trace (D-4)."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from models.revisit import State
from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.client import Hands
from tests.record.builders import a_visit_of_people, audited

RECORD = {
    "content": {"complaint": "活动后气短复诊", "history": "慢阻肺病史，规律吸入治疗。", "advice": "继续原方案，四周后复查肺功能。"},
    "diagnosis_code": "J44.900",
    "diagnosis_text": "慢性阻塞性肺疾病",
}


async def test_saved_again_it_replaces_what_was_there(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    path = f"/v1/revisits/{visit.id}/record"

    first = await api.put(path, json=RECORD, headers=visit.doctor)
    second = await api.put(path, json=RECORD | {"diagnosis_code": "J44.100"}, headers=visit.doctor)
    read = await api.get(path, headers=visit.doctor)

    assert (first.status_code, second.status_code) == (200, 200)
    assert read.json()["record"] == RECORD | {"diagnosis_code": "J44.100"}
    assert await audited(database, visit.id, "record:write") == [(visit.unit.doctor_account_id, None)] * 2


@pytest.mark.parametrize("state", [State.WAITING, State.ENDED, State.CLOSED, State.DECLINED])
async def test_only_while_consulting(api: httpx.AsyncClient, database: Database, clock: Hands, state: State) -> None:
    visit = await a_visit_of_people(database, clock, state)

    refused = await api.put(f"/v1/revisits/{visit.id}/record", json=RECORD, headers=visit.doctor)

    assert (refused.status_code, refused.json()["code"]) == (409, "record.not_now")


async def test_others_do_not_find_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    path = f"/v1/revisits/{visit.id}/record"
    await api.put(path, json=RECORD, headers=visit.doctor)

    for who in (visit.stranger, visit.other_doctor):
        assert (await api.get(path, headers=who)).json()["code"] == "revisit.missing"
    assert (await api.put(path, json=RECORD, headers=visit.other_doctor)).json()["code"] == "revisit.missing"
    assert (await api.put(path, json=RECORD, headers=visit.patient)).json()["code"] == "account.forbidden"
    assert await audited(database, visit.id, "record:read") == []


async def test_the_patient_reads_it_after_the_end(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    path = f"/v1/revisits/{visit.id}/record"
    await api.put(path, json=RECORD, headers=visit.doctor)

    early = await api.get(path, headers=visit.patient)
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(state=State.ENDED))
    late = await api.get(path, headers=visit.patient)

    assert (early.status_code, early.json()["code"]) == (404, "record.not_written")
    assert late.json()["record"] == RECORD


async def test_who_reads_anothers_record_leaves_a_trace(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.ENDED)

    for who in (visit.patient, visit.doctor, visit.relative):
        assert (await api.get(f"/v1/revisits/{visit.id}/record", headers=who)).json()["code"] == "record.not_written"

    assert [purpose for _, purpose in await audited(database, visit.id, "record:read")] == ["treatment", "relative"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        RECORD | {"diagnosis_code": "感冒"},
        RECORD | {"diagnosis_code": "j44.9"},
        RECORD | {"diagnosis_text": " "},
        RECORD | {"signed": True},
        RECORD | {"content": {"complaint": "咳嗽", "history": "有"}},
        RECORD | {"content": {"complaint": "咳" * 2001, "history": "有", "advice": "无"}},
        RECORD | {"content": {"complaint": "a\u0000b", "history": "有", "advice": "无"}},
    ],
)
async def test_what_no_record_is(api: httpx.AsyncClient, database: Database, clock: Hands, body: dict[str, Any]) -> None:
    visit = await a_visit_of_people(database, clock)

    refused = await api.put(f"/v1/revisits/{visit.id}/record", json=body, headers=visit.doctor)

    assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")
