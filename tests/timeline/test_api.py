"""就诊详情 over HTTP (P-12): who did what, told to whom, and the trace that reading a record leaves."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from models.charge import ChargeState
from models.eligibility import PastVisit
from models.kernel import ids
from models.kernel.errors import known
from models.revisit import State
from models.stores import revisit as revisits
from models.stores import suspension as suspensions
from models.stores.database import Database
from models.stores.suspension import Met
from models.suspension import Outcome
from models.tables.process import TimelineRow
from tests.builders import a_charge
from tests.client import Hands
from tests.record.builders import Visit, a_visit_of_people, audited


async def done(database: Database, visit_id: UUID, name: str, by: UUID | None, clock: Hands) -> None:
    row = {"process": "revisit", "process_id": visit_id, "visit_id": visit_id, "step": ids.new().hex, "version": 1}
    async with database.transaction() as db:
        await db.execute(insert(TimelineRow).values(**row, name=name, before="paying", after="closing", by=by, at=clock()))


async def stopped(database: Database, visit: Visit, clock: Hands, *, by_the_hospital: bool = False) -> UUID:
    """It is found by a suspension of its clinic, or of its doctor."""
    async with database.transaction() as db:
        if by_the_hospital:
            begun = await suspensions.begin_of_doctor(db, visit.unit.doctor_id, visit.unit.doctor_account_id, clock(), policy="test-1")
        else:
            begun = await suspensions.begin(db, visit.unit.id, "2", clock(), policy="test-1")
        id = known(begun)
        clock.forward(seconds=1)
        await suspensions.keep(db, id, [Met(visit.id, ids.new(), Outcome.STOPPED)], clock())
    return id


async def account_of(api: httpx.AsyncClient, headers: dict[str, str]) -> UUID:
    return UUID((await api.get("/v1/account", headers=headers)).json()["account_id"])


async def test_a_step_is_told_by_the_side_that_asked_for_it(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """A relative acts for the patient, and is no doctor."""
    visit = await a_visit_of_people(database, clock, State.WAITING)
    for name, by in (
        ("booking.close", await account_of(api, visit.relative)),
        ("queue.accept", visit.unit.doctor_account_id),
        ("queue.remind", None),
    ):
        await done(database, visit.id, name, by, clock)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()

    assert [(step["step"], step["by"]) for step in told["steps"]] == [
        ("booking.close", "patient"),
        ("queue.accept", "doctor"),
        ("queue.remind", "system"),
    ]


@pytest.mark.parametrize(("leaving_as", "asked", "said"), [("suspended", False, "停诊处理中"), ("cancelled", True, "退号处理中")])
async def test_who_goes_since_the_clinic_stopped_did_not_ask_for_it(
    api: httpx.AsyncClient, database: Database, clock: Hands, leaving_as: str, asked: bool, said: str
) -> None:
    visit = await a_visit_of_people(database, clock, State.CLOSING, leaving_as=leaving_as)
    await done(database, visit.id, "booking.close", await account_of(api, visit.patient) if asked else None, clock)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()
    listed = (await api.get(f"/v1/patients/{visit.person.patient_id}/revisits", headers=visit.patient)).json()

    assert [told["revisit"]["state_text"], listed["items"][0]["state_text"], told["steps"][0]["state_text"]] == [said] * 3


async def test_what_met_the_clinic_is_told_as_the_cause_with_whose_word_it_is(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit = await a_visit_of_people(database, clock, State.BOOKED)
    stop, suspended = await stopped(database, visit, clock), await stopped(database, visit, clock, by_the_hospital=True)

    told = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()["suspensions"]

    assert [(one["suspension_id"], one["outcome_text"], one["by_text"]) for one in told] == [
        (str(stop), "停诊", "医院排班系统"),
        (str(suspended), "停诊", "医院暂停该医生出诊"),
    ]
    assert [one["schedule_id"] or one["doctor_id"] for one in told] == [visit.unit.id, visit.unit.doctor_id]
    assert "account_id" not in told[1], "who of the management it was is for the management"


Moves = list[tuple[str, str, str]]
WRITTEN: Moves = [
    ("prescription.open", "", "drafting"),
    ("prescription.submit", "drafting", "checking"),
    ("prescription.check", "checking", "signing"),
    ("signature.request", "signing", "signing"),
]
SIGNED: Moves = [*WRITTEN, ("signature.query", "signing", "queued")]
QUESTIONED: Moves = [
    ("review.approve", "queued", "countersigning"),
    ("signature.query", "countersigning", "queued"),
    ("review.question", "queued", "questioned"),
    ("prescription.amend", "questioned", "drafting"),
    ("prescription.submit", "drafting", "checking"),
    ("prescription.check", "checking", "signing"),
    ("signature.query", "signing", "queued"),
]
APPROVED: Moves = [("review.approve", "queued", "countersigning"), ("signature.query", "countersigning", "pricing")]
REVIEWING, PASSED = ("药师审核中", "药师审核中"), ("药师审方通过", "计价中")


async def walked(database: Database, visit_id: UUID, process: str, moves: Moves, clock: Hands) -> None:
    """One process of the visit, a minute a step."""
    row = {"process": process, "process_id": ids.new(), "visit_id": visit_id}
    async with database.transaction() as db:
        for version, (name, before, after) in enumerate(moves):
            step = {"step": f"{name}@{version}", "version": version, "name": name, "before": before, "after": after}
            await db.execute(insert(TimelineRow).values(**row, **step, at=clock() + timedelta(minutes=version)))


async def steps_of(api: httpx.AsyncClient, visit: Visit, headers: dict[str, str]) -> list[dict[str, Any]]:
    return (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=headers)).json()["steps"]


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        (WRITTEN, []),
        ([*WRITTEN, ("prescription.withdraw", "signing", "withdrawn")], []),
        (SIGNED, [REVIEWING]),
        ([*SIGNED, *QUESTIONED], [REVIEWING]),
        ([*SIGNED, *QUESTIONED, *APPROVED], [REVIEWING, PASSED]),
        ([*SIGNED, *APPROVED, ("drug.price", "pricing", "returned")], [REVIEWING, PASSED, REVIEWING]),
        ([*SIGNED, ("prescription.withdraw", "queued", "withdrawn")], [REVIEWING, ("撤回处方", "已撤回")]),
        ([*SIGNED, ("prescription.expire", "queued", "expired")], [REVIEWING, ("处方已过期", "已过期")]),
    ],
)
async def test_between_the_two_signatures_the_patient_is_told_one_thing(
    api: httpx.AsyncClient, database: Database, clock: Hands, moves: Moves, told: list[tuple[str, str]]
) -> None:
    """Whose desk it lies on is the hospital's affair, and a draft its doctor's; the staff reads each step."""
    visit = await a_visit_of_people(database, clock, State.CONSULTING)
    await walked(database, visit.id, "prescription", moves, clock)

    theirs, ours = [await steps_of(api, visit, who) for who in (visit.patient, visit.doctor)]

    assert [(one["title"], one["state_text"]) for one in theirs] == told
    assert [one["step"] for one in ours] == [name for name, _, _ in moves]
    assert not {one["state"] for one in theirs} & {"drafting", "questioned", "returned", "countersigning"}


async def test_what_was_done_again_and_again_and_changed_nothing_is_told_once(
    api: httpx.AsyncClient, database: Database, clock: Hands
) -> None:
    visit, begins = await a_visit_of_people(database, clock, State.CLOSED), clock()
    again = ("refund.apply", "cleared", "cleared")
    await walked(database, visit.id, "refund", [again, again, again, ("refund.apply", "cleared", "accepted")], clock)
    await walked(database, visit.id, "refund", [again], clock)

    steps = await steps_of(api, visit, visit.patient)

    assert sorted((one["state_text"], one["times"], one["last_at"] is None) for one in steps) == [
        ("已申请退费", 1, True),
        ("已申请退费", 3, False),
        ("退费中", 1, True),
    ]
    [often] = [one for one in steps if one["times"] == 3]
    assert [datetime.fromisoformat(often[at]) for at in ("at", "last_at")] == [begins, begins + timedelta(minutes=2)]


async def test_money_says_what_it_is_for(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CLOSED)
    async with database.transaction() as db:
        for payable in ("revisit", "prescription"):
            await a_charge(db, visit.id, ChargeState.CLOSED, payable=payable, payable_id=ids.new())

    money = (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=visit.patient)).json()["money"]

    assert sorted((one["payable"], one["payable_text"]) for one in money) == [("prescription", "药费"), ("revisit", "医事服务费")]


async def test_past_visits_read_by_a_relative_leave_a_trace(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    visit = await a_visit_of_people(database, clock, State.CONSENTING)
    past = PastVisit(encounter_id="enc-1", ended_at=clock() - timedelta(days=30), department="呼吸科", department_id="d")
    async with database.transaction() as db:
        await revisits.keep_past_visits(db, visit.id, (past,))
    url = f"/v1/revisits/{visit.id}/past-visits"

    for headers in (visit.patient, visit.relative):
        assert [one["encounter_id"] for one in (await api.get(url, headers=headers)).json()] == ["enc-1"]
    assert (await api.get(url, headers=visit.stranger)).json()["code"] == "revisit.missing"

    relative = await account_of(api, visit.relative)
    assert await audited(database, visit.id, "revisit:past_visits") == [(relative, "relative")]
