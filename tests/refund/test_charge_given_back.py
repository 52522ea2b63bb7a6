"""What a charge reads once its money goes back, and when a wish was asked that its run took later: on the patient's own screens."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update

from models.account import Role
from models.refund import RefundState, Withdraw
from models.revisit import Cancel, State
from models.stores import inbox
from models.stores.database import Database
from models.tables.process import InboxRow
from tests.account.builders import staff_signed_in
from tests.client import Hands
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened
from tests.record.builders import Headers
from tests.refund.builders import asks, booked, goes_to, wanted_by_management


@pytest_asyncio.fixture
async def reader(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def reads(api: httpx.AsyncClient, headers: Headers, visit: Visit) -> Any:
    return (await api.get(f"/v1/revisits/{visit.id}/timeline", headers=headers)).json()


async def charge_reads(api: httpx.AsyncClient, headers: Headers, visit: Visit) -> str:
    """The same beside its refund and on its own page."""
    [money] = (await reads(api, headers, visit))["money"]
    assert (await api.get(f"/v1/charges/{visit.charge.id}", headers=headers)).json()["state_text"] == money["state_text"]
    return money["state_text"]


async def test_a_charge_whose_money_goes_back_reads_so_and_given_back_it_is_no_more_paid(
    api: httpx.AsyncClient, hospital: Hospital, reader: Headers
) -> None:
    visit = await booked(hospital)
    assert await charge_reads(api, reader, visit) == "已缴费"

    await visit.does(Cancel)
    assert await charge_reads(api, reader, visit) == "退费中"

    await visit.is_given_back()
    assert await charge_reads(api, reader, visit) == "已退费"


@pytest.mark.parametrize(("withdrawn", "read"), [(False, "已部分退费"), (True, "已缴费")])
async def test_given_back_in_part(api: httpx.AsyncClient, hospital: Hospital, reader: Headers, *, withdrawn: bool, read: str) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    if not withdrawn:
        hospital.his.of_claim((await hospital.row(visit.id)).claim_id).status = "booked"
    desk = await wanted_by_management(hospital, visit, 1200)
    if withdrawn:
        await desk.happens()
        assert (desk.state, await charge_reads(api, reader, visit)) == (RefundState.STUCK, "退费中")
        await asks(desk, Withdraw)
    else:
        await goes_to(desk, RefundState.ARRIVED)

    assert await charge_reads(api, reader, visit) == read


async def test_a_step_says_when_it_was_asked_if_its_run_took_it_later(api: httpx.AsyncClient, hospital: Hospital, reader: Headers) -> None:
    visit = await booked(hospital)
    cancel = wish(Cancel, visit.person.account_id)
    async with hospital.database.transaction() as db:
        await inbox.keep_command(db, "revisit", visit.id, cancel)
        kept = hospital.clock() - timedelta(minutes=5)
        await db.execute(update(InboxRow).where(InboxRow.id == cancel.id).values(created_at=kept))
    await visit.desk.happens(cancel)

    steps = {one["step"]: one for one in (await reads(api, reader, visit))["steps"]}

    assert datetime.fromisoformat(steps["booking.leave"]["asked_at"]) == kept
    assert steps["consent.consent"]["asked_at"] is None
