"""号源筛选 over HTTP (P-2.3)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.schedule import SlotState
from models.stores.database import Database
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.client import Hands, key
from tests.schedule.builders import TODAY, a_clinic, a_department, a_doctor, at, pulled

TOMORROW = TODAY + timedelta(days=1)


@pytest_asyncio.fixture
async def me(database: Database, clock: Hands) -> dict[str, str]:
    _, headers = await patient_signed_in(database, clock)
    return headers


async def ask(api: httpx.AsyncClient, path: str, me: dict[str, str], **query: str | int) -> Any:
    answer = await api.get(path, params=query, headers=me)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_two_levels_with_the_places_left(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession) -> None:
    doctor = await a_doctor(db)
    await a_department(db, "resp-asthma")
    await a_clinic(db, doctor, slots=2, capacity=5, taken=1)
    await a_clinic(db, doctor, on=TOMORROW, slots=1)

    today = await ask(api, "/v1/departments", me, on=TODAY.isoformat())
    ever = await ask(api, "/v1/departments", me)

    (first,) = today["items"]
    assert (first["id"], first["left"]) == ("resp", 8)
    assert {child["id"]: child["left"] for child in first["children"]} == {"resp-copd": 8, "resp-asthma": 0}
    assert ever["items"][0]["left"] == 13


async def test_slots_of_the_whole_hospital_from_now_on(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession, clock: Hands) -> None:
    here, there = await a_doctor(db), await a_doctor(db, department_id=await a_department(db, "surg-1", below="surg"))
    await a_clinic(db, here, slots=2)
    await a_clinic(db, there, department_id="surg-1", starts_at=at(14), slots=1)
    clock.at = at(10, 30)  # the first slot is over, the second runs

    found = await ask(api, "/v1/slots", me)

    assert [(one["doctor_id"], one["starts_at"]) for one in found["items"]] == [
        (here, "2026-11-25T02:00:00Z"),
        (there, "2026-11-25T06:00:00Z"),
    ]
    assert found["items"][0] | {"id": "", "schedule_id": ""} == {
        "id": "",
        "schedule_id": "",
        "department_id": "resp-copd",
        "department": "resp-copd门诊",
        "doctor_id": here,
        "doctor": "王建国",
        "title": "主任医师",
        "on": "2026-11-25",
        "period": "morning",
        "starts_at": "2026-11-25T02:00:00Z",
        "ends_at": "2026-11-25T03:00:00Z",
        "unit_starts_at": "2026-11-25T01:00:00Z",
        "unit_ends_at": "2026-11-25T03:00:00Z",
        "fee_fen": 5000,
        "left": 5,
        "state": "open",
    }


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ({"on": TODAY.isoformat()}, {"copd"}),
        ({"on": TOMORROW.isoformat()}, {"surgery"}),
        ({"department_id": "resp"}, {"copd"}),
        ({"department_id": "resp-copd"}, {"copd"}),
        ({"department_id": "surg"}, {"surgery"}),
        ({"department_id": "nowhere"}, set[str]()),
    ],
)
async def test_by_day_and_by_department_of_either_level(
    api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession, query: dict[str, str], units: set[str]
) -> None:
    surgeon = await a_doctor(db, department_id=await a_department(db, "surg-1", below="surg"))
    copd = await a_clinic(db, await a_doctor(db))
    surgery = await a_clinic(db, surgeon, department_id="surg-1", on=TOMORROW)
    names = {copd.schedule_id: "copd", surgery.schedule_id: "surgery"}

    found = await ask(api, "/v1/slots", me, **query)

    assert {names[one["schedule_id"]] for one in found["items"]} == units


async def test_after_midnight_the_rest_of_last_evening_is_todays(
    api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession, clock: Hands
) -> None:
    yesterday = TODAY - timedelta(days=1)
    night = await a_clinic(db, await a_doctor(db), on=yesterday, starts_at=at(22, on=yesterday), slots=4)
    clock.at = at(0, 30)

    found = await ask(api, "/v1/slots", me, on=TODAY.isoformat())

    assert [one["id"] for one in found["items"]] == list(night.slot_ids[2:])


async def test_sold_out_and_stopped_are_shown_as_such(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession) -> None:
    doctor = await a_doctor(db)
    await a_clinic(db, doctor, slots=1, capacity=2, taken=2)
    await a_clinic(db, doctor, slots=1, starts_at=at(14), state=SlotState.STOPPED)

    found = await ask(api, "/v1/slots", me)

    assert [(one["left"], one["state"]) for one in found["items"]] == [(0, "open"), (0, "stopped")]


async def test_page_after_page_each_slot_once(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession) -> None:
    for _ in range(3):  # slots that start together
        await a_clinic(db, await a_doctor(db), slots=3)

    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await ask(api, "/v1/slots", me, limit=2, **after)
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}

    assert len(seen) == len(set(seen)) == 9


async def test_a_cursor_is_of_its_list(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession) -> None:
    await a_clinic(db, await a_doctor(db))
    first = await ask(api, "/v1/slots", me, limit=1)

    for after, on in [(first["next"], TODAY.isoformat()), ("x", ""), ("é", ""), (first["next"][:-2], "")]:
        query = {"after": after} | ({"on": on} if on else {})
        refused = await api.get("/v1/slots", params=query, headers=me)
        assert (refused.status_code, refused.json()["code"]) == (400, "request.cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"on": "2026-11-24"}, "schedule.past"),
        ({"on": "0001-01-01"}, "schedule.past"),
        ({"on": "2027-01-25"}, "schedule.too_far"),
        ({"on": "9999-12-31"}, "schedule.too_far"),
        ({"on": "2026-02-30"}, "request.invalid"),
        ({"on": "heute"}, "request.invalid"),
        ({"limit": "0"}, "request.invalid"),
        ({"limit": "101"}, "request.invalid"),
        ({"department_id": "'; drop table slot"}, "request.invalid"),
        ({"doctor_id": "x" * 65}, "request.invalid"),
    ],
)
async def test_what_no_day_or_page_is(api: httpx.AsyncClient, me: dict[str, str], query: dict[str, str], code: str) -> None:
    refused = await api.get("/v1/slots", params=query, headers=me)

    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_the_sixtieth_day_is_still_asked_for(api: httpx.AsyncClient, me: dict[str, str]) -> None:
    assert (await ask(api, "/v1/slots", me, on="2027-01-24"))["items"] == []


async def test_each_answer_says_how_old_it_is(api: httpx.AsyncClient, me: dict[str, str], db: AsyncSession) -> None:
    never = await ask(api, "/v1/slots", me)
    await pulled(db, at(9, 25), failed_at=at(9, 29))

    for path in ("/v1/slots", "/v1/departments"):
        told = await ask(api, path, me)
        assert (told["synced_at"], told["age_s"], told["failed_at"]) == ("2026-11-25T01:25:00Z", 300, "2026-11-25T01:29:00Z")
    assert (never["synced_at"], never["age_s"], never["failed_at"]) == (None, None, None)


async def test_who_may_pull_it_now(api: httpx.AsyncClient, me: dict[str, str], database: Database, clock: Hands) -> None:
    _, manager = await staff_signed_in(database, clock, Role.MANAGEMENT)

    as_patient = await api.post("/v1/schedule/syncs", headers=me | key())
    without_key = await api.post("/v1/schedule/syncs", headers=manager)
    without_temporal = await api.post("/v1/schedule/syncs", headers=manager | key())

    assert (as_patient.status_code, as_patient.json()["code"]) == (403, "account.forbidden")
    assert (without_key.status_code, without_key.json()["code"]) == (400, "request.key_missing")
    assert (without_temporal.status_code, without_temporal.json()["code"]) == (503, "service.unavailable")
