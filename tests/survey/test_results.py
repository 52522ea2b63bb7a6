"""Results by doctor and department, to the hundredth; and of a doctor's own no more than what tells of nobody."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.kernel.clock import SHANGHAI
from models.stores.database import Database
from models.survey import ANSWERS_MIN
from tests.account.builders import signed_in, staff_signed_in
from tests.builders import Unit, a_unit
from tests.client import Hands
from tests.survey.builders import a_survey

Headers = dict[str, str]
NOON = datetime(2026, 2, 10, 12, 0, tzinfo=SHANGHAI)
"""In the month before the one in which the tests' clock stands."""
DAY = {"from": "2026-02-10", "to": "2026-02-10"}


@pytest_asyncio.fixture
async def manager(database: Database, clock: Hands) -> Headers:
    return (await staff_signed_in(database, clock, Role.MANAGEMENT))[1]


@pytest_asyncio.fixture
async def units(db: AsyncSession) -> tuple[Unit, Unit]:
    """Two doctors."""
    return await a_unit(db, NOON), await a_unit(db, NOON)


@pytest_asyncio.fixture
async def answers(db: AsyncSession, units: tuple[Unit, Unit]) -> None:
    """Two doctors of one department. The first: three asked, two answered. The second: one of one. And the days around it."""
    first, second = units
    await a_survey(db, first, NOON, {"overall": 5, "attitude": 5, "solved": True})
    await a_survey(db, first, NOON, {"overall": 4, "attitude": 2, "solved": False})
    await a_survey(db, first, NOON)
    await a_survey(db, second, NOON, {"overall": 3, "attitude": 3, "solved": True}, first.department_id)
    midnight = datetime(2026, 2, 10, tzinfo=SHANGHAI)
    for outside in (midnight - timedelta(seconds=1), midnight + timedelta(days=1)):
        await a_survey(db, first, outside, {"overall": 1})


async def results(api: httpx.AsyncClient, who: Headers, **query: str) -> dict[str, dict[str, Any]]:
    answer = await api.get("/v1/surveys/results", params=DAY | query, headers=who)
    return {one["id"]: one for one in answer.raise_for_status().json()["items"]}


def counted(one: dict[str, Any]) -> tuple[object, ...]:
    return (one["asked"], one["answered"], one["open"], one["rate"])


def means(one: dict[str, Any]) -> dict[str, str]:
    return {question["link_id"]: question["mean"] for question in one["questions"]}


@pytest.mark.usefixtures("answers")
async def test_by_doctor(api: httpx.AsyncClient, manager: Headers, units: tuple[Unit, Unit]) -> None:
    first, second = units

    found = await results(api, manager, by="doctor")

    assert set(found) == {first.doctor_id, second.doctor_id}
    assert (found[first.doctor_id]["name"], counted(found[first.doctor_id])) == ("王建国", (3, 2, 1, "0.67"))
    assert means(found[first.doctor_id]) == {"overall": "4.50", "attitude": "3.50", "clarity": "4.00", "ease": "4.00", "solved": "0.50"}
    assert [one["count"] for one in found[first.doctor_id]["questions"]] == [2] * 5
    assert counted(found[second.doctor_id]) == (1, 1, 0, "1.00")
    assert means(found[second.doctor_id])["overall"] == "3.00"


@pytest.mark.usefixtures("answers")
async def test_by_department(api: httpx.AsyncClient, manager: Headers, units: tuple[Unit, Unit]) -> None:
    [(department, found)] = (await results(api, manager, by="department")).items()

    assert (department, found["name"], counted(found)) == (units[0].department_id, "呼吸科", (4, 3, 1, "0.75"))
    assert means(found) == {"overall": "4.00", "attitude": "3.33", "clarity": "4.00", "ease": "4.00", "solved": "0.67"}


@pytest.mark.usefixtures("answers")
async def test_the_days_are_those_of_shanghai_and_both_count(api: httpx.AsyncClient, manager: Headers, units: tuple[Unit, Unit]) -> None:
    found = await results(api, manager, **{"from": "2026-02-09", "to": "2026-02-11"})

    assert counted(found[units[0].doctor_id]) == (5, 4, 1, "0.80")
    assert means(found[units[0].doctor_id])["overall"] == "2.75"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-02-11"}, "survey.days"),
        ({"to": "9999-12-31"}, "survey.days"),
        ({"from": "0001-01-01"}, "survey.days"),
        ({"from": "yesterday"}, "request.invalid"),
        ({"by": "patient"}, "request.invalid"),
    ],
)
async def test_days_that_are_none(api: httpx.AsyncClient, manager: Headers, query: dict[str, str], code: str) -> None:
    answer = await api.get("/v1/surveys/results", params=DAY | query, headers=manager)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def mine(api: httpx.AsyncClient, doctor: Headers, month: str = "2026-02") -> Any:
    answer = await api.get("/v1/surveys/mine", params={"month": month}, headers=doctor)
    return answer.raise_for_status().json()["result"]


async def test_a_doctor_reads_the_month_that_is_over_once_enough_have_answered(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, units: tuple[Unit, Unit]
) -> None:
    own, other = units
    doctor = await signed_in(database, clock, own.doctor_account_id)
    for _ in range(ANSWERS_MIN - 1):
        await a_survey(db, own, NOON, {"overall": 4})
        await a_survey(db, other, NOON, {"overall": 1})
    assert await mine(api, doctor) is None, "among four one would know who it was"

    await a_survey(db, own, datetime(2026, 2, 28, 23, 59, tzinfo=SHANGHAI), {"overall": 5})
    found = await mine(api, doctor)
    assert (found["id"], counted(found), means(found)["overall"]) == (own.doctor_id, (5, 5, 0, "1.00"), "4.20")

    await a_survey(db, own, NOON)
    assert await mine(api, doctor) is None, "who answers next would be told by the difference"


async def test_each_doctor_reads_of_their_own_alone(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, units: tuple[Unit, Unit]
) -> None:
    """Whoever of them comes first in order, and whoever nobody was asked about."""
    for score, unit in enumerate(units, start=4):
        for _ in range(ANSWERS_MIN):
            await a_survey(db, unit, NOON, {"overall": score})
    unasked = await a_unit(db, NOON)

    read = [await mine(api, await signed_in(database, clock, unit.doctor_account_id)) for unit in (*units, unasked)]

    assert [one and (one["id"], one["answered"], means(one)["overall"]) for one in read] == [
        (units[0].doctor_id, ANSWERS_MIN, "4.00"),
        (units[1].doctor_id, ANSWERS_MIN, "5.00"),
        None,
    ]


async def test_a_month_that_runs_is_not_told(
    api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands, units: tuple[Unit, Unit]
) -> None:
    doctor = await signed_in(database, clock, units[0].doctor_account_id)
    for _ in range(ANSWERS_MIN):
        await a_survey(db, units[0], clock() - timedelta(minutes=1), {"overall": 4})

    assert await mine(api, doctor, "2026-03") is None


async def test_others_results_are_not_a_doctors_to_read(
    api: httpx.AsyncClient, database: Database, clock: Hands, units: tuple[Unit, Unit], manager: Headers
) -> None:
    doctor = await signed_in(database, clock, units[0].doctor_account_id)

    for path, who in (("surveys/results", doctor), ("surveys/mine", manager)):
        answer = await api.get(f"/v1/{path}", params=DAY | {"month": "2026-02"}, headers=who)
        assert (answer.status_code, answer.json()["code"]) == (403, "account.forbidden")


@pytest.mark.parametrize("month", ["2026-13", "1999-12", "2026-2", "２０２６-02", "20２6-02"])
async def test_a_month_that_is_none_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands, month: str) -> None:
    _, doctor = await staff_signed_in(database, clock, Role.DOCTOR)
    answer = await api.get("/v1/surveys/mine", params={"month": month}, headers=doctor)

    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
