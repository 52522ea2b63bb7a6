"""待取药: who does not come is reminded, then the pharmacy has a task; only the HIS's word that it was handed out ends it."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, insert, select, update
from structlog.testing import capture_logs

from models.account import Role
from models.drug import Dispensing
from models.kernel import ids
from models.message import Template
from models.policy import STANDARD
from models.prescription import Choose, PrescriptionState, Way
from models.process import Alarm
from models.stores.database import Database
from models.tables.prescription import PrescriptionRow
from models.tables.process import TimelineRow
from tests.account.builders import staff_signed_in
from tests.client import Hands
from tests.prescription.builders import a_prescription
from tests.prescription.desk import Case, later, written
from tests.process.hospital import Hospital
from tests.record.builders import a_visit_of_people

S = PrescriptionState
REMIND, OFFICE = timedelta(seconds=STANDARD.pickup_remind_s), timedelta(seconds=STANDARD.pickup_office_s)


async def waits(case: Case, until: timedelta) -> int:
    """Nobody comes for so long after it was ready; answers how often the HIS was asked meanwhile."""
    ends, asked = await ready_at(case) + until, 0
    while case.now.wake_at is not None and case.now.wake_at <= ends:
        await case.desk.alarm()
        asked += 1
    later(case, seconds=(ends - case.hospital.clock()).total_seconds())
    return asked


async def ready_at(case: Case) -> datetime:
    async with case.hospital.database.reading() as db:
        first = await db.scalar(select(func.min(TimelineRow.at)).where(TimelineRow.process_id == case.id, TimelineRow.after == S.READY))
    assert first is not None
    return first


async def told(case: Case, template: Template) -> int:
    return (await case.hospital.told(case.visit.id)).count(template)


async def test_it_has_a_time_to_be_fetched_in(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)

    assert case.now.due_at == hospital.clock() + OFFICE


@pytest.mark.long
async def test_the_patient_is_reminded_once(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)

    await waits(case, REMIND - timedelta(seconds=1))
    assert await told(case, Template.DRUGS_WAITING) == 0
    await waits(case, REMIND)
    assert await told(case, Template.DRUGS_WAITING) == 1
    await waits(case, OFFICE * 2)

    assert await told(case, Template.DRUGS_WAITING) == 1


@pytest.mark.long
async def test_then_the_pharmacy_has_a_task_told_once_to_each_and_nothing_ends_by_time(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)

    with capture_logs() as lines:
        await waits(case, OFFICE - timedelta(seconds=1))
        assert await told(case, Template.DRUGS_UNCOLLECTED) == 0
        await waits(case, OFFICE)
        assert (case.state, case.now.due_at) == (S.READY, None)
        await waits(case, OFFICE * 4)

    assert await told(case, Template.DRUGS_UNCOLLECTED) == 1, "there is one pharmacist"
    assert [one["event"] for one in lines].count("drug.uncollected") == 1
    assert case.state is S.READY
    await case.pharmacy(Dispensing.HANDED_OUT)
    assert (case.state, case.now.wake_at) == (S.COMPLETED, None)


async def test_fetched_in_time_nobody_hears_of_it(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)
    await waits(case, REMIND - timedelta(hours=1))

    await case.pharmacy(Dispensing.HANDED_OUT)

    assert case.state is S.COMPLETED
    assert not {Template.DRUGS_WAITING, Template.DRUGS_UNCOLLECTED} & set(await hospital.told(case.visit.id))


async def test_fetched_at_the_last_moment_it_is_no_task(hospital: Hospital) -> None:
    """The HIS is asked first, and its report may have been lost."""
    case = await (await written(hospital)).to(S.READY)
    await waits(case, OFFICE - timedelta(seconds=1))
    hospital.his.goes_on(case.now.content_id, Dispensing.HANDED_OUT)
    later(case, days=1)

    await case.desk.alarm()

    assert case.state is S.COMPLETED
    assert await told(case, Template.DRUGS_UNCOLLECTED) == 0


async def test_what_was_ready_before_there_was_a_time_gets_one(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.READY)
    since = hospital.clock()
    async with hospital.database.transaction() as db:
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == case.id).values(due_at=None))
    await case.desk.begin()

    await case.desk.alarm()

    assert case.now.due_at == since + OFFICE


async def test_the_longer_it_waits_the_rarer_the_his_is_asked(hospital: Hospital) -> None:
    """A report comes by itself; a week of questions every minute would be ten thousand."""
    case = await (await written(hospital)).to(S.READY)

    assert await waits(case, timedelta(hours=1)) < 30
    assert await waits(case, OFFICE) < 250


async def test_at_the_hospital_too_and_never_past_its_validity(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.CHOOSING)
    await case.does(Choose, way=Way.AT_HOSPITAL)
    asked = 0

    while case.state is S.AT_HOSPITAL:
        assert case.now.wake_at is not None
        assert case.now.due_at is not None
        assert case.now.wake_at <= case.now.due_at
        case.hospital.clock.at = case.now.wake_at  # type: ignore[attr-defined]
        await case.desk.happens(Alarm())
        asked += 1

    assert (case.state, asked < 60) == (S.EXPIRED, True)


# The pharmacy's list


async def test_the_pharmacy_finds_what_has_no_time_left(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock)
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)
    made = [await a_prescription(database, clock, visit, S.READY, due_at=None) for _ in range(3)]
    await a_prescription(database, clock, visit, S.READY, due_at=clock() + OFFICE)
    await a_prescription(database, clock, visit, S.COMPLETED, due_at=None)
    async with database.transaction() as db:
        for number in made:
            said = {"process": "prescription", "process_id": number, "visit_id": visit.id, "step": str(ids.new()), "name": "drug.query"}
            await db.execute(insert(TimelineRow).values(**said, version=9, before=S.DISPENSING, after=S.READY, at=clock()))

    found, after = list[str](), None
    while True:
        page = (
            await api.get("/v1/drugs/uncollected", params={"limit": 2} | ({"after": after} if after else {}), headers=pharmacist)
        ).json()
        found += [one["id"] for one in page["items"]]
        if not (after := page["next"]):
            break

    assert sorted(found) == sorted(map(str, made))
    for who in (visit.patient, visit.doctor):
        assert (await api.get("/v1/drugs/uncollected", headers=who)).status_code == 403


@pytest.mark.parametrize("after", ["nonsense", "", "e30"])
async def test_a_cursor_that_is_none(api: httpx.AsyncClient, database: Database, clock: Hands, after: str) -> None:
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    answer = await api.get("/v1/drugs/uncollected", params={"after": after}, headers=pharmacist)

    assert (answer.status_code, answer.json()["code"]) == (400, "request.cursor")
