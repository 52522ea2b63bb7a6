"""Quiet hours: what can wait is sent in the morning; what cannot goes at once, and is held up by nothing that waits (P-13.2)."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from models.account import Role
from models.kernel import ids
from models.kernel.clock import SHANGHAI
from models.message import CODES, TEXTS, Template, Waits
from models.policy import STANDARD, TEST, Policy
from models.revisit import State
from models.stores import message as store
from models.stores import notices
from models.stores.database import Database
from models.tables.message import MessageRow
from tests.account.builders import a_staff_member
from tests.builders import LONG_AGO, a_visit, rules

NIGHT = datetime(2026, 11, 30, 23, 30, tzinfo=SHANGHAI)
MORNING = datetime(2026, 12, 1, 7, tzinfo=SHANGHAI)
SAID = {
    "time": "12月1日 06:30",
    "minutes": "5",
    "department": "呼吸科",
    "doctor": "王建国",
    "reason": "您已退号",
    "amount": "50.00",
    "code": "4711",
    "visit": ids.new().hex,
    "carrier": "顺丰速运",
    "tail": "0001",
    "until": "就诊单元开始前（11月25日08:00）可在线免费退号。",
}


async def visiting(database: Database, starts_at: datetime | None = None, lasts: timedelta = timedelta(hours=3)) -> UUID:
    """A visit whose clinic begins then."""
    ends_at = starts_at + lasts if starts_at else None
    async with database.transaction() as db:
        await rules(db)
        return await a_visit(db, State.BOOKED, slot_starts_at=starts_at, unit_ends_at=ends_at)


async def tell(database: Database, visit_id: UUID, template: Template, at: datetime, about: UUID | None = None) -> None:
    params = {name: SAID[name] for name in TEXTS[template].variables}
    async with database.transaction() as db:
        await notices.tell_patient(db, visit_id, template, at, about=about, **params)


async def due(database: Database, visit_id: UUID) -> list[datetime]:
    async with database.reading() as db:
        return list(await db.scalars(select(MessageRow.due_at).where(MessageRow.visit_id == visit_id).order_by(MessageRow.due_at)))


@pytest.mark.parametrize(
    ("hour", "ends"),
    [(21, None), (22, (1, 7)), (23, (1, 7)), (24, (1, 7)), (30, (1, 7)), (31, None), (36, None)],
)
def test_they_last_from_ten_in_the_evening_to_seven(hour: int, ends: tuple[int, int] | None) -> None:
    policy = Policy(version="1", line="standard", effective_at=LONG_AGO, rules=STANDARD)
    at = datetime(2026, 11, 30, tzinfo=SHANGHAI) + timedelta(hours=hour)

    assert policy.quiet_until(at) == (datetime(2026, 12, *ends, tzinfo=SHANGHAI) if ends else at)


@pytest.mark.parametrize(("begin", "end", "quiet"), [(0, 0, False), (82_800, 82_800, False), (72_000, 86_399, True), (0, 3_600, False)])
def test_a_manager_may_set_others_or_none(begin: int, end: int, *, quiet: bool) -> None:
    changed = STANDARD.model_copy(update={"quiet_from_s": begin, "quiet_until_s": end})
    policy = Policy(version="1", line="standard", effective_at=LONG_AGO, rules=changed)

    assert (policy.quiet_until(NIGHT) > NIGHT) is quiet
    assert Policy(version="1", line="test", effective_at=LONG_AGO, rules=TEST).quiet_until(NIGHT) == NIGHT


async def test_what_can_wait_is_sent_in_the_morning(database: Database) -> None:
    visit_id = await visiting(database)

    await tell(database, visit_id, Template.REFUND_ARRIVED, NIGHT)

    assert await due(database, visit_id) == [MORNING]


async def test_by_day_nothing_waits(database: Database) -> None:
    visit_id = await visiting(database)

    await tell(database, visit_id, Template.REFUND_ARRIVED, MORNING)

    assert await due(database, visit_id) == [MORNING]


@pytest.mark.parametrize(
    ("starts_at", "at_once"),
    [
        (MORNING - timedelta(hours=1), True),  # before the quiet hours end
        (NIGHT - timedelta(hours=1), True),  # a clinic by night, held now
        (MORNING, False),
        (MORNING + timedelta(hours=2), False),
        (NIGHT - timedelta(hours=14), False),  # over for hours
    ],
)
async def test_of_a_clinic_that_is_held_before_the_morning_the_patient_is_told_at_once(
    database: Database, starts_at: datetime, *, at_once: bool
) -> None:
    visit_id = await visiting(database, starts_at)

    await tell(database, visit_id, Template.REVISIT_CANCELLED, NIGHT)

    assert await due(database, visit_id) == [NIGHT if at_once else MORNING]


async def test_what_is_urgent_is_not_held_up_by_what_waits(database: Database) -> None:
    visit_id = await visiting(database)
    await tell(database, visit_id, Template.REFUND_ARRIVED, NIGHT)
    await tell(database, visit_id, Template.PRESCRIPTION_APPROVED, NIGHT + timedelta(minutes=1))

    async with database.transaction() as db:
        [now] = await store.take(db, NIGHT + timedelta(minutes=2), 10)
        assert now.template is Template.PRESCRIPTION_APPROVED
        await store.was_sent(db, now, "biz", MORNING)
        assert await store.take(db, MORNING - timedelta(seconds=1), 10) == []
        [later] = await store.take(db, MORNING, 10)

    assert later.template is Template.REFUND_ARRIVED


@pytest.mark.parametrize("template", [Template.REVIEW_WAITING, Template.DRUGS_UNCOLLECTED, Template.DELIVERY_WAITING])
async def test_staff_is_woken_for_what_runs_out_alone(database: Database, template: Template) -> None:
    visit_id = await visiting(database)
    async with database.transaction() as db:
        await a_staff_member(db, Role.PHARMACIST)
        await notices.tell_office(db, visit_id, template, Role.PHARMACIST, NIGHT, about=visit_id)

    assert await due(database, visit_id) == [NIGHT if TEXTS[template].waits is Waits.NEVER else MORNING]


@pytest.mark.parametrize("template", [one for one in Template if TEXTS[one].patients and one not in CODES])
async def test_a_move_tells_once_however_often_it_is_done(database: Database, template: Template) -> None:
    visit_id, about = await visiting(database), ids.new()

    for _ in range(2):
        await tell(database, visit_id, template, NIGHT)
    assert len(await due(database, visit_id)) == 1

    for _ in range(2):
        await tell(database, visit_id, template, NIGHT, about)
    assert len(await due(database, visit_id)) == 2, "another thing that it is about is another message"
