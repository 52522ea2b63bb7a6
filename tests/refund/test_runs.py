"""Refunds on a real Temporal, asked for over HTTP: what only a run can show."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, update
from temporalio.client import Client

from models.account import Role
from models.charge import Scene, TradeState
from models.kernel import ids
from models.kernel.vault import Vault
from models.refund import PayOut, RefundReported, RefundState, RefundStatus
from models.revisit import Cancel, State
from models.stores import inbox
from models.stores import revisit as revisits
from models.stores.database import Database
from models.tables.charge import PaymentRow, RefundRow
from models.tables.process import InboxRow
from tests.account.builders import signed_in, staff_signed_in
from tests.builders import FEE_FEN
from tests.client import Hands, key, speaking, wiring
from tests.database import Server
from tests.process.conftest import temporal
from tests.process.hospital import wish
from tests.process.running import SOON_S, Live, Running
from tests.process.visit import reported
from tests.process.wechat_pay import Placed
from tests.record.builders import Headers
from worker.build import Builds
from worker.relay import Relay

__all__ = ["temporal"]

NOTE = "血氧偏低，请尽快到院做动脉血气分析。"


@pytest_asyncio.fixture(scope="module")
async def worked(server: Server, vault: Vault, temporal: Client) -> AsyncIterator[Running]:
    async with server.clone() as url:
        database = Database(url, vault)
        async with Running(database, temporal).working(workflow_cache=1000) as running:
            yield running
            failed = await running.failed_tasks()
        await database.close()
    assert not failed


@pytest_asyncio.fixture
async def running(worked: Running) -> AsyncIterator[Running]:
    yield worked
    worked.his.mends()
    worked.wechat_pay.mends()
    await worked.dismiss()


@pytest_asyncio.fixture
async def desk(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(replace(await wiring(running.database), temporal=running.client)) as client:
        yield client


@pytest_asyncio.fixture
async def finance(running: Running) -> Headers:
    return await staff(running, Role.FINANCE)


async def staff(running: Running, role: Role) -> Headers:
    return (await staff_signed_in(running.database, Hands(), role))[1]


async def person(visit: Live) -> Headers:
    return await signed_in(visit.hospital.database, Hands(), visit.person.account_id)


async def doctor(visit: Live) -> Headers:
    return await signed_in(visit.hospital.database, Hands(), visit.unit.doctor_account_id)


async def asks(desk: httpx.AsyncClient, path: str, who: Headers, **body: str) -> httpx.Response:
    return await desk.post(f"/v1/{path}", json=body or None, headers=key() | who)


def answered(*answers: httpx.Response) -> list[tuple[int, str]]:
    """Status, and the state that it led to or the code of the refusal."""
    return [(one.status_code, one.json().get("code") or one.json()["state"]) for one in answers]


async def until(running: Running, refund_id: UUID, *states: RefundState) -> RefundRow:
    """Waits for moves until the refund stands there."""
    async with asyncio.timeout(SOON_S), running.moved:
        while (row := await running.refund(refund_id)).state not in states:
            await running.moved.wait()
    return row


async def is_reported(running: Running, refund_id: UUID) -> None:
    """As the webhook does it: kept, then knocked for."""
    report = RefundReported(id=ids.new())
    async with running.database.transaction() as db:
        await inbox.bring(db, "refund", refund_id, report, party="wechat_pay")
    await running.runs.knock("refund", refund_id, report)


async def cancelled(running: Running, desk: httpx.AsyncClient) -> tuple[Live, UUID]:
    """退号 of a booked visit; its refund has begun."""
    visit = await (await running.opened()).to(State.BOOKED)
    assert answered(await asks(desk, f"revisits/{visit.id}/cancel", await person(visit))) == [(200, "cancelled")]
    [refund_id] = await running.refund_ids(visit.charge_id)
    return visit, refund_id


async def refused_by_his(running: Running, desk: httpx.AsyncClient) -> UUID:
    running.his.refuses("reverse", "his.executed")
    _, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.STUCK)
    return refund_id


async def refused_by_channel(running: Running, desk: httpx.AsyncClient) -> UUID:
    running.wechat_pay.refuses("refund", "wechat_pay.account_abnormal")
    _, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.STUCK)
    return refund_id


async def test_a_cancel_while_checking_is_taken_and_carried_out_when_the_check_is_known(running: Running) -> None:
    gate = running.his.gate("patient")
    visit = await running.opened()
    await gate.reached.wait()

    cancel = await visit.posts(await visit.wish(Cancel))
    gate.opened.set()

    assert (await asyncio.wait_for(cancel.result(), SOON_S)).state is State.CANCELLED
    assert await running.story(visit.id) == ["revisit.open", "eligibility.check", "booking.leave"]


async def test_from_a_cancel_over_http_to_the_money_that_arrived(running: Running, desk: httpx.AsyncClient) -> None:
    visit, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.ACCEPTED)

    running.wechat_pay.ends(refund_id.hex)
    await is_reported(running, refund_id)
    await until(running, refund_id, RefundState.ARRIVED)

    told = (await desk.get(f"/v1/revisits/{visit.id}/timeline", headers=await person(visit))).json()
    [progress] = told["refunds"]
    assert (progress["state_text"], progress["cause_text"], progress["amount_fen"]) == ("已到账", "您已退号", FEE_FEN)
    assert [step["title"] for step in told["steps"] if step["process"] == "refund"] == ["医院核销费用", "提交退费", "核对退费结果"]
    assert (await asyncio.wait_for(running.handle("refund", refund_id).result(), SOON_S))["state"] == RefundState.ARRIVED


async def test_tried_again_by_finance_it_arrives_and_the_key_answers_the_same(
    running: Running, desk: httpx.AsyncClient, finance: Headers
) -> None:
    refund_id, once = await refused_by_his(running, desk), finance | key()

    first = await asks(desk, f"refunds/{refund_id}/retry", once)
    await until(running, refund_id, RefundState.ACCEPTED)
    again = await asks(desk, f"refunds/{refund_id}/retry", once)

    assert answered(first, again) == [(200, "requested")] * 2
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert (await running.story(refund_id)).count("refund.retry") == 1


async def test_of_two_people_at_once_one_is_told_that_it_is_no_more_his_turn(
    running: Running, desk: httpx.AsyncClient, finance: Headers
) -> None:
    refund_id, office = await refused_by_channel(running, desk), await staff(running, Role.MANAGEMENT)

    answers = await asyncio.gather(*(asks(desk, f"refunds/{refund_id}/retry", who) for who in (finance, office)))

    assert sorted(answered(*answers)) == [(200, "cleared"), (409, "refund.not_now")]
    await until(running, refund_id, RefundState.ACCEPTED)
    assert len([one for one in running.wechat_pay.refunds if one == refund_id.hex]) == 1


async def test_what_may_not_be_done_says_why(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    kept, let_go = await refused_by_his(running, desk), await refused_by_channel(running, desk)

    answers = [
        await asks(desk, f"refunds/{kept}/pay-out", finance, voucher="CW-1001"),
        await asks(desk, f"refunds/{kept}/withdraw", finance),
        await asks(desk, f"refunds/{let_go}/withdraw", finance),
        await asks(desk, f"refunds/{kept}/hand-over", finance, office="insurance"),
    ]

    assert answered(*answers) == [(409, "refund.not_cleared"), (409, "refund.owed"), (409, "refund.owed"), (200, "stuck")]
    told = (await desk.get(f"/v1/refunds/{kept}", headers=finance)).json()
    assert (told["state"], told["office"], told["trouble"]) == ("stuck", "insurance", "his.executed")
    assert [(one["deed"], one["office"]) for one in told["deeds"]] == [("refund.hand_over", "insurance")], "what was refused is no deed"


async def test_the_same_key_for_another_office_is_another_wish(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    refund_id, once = await refused_by_his(running, desk), finance | key()
    await asks(desk, f"refunds/{refund_id}/hand-over", once, office="insurance")

    refusal = await asks(desk, f"refunds/{refund_id}/hand-over", once, office="outpatient")

    assert answered(refusal) == [(422, "request.key_reused")]


async def test_while_the_channel_works_nothing_is_paid_out_and_after_it_once(
    running: Running, desk: httpx.AsyncClient, finance: Headers
) -> None:
    _, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.ACCEPTED)
    assert answered(await asks(desk, f"refunds/{refund_id}/pay-out", finance, voucher="CW-1001")) == [(409, "refund.not_now")]

    running.wechat_pay.ends(refund_id.hex, RefundStatus.ABNORMAL)
    await is_reported(running, refund_id)
    await until(running, refund_id, RefundState.STUCK)
    assert answered(await asks(desk, f"refunds/{refund_id}/pay-out", finance, voucher="CW-1001")) == [(409, "refund.at_the_channel")]

    running.wechat_pay.ends(refund_id.hex, RefundStatus.CLOSED)
    await is_reported(running, refund_id)
    async with asyncio.timeout(SOON_S), running.moved:
        while (await running.refund(refund_id)).trouble != "wechat_pay.refund_closed":
            await running.moved.wait()
    paid = await asyncio.gather(*(asks(desk, f"refunds/{refund_id}/pay-out", finance, voucher=f"CW-100{one}") for one in (1, 2)))
    assert sorted(answered(*paid)) == [(200, "paid_out"), (409, "refund.not_now")]


async def test_begun_again_by_force_it_goes_on_from_its_row(running: Running, desk: httpx.AsyncClient) -> None:
    visit, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.ACCEPTED)

    await running.runs.begin_again("refund", refund_id, visit.id, by_force=True)
    running.wechat_pay.ends(refund_id.hex)
    await is_reported(running, refund_id)

    await until(running, refund_id, RefundState.ARRIVED)
    assert await running.story(refund_id) == ["refund.reverse", "refund.apply", "refund.query"]


@pytest.fixture
def relay(running: Running) -> Relay:
    """An hour ahead, so that rows just made are no longer young."""
    clock, builds = Hands(running.clock() + timedelta(hours=1)), Builds(running.database, running.client)
    return Relay(running.database, running.client, running.runs, running.strays, builds, clock)


async def test_a_refund_whose_run_was_never_begun_is_begun_by_the_sweep(running: Running, desk: httpx.AsyncClient, relay: Relay) -> None:
    _, refund_id = await cancelled(running, desk)
    await until(running, refund_id, RefundState.ACCEPTED)
    await running.handle("refund", refund_id).terminate("by hand")

    assert await relay.sweep_due() == 1

    running.wechat_pay.ends(refund_id.hex)
    await is_reported(running, refund_id)
    await until(running, refund_id, RefundState.ARRIVED)


async def test_what_finance_asked_and_got_no_answer_to_is_carried_out_by_the_relay(
    running: Running, desk: httpx.AsyncClient, relay: Relay
) -> None:
    """As the API keeps it after 202."""
    refund_id = await refused_by_channel(running, desk)
    async with running.database.transaction() as db:
        await inbox.keep_command(db, "refund", refund_id, wish(PayOut, ids.new(), voucher="CW-1001"))
        await db.execute(update(InboxRow).where(InboxRow.process_id == refund_id).values(knock_at=func.now()))

    assert await relay.knock_due() >= 1

    assert ((await until(running, refund_id, RefundState.PAID_OUT)).voucher, await running.waiting(refund_id)) == ("CW-1001", [])


async def test_money_for_an_order_that_nobody_knows_has_a_run_and_people_who_act(
    running: Running, desk: httpx.AsyncClient, finance: Headers
) -> None:
    """It belongs to no visit: it is reached by whoever reaches all."""
    await running.opens()
    number = ids.new().hex
    running.wechat_pay.orders[number] = Placed(
        number, Scene.NATIVE, 1200, running.clock(), TradeState.PAID, transaction_id=f"42{number}", paid_at=running.clock()
    )
    running.wechat_pay.refuses("refund", "wechat_pay.account_abnormal")
    report = await reported(running, None, number)
    await running.strays.look_after(report.id, number, 0)
    [refund_id] = [one.id for one in await of_order(running, number)]
    await until(running, refund_id, RefundState.STUCK)

    assert answered(await asks(desk, f"refunds/{refund_id}/retry", finance)) == [(200, "cleared")]

    await until(running, refund_id, RefundState.ACCEPTED)
    assert running.wechat_pay.refunds[refund_id.hex].amount_fen == 1200


async def of_order(running: Running, number: str) -> list[RefundRow]:
    async with running.database.reading() as db:
        payment = select(PaymentRow.id).where(PaymentRow.order_no == number)
        return list(await db.scalars(select(RefundRow).where(RefundRow.payment_id.in_(payment))))


# 退诊


async def history(running: Running, process: str, id: UUID) -> str:
    """Every event of a run, as the engine keeps them."""
    events = [event async for event in running.handle(process, id).fetch_history_events()]
    return "".join(event.SerializeToString().decode(errors="ignore") for event in events)


async def test_a_doctors_words_are_read_by_the_patient_and_are_in_no_history(running: Running, desk: httpx.AsyncClient) -> None:
    visit = await (await running.opened()).to(State.WAITING)

    declined = await asks(desk, f"revisits/{visit.id}/decline", await doctor(visit), reason="other", note=NOTE)

    assert answered(declined) == [(200, "declined")]
    read = await desk.get(f"/v1/revisits/{visit.id}/decline", headers=await person(visit))
    assert (read.json()["reason"], read.json()["note"]) == ("other", NOTE)
    [refund_id] = await running.refund_ids(visit.charge_id)
    await until(running, refund_id, RefundState.ACCEPTED)
    told = await history(running, "revisit", visit.id) + await history(running, "refund", refund_id)
    assert "other" in told
    assert NOTE not in told


async def test_declined_again_under_the_same_key_with_other_words_is_refused(running: Running, desk: httpx.AsyncClient) -> None:
    visit = await (await running.opened()).to(State.WAITING)
    who, once = await doctor(visit), key()
    url, body = f"/v1/revisits/{visit.id}/decline", {"reason": "other", "note": NOTE}
    first = await desk.post(url, json=body, headers=who | once)

    again = await desk.post(url, json=body, headers=who | once)
    other = await desk.post(url, json=body | {"note": "另一句话，与第一次不同。"}, headers=who | once)

    assert answered(first, again, other) == [(200, "declined"), (200, "declined"), (422, "request.key_reused")]
    async with running.database.reading() as db:
        declined: Any = await revisits.declined(db, visit.id)
    assert declined.note == NOTE


async def test_management_declines_for_the_hospital_and_for_nothing_else(running: Running, desk: httpx.AsyncClient) -> None:
    visit, office = await (await running.opened()).to(State.CONSULTING), await staff(running, Role.MANAGEMENT)
    path = f"revisits/{visit.id}/decline"

    answers = [
        await asks(desk, path, office, reason="in_person"),
        await asks(desk, path, await doctor(visit), reason="hospital"),
        await asks(desk, path, office, reason="hospital"),
    ]

    assert answered(*answers) == [(422, "decline.reason"), (422, "decline.reason"), (200, "declined")]
    told = (await desk.get(f"/v1/revisits/{visit.id}/timeline", headers=await person(visit))).json()
    assert told["revisit"]["decline_text"] == "因医院原因未能完成就诊，请重新预约。"
    assert [step["by"] for step in told["steps"] if step["step"] == "booking.leave"] == ["hospital"]
    assert [one["cause"] for one in told["refunds"]] == ["declined"]


async def test_finance_declines_no_visit(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    visit = await (await running.opened()).to(State.WAITING)

    assert answered(await asks(desk, f"revisits/{visit.id}/decline", finance, reason="hospital")) == [(403, "account.forbidden")]
