"""病历 over HTTP: its doctor writes it until the end, its two sides read it, and who else reads leaves a trace (D-4)."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from models.account import Role
from models.record import RecordState
from models.revisit import State
from models.stores.database import Database
from models.tables.process import TimelineRow
from models.tables.record import RecordSigningRow
from models.tables.revisit import RevisitRow
from tests.account.builders import staff_signed_in
from tests.builders import rules
from tests.client import Hands, key
from tests.process.hospital import Hospital, Unheard
from tests.record.builders import Visit, a_visit_of_people, audited

RECORD: dict[str, Any] = {
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


# Signed


async def in_the_room(database: Database, clock: Hands, state: State = State.CONSULTING) -> Visit:
    """A visit with everybody around it, and the rules by which it has begun."""
    async with database.transaction() as db:
        await rules(db)
    return await a_visit_of_people(database, clock, state)


async def written(api: httpx.AsyncClient, database: Database, clock: Hands) -> Visit:
    """In 问诊中, its record saved."""
    visit = await in_the_room(database, clock)
    assert (await api.put(f"/v1/revisits/{visit.id}/record", json=RECORD, headers=visit.doctor)).status_code == 200
    return visit


async def signs(api: httpx.AsyncClient, visit: Visit, headers: dict[str, str]) -> httpx.Response:
    """Under a key of its own, unless it has one."""
    return await api.post(f"/v1/revisits/{visit.id}/record/sign", json={}, headers=key() | headers)


async def moved(database: Database, state: RecordState, reason: str | None = None) -> None:
    """As if its process had led there."""
    async with database.transaction() as db:
        await db.execute(update(RecordSigningRow).values(state=state, reason=reason))


async def many(database: Database) -> int:
    async with database.reading() as db:
        return await db.scalar(select(func.count()).select_from(RecordSigningRow)) or 0


async def test_asked_to_be_signed_it_waits_for_the_doctors_phone(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await written(api, database, clock)

    asked = await signs(api, visit, visit.doctor)
    read = (await api.get(f"/v1/revisits/{visit.id}/record", headers=visit.doctor)).json()

    told = asked.json()
    assert (asked.status_code, told["state"], told["state_text"], told["round"]) == (201, "signing", "待医生签名", 1)
    assert (told["allowed"], told["revisit_id"], told["due_at"] > told["created_at"]) == (["withdraw"], str(visit.id), True)
    assert (read["signing"], read["signed"], read["record"]) == (told, None, RECORD)
    async with database.reading() as db:
        assert list(await db.scalars(select(TimelineRow.process).where(TimelineRow.name == "record.open"))) == ["record"]


async def test_sent_again_it_is_the_same_signing(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await written(api, database, clock)
    once = visit.doctor | key()

    first, again = [await signs(api, visit, once) for _ in range(2)]

    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert await many(database) == 1


async def test_while_it_is_to_be_signed_nothing_is_saved_and_nothing_signed_beside_it(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await written(api, database, clock)
    await signs(api, visit, visit.doctor)

    for answer in (
        await signs(api, visit, visit.doctor),
        await api.put(f"/v1/revisits/{visit.id}/record", json=RECORD, headers=visit.doctor),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "record.signing")
        assert "撤回" in answer.json()["title"]
    await moved(database, RecordState.WITHDRAWN)
    assert (await signs(api, visit, visit.doctor)).json()["round"] == 2


@pytest.mark.parametrize("state", [State.WAITING, State.ENDED, State.DECLINED])
async def test_it_is_signed_in_the_visit(api: httpx.AsyncClient, database: Database, clock: Hands, state: State) -> None:
    visit = await in_the_room(database, clock, state)

    assert (await signs(api, visit, visit.doctor)).json()["code"] == "record.not_now"


async def test_what_is_not_written_is_not_signed(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await in_the_room(database, clock)

    assert (await signs(api, visit, visit.doctor)).json()["code"] == "record.missing"
    assert (await api.post(f"/v1/revisits/{visit.id}/record/sign", json={}, headers=visit.doctor)).json()["code"] == "request.key_missing"
    assert await many(database) == 0


async def test_only_its_doctor_signs_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await written(api, database, clock)
    _, manager = await staff_signed_in(database, clock, Role.MANAGEMENT)

    assert (await signs(api, visit, visit.other_doctor)).json()["code"] == "revisit.missing"
    for who in (visit.patient, visit.relative, manager):
        assert (await signs(api, visit, who)).json()["code"] == "account.forbidden"
    record_id = (await signs(api, visit, visit.doctor)).json()["id"]
    withdraw = f"/v1/records/{record_id}/withdraw"
    assert (await api.post(withdraw, json={}, headers=key() | visit.other_doctor)).json()["code"] == "record.no_signing"
    assert (await api.post(withdraw, json={}, headers=key() | visit.patient)).json()["code"] == "account.forbidden"
    assert (await api.post(f"/v1/records/{record_id}/retry", json={}, headers=key() | visit.doctor)).json()["code"] == "account.forbidden"
    assert (await api.get("/v1/records", headers=visit.doctor)).json()["code"] == "account.forbidden"


async def test_both_sides_read_who_signed_it_and_when(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await in_the_room(database, clock)
    await Hospital(database, clock, Unheard()).recorded(visit.id, visit.unit.doctor_account_id)
    path = f"/v1/revisits/{visit.id}/record"
    signed = (await api.get(path, headers=visit.doctor)).json()
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(state=State.ENDED))

    read = (await api.get(path, headers=visit.patient)).json()

    assert (signed["signing"]["state"], signed["signing"]["allowed"]) == ("filed", [])
    assert (read["signed"], read["signing"]) == (signed["signed"], None)
    assert read["signed"]["signed_at"] == clock().isoformat().replace("+00:00", "Z")
    assert read["signed"]["name"]


async def test_what_is_changed_after_its_signature_is_a_draft(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await in_the_room(database, clock)
    await Hospital(database, clock, Unheard()).recorded(visit.id, visit.unit.doctor_account_id)
    assert (await signs(api, visit, visit.doctor)).json()["code"] == "record.signed"

    changed = (await api.put(f"/v1/revisits/{visit.id}/record", json=RECORD, headers=visit.doctor)).json()

    assert (changed["signed"], changed["signing"]["state"]) == (None, "filed")
    assert (await signs(api, visit, visit.doctor)).json()["round"] == 2


async def test_management_reads_what_the_his_has_refused_and_nothing_of_what_it_says(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    _, manager = await staff_signed_in(database, clock, Role.MANAGEMENT)
    stuck: list[str] = []
    for _ in range(3):
        visit = await written(api, database, clock)
        stuck.append((await signs(api, visit, visit.doctor)).json()["id"])
        clock.forward(seconds=1)
    await moved(database, RecordState.STUCK, "his.invalid")

    first = (await api.get("/v1/records", params={"limit": 2}, headers=manager)).json()
    second = (await api.get("/v1/records", params={"limit": 2, "after": first["next"]}, headers=manager)).json()

    assert [one["id"] for one in first["items"] + second["items"]] == stuck
    assert second["next"] is None
    assert {(one["state"], one["reason"], *one["allowed"]) for one in first["items"]} == {("stuck", "his.invalid", "retry")}
    assert RECORD["content"]["complaint"] not in str(first)
    assert (await api.get("/v1/records", params={"after": "x"}, headers=manager)).json()["code"] == "request.cursor"
