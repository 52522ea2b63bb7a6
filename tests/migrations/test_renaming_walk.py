"""The worked example of docs/migrations.md on a whole stack: visits in every state, taken over by the release that calls one otherwise."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from stack.part import HttpPart, Part
from stack.programs import SERVING_STOP_WITHIN_S, program
from stack.supervisor import Stack
from tests.auditor import Kind, assert_nothing_differs, audit
from tests.build.takeover import STATES, all_end, opened, running, taken_over, visits_in_every_state, while_people_go_on
from tests.house.rooms import HOUSE
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, until
from tests.journeys.visit import Visit
from tests.migrations.releases import CONTRACT, EXPAND, revisions, second_release
from tests.migrations.revisions import upgrade
from worker.build import build_of

pytestmark = [pytest.mark.long, pytest.mark.spare]
OLD, NEW = "waiting", "queueing"


class TwoReleases(Stack):
    """Its API can be that of another tree, where the first one was."""

    def api_of(self, code: Path) -> Part:
        process = program("API", self._data.log("api-of-second"), ["api"], self._ours, code)
        return HttpPart(process, self._ports.api, "/health/ready", stop_within_s=SERVING_STOP_WITHIN_S)


class Renamed(Visit):
    """A screen that knows the new word."""

    async def now(self) -> Json:
        told = await super().now()
        assert told["state"] != OLD
        return told | {"state": OLD if told["state"] == NEW else told["state"]}


@pytest_asyncio.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    async with opened(TwoReleases(tmp_path / "stack"), tmp_path / "stack") as hospital:
        yield hospital


async def test_visits_in_every_state_go_on_while_one_changes_its_name(hospital: Hospital, tmp_path: Path) -> None:
    stack, url, sandbox = hospital.stack, hospital.stack.addresses.database_url, hospital.stack.addresses.sandbox
    assert isinstance(stack, TwoReleases)
    example, second = revisions(tmp_path / "revisions"), second_release(tmp_path / "second")
    visits = await visits_in_every_state(hospital)

    # The second release's migration, then its worker beside that of the first; people still meet the first one's API.
    await upgrade(url, example, to=EXPAND)
    async with running(stack.worker_beside(second)):
        await while_people_go_on(visits, lambda: taken_over(hospital, build_of(second)))
        queued = visits.straight[STATES.index(OLD) - 1]
        assert (await queued.now())["state"] == OLD
        await visits.left.until("cancelled")
        await visits.signing.until_record("filed")
        await visits.parcel.until("completed")
        standing = {*(f"revisit.{state}" for state in STATES), "charge.open", "message.due"}  # by night texts wait for the morning
        await assert_nothing_differs(url, sandbox, standing=standing, column_keys=hospital.column_keys, within_s=30)

        # The contract comes when the first release has gone, and not before.
        with pytest.raises(DBAPIError, match=f"a worker of build {build_of(HOUSE)}"):
            await upgrade(url, example, to=CONTRACT)
        await stack.stop_part("worker")
        with pytest.raises(DBAPIError, match="a program at"):
            await upgrade(url, example, to=CONTRACT)
        await stack.stop_part("api")
        async with running(stack.api_of(second)):
            await upgrade(url, example, to=CONTRACT)
            renamed = [Renamed(hospital, visit.patient, visit.id) for visit in visits.straight]
            assert (await Visit.now(renamed[visits.straight.index(queued)]))["state"] == NEW
            await all_end(replace(visits, straight=renamed))

            # The timeline is never changed: who stood in the queue at that moment came by the old name and left by the new one.
            async def found() -> set[tuple[Kind, str]]:
                return {
                    (one.kind, str(one.visit))
                    for one in await audit(url, sandbox, standing={"message.due"}, column_keys=hospital.column_keys)
                }

            await until("nothing to differ but the seam", found, lambda seen: seen == {(Kind.TIMELINE_GAP, queued.id)}, 30)
