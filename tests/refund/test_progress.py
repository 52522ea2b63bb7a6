"""退费进度 as the patient reads it: requested, accepted, arrived, and what was promised; not each question to the bank (P-12)."""

import httpx
import pytest_asyncio

from models.account import Role
from models.refund import RefundState
from models.stores.database import Database
from tests.account.builders import staff_signed_in
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital
from tests.record.builders import Headers
from tests.refund.builders import accepted, ends


@pytest_asyncio.fixture
async def reader(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def test_the_story_tells_what_happened_and_not_each_question(hospital: Hospital, api: httpx.AsyncClient, reader: Headers) -> None:
    desk = await accepted(hospital)
    for _ in range(3):
        await desk.alarm()
    await ends(desk)
    await desk.alarm()
    assert desk.state is RefundState.ARRIVED

    told = (await api.get(f"/v1/revisits/{desk.now.visit_id}/timeline", headers=reader)).json()

    lines = [(one["title"], one["state_text"]) for one in told["steps"] if one["process"] == "refund"]
    assert lines == [("医院核销费用", "已申请退费"), ("提交退费", "退费中"), ("核对退费结果", "已到账")]
    [progress] = told["refunds"]
    assert (progress["amount_fen"], progress["cause_text"], progress["state_text"]) == (FEE_FEN, "您已退号", "已到账")
    assert progress["requested_at"] <= progress["accepted_at"] <= progress["arrived_at"] <= progress["promised_at"]
