"""The mirror after a pull: what the HIS no longer tells of is not offered."""

from datetime import timedelta

import pytest

from models.kernel.clock import business_day
from models.schedule import SlotState
from models.stores import directory
from models.stores.database import Database
from models.tables.directory import SlotRow
from tests.builders import a_unit
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard


async def state(database: Database, slot_id: str) -> str:
    async with database.reading() as db:
        return (await db.get_one(SlotRow, slot_id)).state


@pytest.mark.parametrize(("ahead", "then"), [(timedelta(days=1), SlotState.STOPPED), (timedelta(days=9), SlotState.OPEN)])
async def test_a_unit_that_is_gone_from_the_days_pulled_is_stopped(
    database: Database, clock: Hands, ahead: timedelta, then: SlotState
) -> None:
    """As when the HIS takes a whole 就诊单元 away; of other days the pull says nothing."""
    async with database.transaction() as db:
        unit = await a_unit(db, clock() + ahead)
        today = business_day(clock())
        await directory.write(db, (), (), (), (), clock(), days=tuple(today + timedelta(days=day) for day in range(-1, 8)))

    assert await state(database, unit.slot_ids[0]) == then


async def test_the_pull_names_its_days(database: Database, clock: Hands) -> None:
    hospital = Hospital(database, clock, Unheard())
    unit = await hospital.unit(timedelta(days=1))
    sync = next(one for one in hospital.activities if one.__name__ == "sync")

    assert await sync() == 0, "the HIS has none any more"
    assert await state(database, unit.slot_ids[0]) == SlotState.STOPPED
