"""What the HIS does not say, or refuses to say, while a suspension looks."""

from dataclasses import replace

import pytest

from models.revisit import State
from models.stores import suspension as suspensions
from models.suspension import SuspensionState
from tests.process.hospital import Hospital
from tests.suspension.builders import at, begun, runs_through, suspended, suspended_once, the_his_has


async def test_a_clinic_that_the_his_does_not_know_ends_as_unknown(hospital: Hospital) -> None:
    """Until it is told again, or pulled."""
    elsewhere = replace(await hospital.unit(), id="sch-elsewhere")
    desk = await suspended(hospital, elsewhere)

    await desk.happens()

    assert desk.state is SuspensionState.UNKNOWN
    assert await begun(hospital, elsewhere, "2") == desk.id, "told again"
    await desk.begin()
    await desk.happens()
    assert desk.state is SuspensionState.UNKNOWN
    async with hospital.database.transaction() as db:
        assert await suspensions.wake(db, ["sch-elsewhere"], hospital.clock()) == [desk.id]
        assert await suspensions.wake(db, ["sch-elsewhere"], hospital.clock()) == [], "it looks already"


@pytest.mark.parametrize(
    ("call", "code"), [("schedule", "his.not-found"), ("schedule", "his.invalid"), ("slots", "his.not-found"), ("doctors", "his.invalid")]
)
async def test_a_refusal_while_it_looks_at_a_clinic_that_we_know_is_no_answer(hospital: Hospital, call: str, code: str) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    hospital.his.refuses(call, code)

    await runs_through(await suspended(hospital, unit), visit)

    await suspended_once(visit, refunded=True)


async def test_a_silent_his_is_asked_until_it_answers(hospital: Hospital) -> None:
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)
    hospital.his.silent("schedule")
    desk = await suspended(hospital, unit)

    await runs_through(desk, visit)

    await suspended_once(visit, refunded=True)


async def test_told_before_the_his_itself_shows_it_the_stop_is_looked_at_again_when_it_does(hospital: Hospital) -> None:
    """A replica that lags, or a message sent before its commit: told again, or found by the pull, it is no news of the same version."""
    unit = await hospital.unit()
    visit = await at(hospital, unit, State.BOOKED)
    await the_his_has(hospital, unit, "1")
    early = await suspended(hospital, unit)
    await runs_through(early, visit)
    assert (early.state, visit.state) == (SuspensionState.DONE, State.BOOKED)
    await the_his_has(hospital, unit, "2", stopped=unit.slot_ids)

    assert await begun(hospital, unit, "2") == early.id
    await early.begin()
    await runs_through(early, visit)

    await suspended_once(visit, refunded=True)
