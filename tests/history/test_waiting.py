"""Why a step waited, on a real Temporal: each cause with its attempts, while it is tried and afterwards; the hand before hides none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from models.revisit import State
from tests.history.visits import Desk, a_desk, rests
from tests.process.running import SOON_S, Running

pytestmark = pytest.mark.long


@pytest_asyncio.fixture
async def desk(running: Running, folder: Path) -> AsyncIterator[Desk]:
    async with a_desk(running.database, running.client, folder) as desk:
        yield desk


async def held(desk: Desk, running: Running, visit_id: Any, attempts: int) -> Any:
    """The step that locks the slot, once it was tried so often."""
    async with asyncio.timeout(SOON_S):
        while True:
            steps = [one for one in (await desk.reads(visit_id))["story"] if one["name"] == "booking.hold" and one["what"] == "step"]
            if steps and (steps[-1]["attempts"] or 0) >= attempts:
                return steps[-1]
            await asyncio.sleep(0.1)


async def test_the_hand_before_never_hides_why_a_step_waits(desk: Desk, running: Running) -> None:
    """The HIS is silent twice; until its time is up, each hand that comes after finds the first still at work."""
    visit = await (await running.opened()).to(State.CHOOSING)
    running.his.silent("lock", times=2)
    chosen = asyncio.create_task(visit.chooses())

    now = await held(desk, running, visit.id, 3)
    assert (now["outcome"], now["waited_for"], now["causes"][0]["cause"]) == (None, "outside.unknown", "outside.unknown")
    await running.hand_time_is_up()
    await chosen

    done = await held(desk, running, visit.id, 3)
    assert done["outcome"] == "describing"
    assert done["causes"] == [{"cause": "outside.unknown", "cause_text": "对方系统没有答复", "attempts": 2}]
    assert done["waited_for"] == "outside.unknown"


async def test_a_charge_that_nobody_has_ordered_yet_waits_for_its_patient(desk: Desk, running: Running) -> None:
    visit = await (await running.opened()).to(State.PAYING)
    await rests(running.client.get_workflow_handle(f"charge/{visit.charge_id}"))

    [*_, wait] = [one for one in (await desk.reads(visit.id))["story"] if one["process"] == "charge"]

    assert (wait["what"], wait["name"], wait["title"], wait["waited_for"]) == ("wait", "open", "待缴费", "patient")
    assert wait["took_s"] is None
    assert wait["until"]
