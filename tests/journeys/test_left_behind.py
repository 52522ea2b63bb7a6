"""What the chaos does when its weather is over: it looks whether whoever was left is looked after, brings each to an end, and holds the
house to what it answered."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from models.kernel import ids
from tests.chaos.aftercare import brought_to_an_end, refunds_settled
from tests.chaos.calm import forgotten, rightly_waiting
from tests.chaos.client import Kept, Looked, Persistent
from tests.chaos.verdict import lost, unseen
from tests.chaos.walker import described, talked
from tests.journeys.backstage import backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read
from tests.journeys.prescription import queued
from tests.journeys.visit import EXITS, STRAIGHT, Visit

pytestmark = pytest.mark.long


@pytest.mark.parametrize("state", STRAIGHT[:-2])
async def test_whoever_is_left_standing_is_brought_to_an_end(hospital: Hospital, state: str) -> None:
    assert await brought_to_an_end(await hospital.visit(state)) in EXITS


async def test_a_parcel_that_nobody_takes_is_brought_to_an_end(hospital: Hospital) -> None:
    """It has to be looked at by the carrier first."""
    mine = await (await queued(await hospital.visit("entered"))).handed_over(detail="北马厂人工核实149号")
    await mine.parcel()

    assert await brought_to_an_end(mine.visit) in EXITS

    assert (await mine.now())["state"] == "completed"


async def test_a_refund_that_is_stuck_is_done_or_withdrawn(hospital: Hospital) -> None:
    took_place, left = await hospital.visit("closed"), await hospital.visit("booked")
    read(await hospital.finance.post(f"/v1/charges/{await took_place.charge_id()}/refunds", {}, key=key()))
    await hospital.will("CLOSED", (await left.charge())["orders"][-1]["order_id"])
    await left.act("cancel")
    for visit in (took_place, left):
        await visit.refund("stuck")

    told = await refunds_settled(hospital, [took_place, left])

    assert [(await visit.refunds())[-1]["state"] for visit in (took_place, left)] == ["withdrawn", "arrived"]
    assert [line for line in told if took_place.id in line or left.id in line] == []


async def test_who_has_no_run_and_whose_alarm_does_not_ring_is_told_until_they_are_looked_after(hospital: Hospital) -> None:
    visit = await hospital.visit("waiting")  # its doctor is reminded within seconds
    await hospital.stack.kill("worker")
    try:
        await (await hospital.temporal()).get_workflow_handle(f"revisit/{visit.id}").terminate("nobody walks it")

        told = await rightly_waiting(hospital, within_s=1)
    finally:
        await hospital.stack.start_part("worker")

    assert {line for line in told if visit.id in line} >= {
        f"revisit={visit.id} stands as waiting, and nothing runs it",
        f"revisit={visit.id} stands as waiting since its alarm",
    }
    assert [line for line in await rightly_waiting(hospital) if visit.id in line] == []
    await visit.to("closed")


async def test_what_nothing_will_wake_is_looked_for(hospital: Hospital) -> None:
    """An alarm that is gone, a charge that is; who waits for a doctor is somebody's task."""
    booked, paying, consulting = visits = [await hospital.visit(state) for state in ("booked", "paying", "entered")]
    spoilt = ((booked, "wake_at = null", "wake_at = due_at"), (paying, "charge_id = null", f"charge_id = '{await paying.charge_id()}'"))
    async with backstage(hospital) as behind:

        async def told() -> set[str]:
            return {line for line in await forgotten(behind) if any(one.id in line for one in visits)}

        async def written(visit: Visit, what: str) -> None:
            async with behind.transaction() as db:
                await db.execute(text(f"update revisit set {what} where id = :id"), {"id": visit.id})

        assert await told() == set()
        for visit, gone, _ in spoilt:
            await written(visit, gone)
        assert await told() == {
            f"revisit={booked.id} stands as booked, and nothing will wake it",
            f"revisit={paying.id} stands as paying, and nothing will wake it",
        }
        for visit, _, back in spoilt:
            await written(visit, back)
    for visit in (booked, paying, consulting):
        await visit.to("closed")


async def test_what_was_said_and_handed_in_is_looked_for(hospital: Hospital) -> None:
    visit, line = await hospital.visit("describing"), Persistent()
    async with httpx.AsyncClient(base_url=hospital.stack.addresses.api, transport=line) as http:
        visit.patient.speak(http)
        await described(visit)
        await talked(await visit.to("entered"))
    visit.patient.speak(hospital.http)

    assert [one.table for one in line.kept] == ["intake_file", "charge_order", "chat"]  # the doctor speaks over another line
    async with backstage(hospital) as behind:
        assert await lost(behind, line.kept, line.said) == []
        assert len(await lost(behind, [*line.kept, Kept("chat", ids.new())], line.said)) == 1
        assert {one.of for one in line.said} >= {"describe", "chat"}
        assert len(await lost(behind, [], {place: {"text": "……"} for place in line.said})) == len(line.said)
        assert len(await lost(behind, [], {place: {"file_ids": []} for place in line.said if place.of == "describe"})) == 1
    await visit.to("closed")


async def test_what_staff_were_shown_is_looked_for_in_the_audit(hospital: Hospital) -> None:
    visit, doctor = await hospital.visit("entered"), hospital.doctor
    account = UUID((await doctor.ask("/v1/account"))["account_id"])
    line = Persistent({doctor.headers["Authorization"]: account})
    async with httpx.AsyncClient(base_url=hospital.stack.addresses.api, transport=line) as http:
        doctor.speak(http)
        visit.patient.speak(http)
        for reader in (doctor, visit.patient):
            await reader.ask(f"{visit.path}/intake")
    for reader in (doctor, visit.patient):
        reader.speak(hospital.http)

    described = Looked("intake:read", UUID(visit.id), account)
    assert line.looked == {described: 1}  # one's own is read by no audit
    async with backstage(hospital) as behind:
        assert await unseen(behind, line.looked) == []
        assert len(await unseen(behind, {described: 2})) == 1
        assert len(await unseen(behind, {described._replace(by=ids.new()): 1})) == 1
    await visit.to("closed")
