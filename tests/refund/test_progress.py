"""退费进度 as the patient reads it: requested, accepted, arrived, and what was promised; not each question to the bank (P-12)."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from models.account import Role
from models.kernel.errors import known
from models.refund import COMMANDS, RefundState
from models.stores.database import Database
from models.timeline_refund import DEED_TEXTS, OVERDUE_TEXT, ROLE_TEXTS, given_back_text
from tests.account.builders import staff_signed_in
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.desk import RefundDesk
from tests.process.hospital import Hospital
from tests.record.builders import Headers
from tests.refund.builders import accepted, ends


@pytest_asyncio.fixture
async def reader(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def progress(api: httpx.AsyncClient, desk: RefundDesk, database: Database, clock: Hands) -> tuple[dict[str, Any], dict[str, Any]]:
    """As the story tells it, and as the office reads it; by who signs in now."""
    _, reader = await staff_signed_in(database, clock, Role.MANAGEMENT)
    [told] = (await api.get(f"/v1/revisits/{desk.now.visit_id}/timeline", headers=reader)).json()["refunds"]
    return told, (await api.get(f"/v1/refunds/{desk.id}", headers=reader)).json()


@pytest.mark.parametrize("asked", [False, True], ids=["before the bank is asked again", "when it has become a task"])
async def test_once_the_promised_day_has_passed_a_sentence_says_so(
    hospital: Hospital, api: httpx.AsyncClient, database: Database, clock: Hands, *, asked: bool
) -> None:
    """And no day in the past; the office reads the day as well. When it arrives after all, it has arrived."""
    desk = await accepted(hospital)
    promised_at = known(desk.now.due_at)
    clock.at = promised_at - timedelta(seconds=1)
    before, _ = await progress(api, desk, database, clock)
    clock.at = promised_at
    if asked:
        await desk.alarm()
    late, office = await progress(api, desk, database, clock)
    await ends(desk)
    await desk.alarm()
    after, _ = await progress(api, desk, database, clock)

    assert (before["overdue_text"], datetime.fromisoformat(before["promised_at"])) == (None, promised_at)
    assert (late["overdue_text"], late["promised_at"]) == (OVERDUE_TEXT, None)
    assert (office["overdue_text"], datetime.fromisoformat(office["promised_at"])) == (OVERDUE_TEXT, promised_at)
    assert (after["state_text"], after["overdue_text"]) == ("已到账", None)


def test_every_deed_and_every_post_has_its_words() -> None:
    assert set(DEED_TEXTS) == {"refund:begin", *(f"refund.{one.model_fields['kind'].default}" for one in COMMANDS)}
    assert set(ROLE_TEXTS) == set(Role)


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


@pytest.mark.parametrize(
    ("reserved_fen", "refunded_fen", "read"),
    [(0, 0, None), (5000, 0, "退费中"), (1200, 3800, "退费中"), (0, 1200, "已部分退费"), (0, 5000, "已退费")],
)
def test_a_charge_reads_by_what_of_it_is_on_its_way_back_or_has_arrived(reserved_fen: int, refunded_fen: int, read: str | None) -> None:
    assert given_back_text(5000, reserved_fen=reserved_fen, refunded_fen=refunded_fen) == read
