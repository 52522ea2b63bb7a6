"""`make run` a second time on the same data: everybody's visit goes on from where it stood. The engine's file lost: `test_all_lost.py`."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
import pytest_asyncio

from models.kernel.clock import now
from tests.journeys.hospital import Hospital
from tests.journeys.people import refused
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long


@pytest_asyncio.fixture
async def left(hospital: Hospital) -> AsyncIterator[dict[str, Visit]]:
    """Visits that people had not finished when the hospital was switched off; the last one has a place for seconds only."""
    yield {state: await hospital.visit(state) for state in ("waiting", "booked", "entered", "describing")}


async def test_unfinished_visits_go_on(hospital: Hospital, left: dict[str, Visit]) -> None:
    drafted = await left["describing"].now()
    await hospital.stack.stop()
    with pytest.raises(httpx.TransportError):
        await hospital.http.get("/health/live")
    await hospital.stack.start()

    asked = await left["describing"].attempt("cancel")
    if not asked.is_success:  # its place is held for seconds, and the hospital may have been off for longer: then it was given back
        refused(asked, 409, "revisit.not_now")
        assert datetime.fromisoformat(drafted["due_at"]) < now()
    reason = (await left["describing"].until("cancelled"))["reason"]
    assert reason == ("patient" if asked.is_success else "timed_out")
    await _all_go_on(left)


async def _all_go_on(left: dict[str, Visit]) -> None:
    await left["waiting"].to("closed")
    await left["booked"].to("closed")
    await left["entered"].to("closed")
    for visit in (left["waiting"], left["booked"], left["entered"]):
        steps = [step for step in await visit.steps() if step != "queue.urge"]
        assert len(steps) == len(set(steps))
        assert [one["status"] for one in await visit.appointments()] == ["fulfilled"]
    await left["describing"].until("cancelled")
    assert [one["status"] for one in await left["describing"].appointments()] == ["cancelled"]
    refused(await left["describing"].attempt("describe", {"text": "活动后气短较前减轻，偶有咳嗽。"}), 409, "revisit.not_now")
