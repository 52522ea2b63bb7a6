"""候诊 over HTTP (P-4): how many are ahead, and what is told when it is one's turn."""

from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from models.revisit import State
from models.stores.database import Database
from tests.account.builders import patient_signed_in, signed_in
from tests.builders import Person, a_person
from tests.client import Hands
from tests.queue.builders import a_clinic_of, a_doctor_at_work, in_list
from tests.schedule.builders import Clinic, at


@pytest_asyncio.fixture
async def clinic(database: Database, clock: Hands) -> Clinic:
    return await a_clinic_of(database, await a_doctor_at_work(database, clock))


@pytest_asyncio.fixture
async def me(db: AsyncSession) -> Person:
    return await a_person(db)


@pytest_asyncio.fixture
async def headers(database: Database, clock: Hands, me: Person) -> dict[str, str]:
    return await signed_in(database, clock, me.account_id)


async def place(api: httpx.AsyncClient, visit_id: UUID, headers: dict[str, str]) -> Any:
    answer = await api.get(f"/v1/revisits/{visit_id}/queue", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_ahead_are_those_who_came_before(
    api: httpx.AsyncClient, db: AsyncSession, clinic: Clinic, me: Person, headers: dict[str, str]
) -> None:
    for minute in (1, 2, 8):
        await in_list(db, clinic, State.WAITING, checked_in_at=at(9, minute))
    await in_list(db, clinic, State.WAITING, checked_in_at=at(9), passed_over_at=at(9, 9))
    mine = await in_list(db, clinic, State.WAITING, checked_in_at=at(9, 5), person=me)

    told = await place(api, mine, headers)

    assert (told["ahead"], told["position"], told["waiting"]) == (2, 3, 5)
    assert (told["passed_over"], told["called"], told["doctor_state"], told["doctor_text"]) == (False, False, "ready", "医生出诊中")


async def test_who_was_passed_over_is_behind(
    api: httpx.AsyncClient, db: AsyncSession, clinic: Clinic, me: Person, headers: dict[str, str]
) -> None:
    await in_list(db, clinic, State.WAITING, checked_in_at=at(9, 5))
    mine = await in_list(db, clinic, State.WAITING, checked_in_at=at(9), passed_over_at=at(9, 9), person=me)

    told = await place(api, mine, headers)

    assert (told["ahead"], told["passed_over"]) == (1, True)


async def test_before_check_in_it_says_who_waits_already(
    api: httpx.AsyncClient, db: AsyncSession, clinic: Clinic, me: Person, headers: dict[str, str]
) -> None:
    await in_list(db, clinic, State.WAITING)
    await in_list(db, clinic, State.CONSULTING)
    mine = await in_list(db, clinic, State.BOOKED, person=me)

    told = await place(api, mine, headers)

    assert (told["ahead"], told["position"], told["doctor_state"]) == (1, None, "consulting")


async def test_called_until_entered(api: httpx.AsyncClient, db: AsyncSession, clinic: Clinic, me: Person, headers: dict[str, str]) -> None:
    mine = await in_list(db, clinic, State.CONSULTING, called_at=at(9, 28), due_at=at(9, 38), person=me)
    entered = await in_list(db, clinic, State.CONSULTING, called_at=at(9, 28), entered_at=at(9, 29), person=me)

    told = await place(api, mine, headers)

    assert (told["called"], told["called_at"], told["enter_until"]) == (True, "2026-11-25T01:28:00Z", "2026-11-25T01:38:00Z")
    assert (told["ahead"], told["position"]) == (None, None)
    assert (await place(api, entered, headers))["called"] is False


async def test_other_clinics_and_other_doctors_do_not_count(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, clinic: Clinic, me: Person, headers: dict[str, str]
) -> None:
    elsewhere = await a_clinic_of(database, await a_doctor_at_work(database, clock))
    await in_list(db, elsewhere, State.WAITING)
    await in_list(db, elsewhere, State.CONSULTING)
    mine = await in_list(db, clinic, State.WAITING, person=me)

    told = await place(api, mine, headers)

    assert (told["ahead"], told["waiting"], told["doctor_state"]) == (0, 1, "ready")


async def test_a_draft_has_no_queue_yet(
    api: httpx.AsyncClient, db: AsyncSession, clinic: Clinic, me: Person, headers: dict[str, str]
) -> None:
    draft = await in_list(db, clinic, State.CHOOSING, person=me, schedule_id=None, doctor_id=None)

    told = await place(api, draft, headers)

    assert (told["ahead"], told["position"], told["doctor_state"], told["unit_ends_at"]) == (None, None, None, None)


async def test_anothers_visit_is_not_there(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, clinic: Clinic
) -> None:
    theirs = await in_list(db, clinic, State.WAITING)
    _, stranger = await patient_signed_in(database, clock)

    refused = await api.get(f"/v1/revisits/{theirs}/queue", headers=stranger)

    assert (refused.status_code, refused.json()["code"]) == (404, "revisit.missing")
