"""我的诊室 over HTTP (D-2.1): my 就诊单元, their four lists, each booking in exactly one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.queue import QueueList
from models.revisit import State
from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.account.builders import patient_signed_in
from tests.builders import a_charge
from tests.client import Hands
from tests.queue.builders import Doctor, a_clinic_of, a_doctor_at_work, in_list
from tests.schedule.builders import TODAY, Clinic, at

YESTERDAY = TODAY - timedelta(days=1)


async def ask(api: httpx.AsyncClient, path: str, doctor: Doctor, **query: str | int) -> Any:
    answer = await api.get(path, params=query, headers=doctor.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def listed(api: httpx.AsyncClient, clinic: Clinic, doctor: Doctor, which: QueueList) -> list[Any]:
    return (await ask(api, f"/v1/queue/{clinic.schedule_id}", doctor, list=which))["items"]


def counts(unit: Any) -> dict[str, int]:
    return {one["list"]: one["count"] for one in unit["lists"]}


async def test_todays_units_the_running_one_first_to_be_shown(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    doctor = await a_doctor_at_work(database, clock)
    morning, afternoon = await a_clinic_of(database, doctor), await a_clinic_of(database, doctor, starts_at=at(14))
    await a_clinic_of(database, doctor, on=TODAY + timedelta(days=1))
    await a_clinic_of(database, doctor, on=YESTERDAY)
    await a_clinic_of(database, await a_doctor_at_work(database, clock))

    found = (await ask(api, "/v1/queue", doctor))["items"]

    assert [(one["schedule_id"], one["current"]) for one in found] == [(morning.schedule_id, True), (afternoon.schedule_id, False)]
    assert found[0]["lists"] == [
        {"list": "booked", "text": "待报到", "count": 0},
        {"list": "waiting", "text": "待接诊", "count": 0},
        {"list": "consulting", "text": "问诊中", "count": 0},
        {"list": "ended", "text": "已结束", "count": 0},
    ]


async def test_yesterdays_unit_stays_while_it_runs(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    doctor = await a_doctor_at_work(database, clock)
    night = await a_clinic_of(database, doctor, on=YESTERDAY, starts_at=at(22, on=YESTERDAY))

    clock.at = at(0, 59)
    running = await ask(api, "/v1/queue", doctor)
    clock.at = at(1)
    over = await ask(api, "/v1/queue", doctor)

    assert [one["schedule_id"] for one in running["items"]] == [night.schedule_id]
    assert over["items"] == []


@pytest.mark.parametrize("state", [State.WAITING, State.CONSULTING])
async def test_an_older_unit_stays_while_it_holds_someone(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, state: State
) -> None:
    doctor = await a_doctor_at_work(database, clock)
    old = await a_clinic_of(database, doctor, on=TODAY - timedelta(days=3))
    await in_list(db, old, state)

    assert [one["schedule_id"] for one in (await ask(api, "/v1/queue", doctor))["items"]] == [old.schedule_id]


async def test_each_booking_is_in_exactly_one_list(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    visits = {state: await in_list(db, clinic, state) for state in State}

    found = {which: {one["revisit_id"] for one in await listed(api, clinic, doctor, which)} for which in QueueList}
    (unit,) = (await ask(api, "/v1/queue", doctor))["items"]

    ended = {State.ENDED, State.CLOSED, State.DECLINED, State.ABSENT}
    assert found == {
        QueueList.BOOKED: {str(visits[State.BOOKED])},
        QueueList.WAITING: {str(visits[State.WAITING])},
        QueueList.CONSULTING: {str(visits[State.CONSULTING])},
        QueueList.ENDED: {str(visits[state]) for state in ended},
    }
    assert counts(unit) == {"booked": 1, "waiting": 1, "consulting": 1, "ended": 4}


async def test_a_cancelled_visit_is_shown_when_it_had_been_booked(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands
) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    for state in (ChargeState.SETTLED, ChargeState.CLOSED, ChargeState.UNSETTLED):
        visit_id = await in_list(db, clinic, State.CANCELLED)
        await _with_charge(db, visit_id, state)

    found = await listed(api, clinic, doctor, QueueList.ENDED)

    assert [(one["state_text"], one["badge"]) for one in found] == [("已退号", "已退号")]


async def test_a_badge_tells_other_ends(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    for minute, state in enumerate((State.ENDED, State.CLOSED, State.DECLINED, State.ABSENT)):
        await in_list(db, clinic, state, moved_at=at(10, minute))

    found = await listed(api, clinic, doctor, QueueList.ENDED)

    assert [(one["state"], one["badge"]) for one in found] == [
        ("absent", "未就诊"),
        ("declined", "已退诊"),
        ("closed", None),
        ("ended", None),
    ]


async def test_the_queue_is_by_check_in_and_who_was_passed_over_is_behind(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands
) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    late = await in_list(db, clinic, State.WAITING, checked_in_at=at(9, 20))
    passed = await in_list(db, clinic, State.WAITING, checked_in_at=at(9), passed_over_at=at(9, 25))
    early = await in_list(db, clinic, State.WAITING, checked_in_at=at(9, 10))

    found = await listed(api, clinic, doctor, QueueList.WAITING)

    assert [(one["revisit_id"], one["position"], one["waiting_s"], one["passed_over"]) for one in found] == [
        (str(early), 1, 1200, False),
        (str(late), 2, 600, False),
        (str(passed), 3, 1800, True),
    ]


async def test_a_row_tells_whom_the_doctor_treats(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    visit_id = await in_list(db, clinic, State.CONSULTING, called_at=at(9, 15), entered_at=at(9, 16))

    (row,) = await listed(api, clinic, doctor, QueueList.CONSULTING)

    assert 70 <= row.pop("age") <= 76
    assert row == {
        "revisit_id": str(visit_id),
        "version": 0,
        "state": "consulting",
        "state_text": "问诊中",
        "badge": None,
        "name": "张秀英",
        "slot_starts_at": "2026-11-25T01:00:00Z",
        "checked_in_at": "2026-11-25T01:00:00Z",
        "waiting_s": None,
        "position": None,
        "passed_over": False,
        "called_at": "2026-11-25T01:15:00Z",
        "entered": True,
        "ended_at": None,
        "chat_number": 0,
        "refill": False,
        "unstable": False,
    }


@pytest.mark.parametrize("which", list(QueueList))
async def test_page_after_page(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, which: QueueList) -> None:
    doctor = await a_doctor_at_work(database, clock)
    clinic = await a_clinic_of(database, doctor)
    for _ in range(5):  # all at the same instant
        await in_list(db, clinic, State(which), moved_at=at(10))
    path = f"/v1/queue/{clinic.schedule_id}"

    whole = (await ask(api, path, doctor, list=which))["items"]
    first = await ask(api, path, doctor, list=which, limit=2)
    second = await ask(api, path, doctor, list=which, limit=2, after=first["next"])
    third = await ask(api, path, doctor, list=which, limit=2, after=second["next"])

    assert first["items"] + second["items"] + third["items"] == whole
    assert (len(whole), third["next"]) == (5, None)


async def test_a_colleagues_clinic_is_not_there(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    doctor, colleague = await a_doctor_at_work(database, clock), await a_doctor_at_work(database, clock)
    theirs = await a_clinic_of(database, colleague)
    await in_list(db, theirs, State.WAITING)
    _, patient = await patient_signed_in(database, clock)

    for schedule_id, headers, refusal in [
        (theirs.schedule_id, doctor.headers, (404, "queue.missing")),
        ("unit-none", doctor.headers, (404, "queue.missing")),
        ("a b", doctor.headers, (404, "request.missing")),
        (theirs.schedule_id, patient, (403, "account.forbidden")),
    ]:
        answer = await api.get(f"/v1/queue/{schedule_id}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == refusal


async def _with_charge(db: AsyncSession, visit_id: UUID, state: ChargeState) -> None:
    charge_id = await a_charge(db, visit_id, state)
    await db.execute(update(RevisitRow).where(RevisitRow.id == visit_id).values(charge_id=charge_id))
