"""A visit about which there is something to tell, and how its story is read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from models.account import Role
from models.kernel import ids
from models.refund import RefundReported, RefundState, Retry
from models.revisit import Cancel, ChooseSlot, State
from models.stores import inbox
from models.stores.database import Database
from tests.account.builders import a_staff_member, staff_signed_in
from tests.client import Hands, speaking, wiring
from tests.process.hospital import wish
from tests.process.running import SOON_S, Live, Running, refused

HOW_MANY = 6
"""Runs of this visit: two of its own, one of its charge, one of its refund, one of each of its two e-bills."""


async def a_visit_with_a_story(running: Running) -> Live:
    """Renewed while the patient chose, tried again while the HIS was silent, left after it was paid; its refund was stuck and arrived."""
    visit = await renewed(running)
    assert await refused(visit.asks(await visit.wish(ChooseSlot, slot_id="nobody's"))) == "slot.missing"
    running.his.silent("lock", landed=True)
    gate = running.his.gate("lock")
    chosen = asyncio.create_task(visit.chooses())
    await gate.reached.wait()
    await running.hand_time_is_up()
    gate.opened.set()
    await chosen
    await visit.to(State.WAITING)
    running.his.refuses("reverse", "his.executed")
    await visit.does(Cancel)
    [refund_id] = await running.refund_ids(visit.charge_id)
    await until(running, refund_id, RefundState.STUCK)
    async with running.database.transaction() as db:
        clerk = await a_staff_member(db, Role.FINANCE)
    await running.runs.ask("refund", refund_id, wish(Retry, clerk, seen=await version(running, refund_id)))
    await until(running, refund_id, RefundState.ACCEPTED)
    running.wechat_pay.ends(refund_id.hex)
    report = RefundReported(id=ids.new())
    async with running.database.transaction() as db:
        await inbox.bring(db, "refund", refund_id, report, party="wechat_pay")
    await running.runs.knock("refund", refund_id, report)
    await until(running, refund_id, RefundState.ARRIVED)
    return visit


async def renewed(running: Running) -> Live:
    """A visit whose patient chooses; its second run has read the row and rests."""
    visit = await (await running.opened()).to(State.CHOOSING)
    await visit.renews()
    await rests(visit.run)
    return visit


async def rests(run: WorkflowHandle[Any, Any]) -> None:
    """It has read its row, and waits."""
    async with asyncio.timeout(SOON_S):
        async for event in run.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
                return


async def until(running: Running, refund_id: UUID, state: RefundState) -> None:
    """Waits for moves until the refund stands there."""
    async with asyncio.timeout(SOON_S), running.moved:
        while (await running.refund(refund_id)).state != state:
            await running.moved.wait()


async def version(running: Running, refund_id: UUID) -> int:
    """Of the refund as a screen has read it: a run behind it looks again before it answers."""
    return (await running.refund(refund_id)).version


@asynccontextmanager
async def a_desk(database: Database, temporal: Client, folder: Path) -> AsyncGenerator["Desk"]:
    """Management's, at the application over this database, Temporal and folder of files."""
    parts = await wiring(database)
    settings = parts.settings.model_copy(update={"files_dir": folder})
    _, headers = await staff_signed_in(database, Hands(), Role.MANAGEMENT)
    async with speaking(replace(parts, temporal=temporal, settings=settings)) as client:
        yield Desk(client, headers)


class Desk:
    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    async def reads(self, visit_id: UUID, beside: str = "") -> Any:
        answer = await self.client.get(f"/v1/revisits/{visit_id}/history{beside}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def lines(told: Any, process: str, *, waits: bool = True) -> list[str]:
    """The story of one process as one reads it."""
    return [
        " ".join(str(word) for word in (entry["what"], entry["name"], "→", entry["outcome"]) if word)
        for entry in told["story"]
        if entry["process"] == process and (waits or entry["what"] != "wait")
    ]
