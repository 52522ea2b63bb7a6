"""Who is told that prescriptions wait for review: each pharmacist of all of them at once, and again after a pause (D-3.1)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select

from models.account import Role
from models.kernel import ids
from models.message import TEXTS, Template
from models.policy import STANDARD
from models.prescription import PrescriptionState
from models.stores import message_history, notices
from models.stores.database import Database
from models.tables.account import GrantRow
from models.tables.message import MessageRow
from models.tables.prescription import PrescriptionRow
from tests.account.builders import a_phone, a_staff_member
from tests.builders import a_visit, rules
from tests.client import Hands
from tests.prescription.desk import a_pharmacist, written
from tests.process.hospital import Hospital

S = PrescriptionState
PAUSE = timedelta(seconds=STANDARD.review_remind_s)
PHARMACISTS, WAITING, AT_ONCE = 20, 300, 8


async def waiting(database: Database, since: Sequence[datetime], held_until: datetime | None = None) -> list[UUID]:
    """In the queue since then; answers the visits."""
    async with database.transaction() as db:
        policy = (await rules(db)).version
        visit_id = await a_visit(db)
        row = {"visit_id": visit_id, "account_id": ids.new(), "state": S.QUEUED, "policy": policy, "held_until": held_until}
        own = [{"id": ids.new(), "content_id": ids.new(), "queued_at": at, "created_at": at, "moved_at": at} for at in since]
        await db.execute(insert(PrescriptionRow).values([row | one for one in own]))
    return [visit_id] * len(since)


async def tell(database: Database, visit_id: UUID, at: datetime, role: Role = Role.PHARMACIST) -> None:
    async with database.transaction() as db:
        await notices.tell_queue(db, visit_id, role, at, PAUSE)


async def texts(database: Database) -> list[tuple[str, str]]:
    """To whom and what."""
    async with database.reading() as db:
        rows = await db.scalars(select(MessageRow).order_by(MessageRow.due_at))
        said = [(row.template, *message_history.opened(db, row)) for row in rows]
        return [(phone, TEXTS[Template(template)].shown(params)) for template, phone, params in said]


async def test_each_pharmacist_is_told_once_of_all_that_waits(own_database: Database, clock: Hands) -> None:
    """300 prescriptions have waited long at one moment, and their processes say so at once; later ones are told of after the pause."""
    phones = [a_phone() for _ in range(PHARMACISTS)]
    async with own_database.transaction() as db:
        for phone in phones:
            await a_staff_member(db, Role.PHARMACIST, phone=phone)
        await a_staff_member(db, Role.DOCTOR)
    visits = await waiting(own_database, [clock() - PAUSE - timedelta(seconds=one) for one in range(WAITING)])

    moments = [clock() + timedelta(milliseconds=one) for one in range(AT_ONCE)]
    await asyncio.gather(*map(tell, [own_database] * AT_ONCE, visits, moments))
    await tell(own_database, visits[0], clock() + PAUSE - timedelta(seconds=1))

    first = await texts(own_database)
    assert sorted(phone for phone, _ in first) == sorted(phones)
    assert {text for _, text in first} == {"有300张处方待审核，最久已等待34分钟，请及时处理。"}

    await tell(own_database, visits[0], moments[-1] + PAUSE)
    again = (await texts(own_database))[PHARMACISTS:]
    assert sorted(phone for phone, _ in again) == sorted(phones)
    assert {text for _, text in again} == {"有300张处方待审核，最久已等待64分钟，请及时处理。"}


async def test_the_pause_is_each_persons_own(database: Database, clock: Hands) -> None:
    """Who became a pharmacist meanwhile is told; who is of the management too is not told twice."""
    both = a_phone()
    [visit_id] = await waiting(database, [clock() - PAUSE])
    async with database.transaction() as db:
        account_id = await a_staff_member(db, Role.PHARMACIST, phone=both)
        db.add(GrantRow(account_id=account_id, role=Role.MANAGEMENT))
    await tell(database, visit_id, clock())
    async with database.transaction() as db:
        await a_staff_member(db, Role.PHARMACIST, phone=(late := a_phone()))

    await tell(database, visit_id, clock() + timedelta(minutes=1))
    await tell(database, visit_id, clock() + timedelta(minutes=1), Role.MANAGEMENT)

    assert [phone for phone, _ in await texts(database)] == [both, late]


async def test_nothing_that_has_waited_long_goes_untold(hospital: Hospital) -> None:
    """One that comes to its time within the pause was in the number that was told; the management hears of it as ever."""
    await a_pharmacist(hospital)
    first = await (await written(hospital)).to(S.QUEUED)
    hospital.clock.at += PAUSE / 2  # type: ignore[attr-defined]
    second = await (await written(hospital)).to(S.QUEUED)

    await first.desk.alarm()
    [told] = {text for _, text in await texts(hospital.database) if "张处方" in text}
    assert told.startswith("有2张处方待审核，最久已等待30分钟")
    await second.desk.alarm()
    assert {text for _, text in await texts(hospital.database) if "张处方" in text} == {told}

    assert (second.state, second.now.last_call) == (S.QUEUED, False), "not silent until its end"
    await first.desk.alarm()
    assert first.now.last_call


async def test_what_a_pharmacist_is_reading_waits_for_nobody_else(database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        await a_staff_member(db, Role.PHARMACIST, phone=a_phone())
    [held] = await waiting(database, [clock() - 2 * PAUSE], held_until=clock() + PAUSE)
    await tell(database, held, clock())
    assert await texts(database) == []

    await waiting(database, [clock() - PAUSE])
    await tell(database, held, clock())
    assert [text for _, text in await texts(database)] == ["有1张处方待审核，最久已等待30分钟，请及时处理。"]
