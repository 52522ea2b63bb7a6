"""Refunds that no machine can finish: a task with an owner, and what a person can do about each. Side by side, so that they wait once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from tests.journeys.backstage import backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, key, read, refused
from tests.journeys.visit import Visit

TROUBLES = {
    "retried": ("CLOSED", "wechat_pay.refund_closed"),
    "paid_out": ("CLOSED", "wechat_pay.refund_closed"),
    "another_way": ("ABNORMAL", "wechat_pay.refund_abnormal"),
    "short": ("NOT_ENOUGH", None),
    "dispensed": (None, "his.dispensed"),
}
"""How the bank ends each, and why it is stuck. Money that is short fills up again; that the HIS does not let go is no bank's matter."""


@dataclass(frozen=True, slots=True)
class Tasks:
    visits: dict[str, Visit]
    refunds: dict[str, Json]


@pytest_asyncio.fixture(scope="module")
async def tasks(hospital: Hospital) -> AsyncIterator[Tasks]:
    """Visits that were paid and left, and whose money does not go back by itself."""
    visits = dict(zip(TROUBLES, await asyncio.gather(*(hospital.visit("booked") for _ in TROUBLES)), strict=True))
    for name, (fate, _) in TROUBLES.items():
        [order] = (await visits[name].charge())["orders"]
        if fate:
            await hospital.will(fate, order["order_id"])
    read(await hospital.outside.post(f"/his/desk/invoices/{(await visits['dispensed'].his_bill())['id']}/dispense"))
    await asyncio.gather(*(visit.act("cancel") for visit in visits.values()))
    stuck = [name for name, (_, trouble) in TROUBLES.items() if trouble]
    found = await asyncio.gather(*(visits[name].refund("stuck") for name in stuck))
    yield Tasks(visits, dict(zip(stuck, found, strict=True)))


async def task(hospital: Hospital, tasks: Tasks, name: str) -> Json:
    """As 退费管理 shows it."""
    return await hospital.finance.ask(f"/v1/refunds/{tasks.refunds[name]['id']}")


async def test_each_is_a_task_of_finance_and_the_patient_reads_that_it_is_being_done(hospital: Hospital, tasks: Tasks) -> None:
    listed = {one["id"]: one for one in await hospital.manager.refunds("stuck", office="finance")}
    for name, shown in tasks.refunds.items():
        one = listed[shown["id"]]
        assert (one["trouble"], one["office"], one["revisit_id"]) == (TROUBLES[name][1], "finance", tasks.visits[name].id)
        let_go, may_still_pay = one["cleared_at"] is not None, name == "another_way"
        payable = ["pay_out"] if let_go and not may_still_pay else []
        assert (let_go, one["allowed"]) == (name != "dispensed", ["retry", "hand_over", *payable])
        assert (shown["state_text"], shown["arrived_at"]) == ("退费中（医院正在办理）", None)
    said = [line["refund_id"] for line in hospital.lines("worker", "refund.stuck")]
    assert sorted(said.count(one["id"]) for one in tasks.refunds.values()) == [1] * len(tasks.refunds)
    refused(await tasks.visits["retried"].patient.get("/v1/refunds"), 403, "account.forbidden")


async def test_what_the_merchant_could_not_pay_yet_is_tried_again_by_itself(hospital: Hospital, tasks: Tasks) -> None:
    await tasks.visits["short"].given_back("patient")

    assert [line["tries"] for line in hospital.lines("worker", "refund.not_enough")] == [1]


async def test_what_the_bank_closed_goes_under_a_new_number_when_two_people_retry_at_once(hospital: Hospital, tasks: Tasks) -> None:
    visit, before = tasks.visits["retried"], await task(hospital, tasks, "retried")
    path = f"/v1/refunds/{before['id']}/retry"

    answers = await asyncio.gather(*(office.post(path, key=key()) for office in (hospital.manager, hospital.finance)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    await visit.refund("arrived")
    after = await task(hospital, tasks, "retried")
    assert (after["trouble"], after["office"]) == (None, None)
    [order] = (await visit.charge())["orders"]
    bank = {one["out_refund_no"]: one["status"] for one in (await hospital.bank(order["order_id"]))["refunds"]}
    assert bank == {before["refund_no"]: "CLOSED", after["refund_no"]: "SUCCESS"}
    assert await visit.told("SMS_REFUND_ARRIVED") == 1


async def test_what_the_bank_closed_may_be_transferred_by_the_hospital_itself(hospital: Hospital, tasks: Tasks) -> None:
    visit, refund = tasks.visits["paid_out"], tasks.refunds["paid_out"]["id"]
    for nonsense in ("", "x", "HZ 2026", "凭证0001", "a" * 65):
        refused(await hospital.finance.post(f"/v1/refunds/{refund}/pay-out", {"voucher": nonsense}, key=key()), 422, "request.invalid")

    assert (await hospital.finance.decide(refund, "pay-out", {"voucher": "HZ-2026-0042"}))["state"] == "paid_out"

    assert (await visit.refund("paid_out"))["arrived_at"]
    lines = (await hospital.finance.ask(f"/v1/charges/{await visit.charge_id()}/ledger"))["lines"]
    assert [one["amount_fen"] for one in lines if one["account"] == "hospital_bank"] == [-5000]
    assert await visit.told("SMS_REFUND_PAID_OUT") == 1
    assert await hospital.texts(visit.patient.card.phone, "SMS_REFUND_ARRIVED") == []
    refused(await hospital.manager.post(f"/v1/refunds/{refund}/retry", key=key()), 409, "refund.not_now")


async def test_what_left_the_bank_and_cannot_arrive_is_never_paid_twice(hospital: Hospital, tasks: Tasks) -> None:
    """The card is gone. The bank has the money: neither a transfer nor a withdrawal, and a retry asks for the same refund."""
    visit, before = tasks.visits["another_way"], await task(hospital, tasks, "another_way")
    refund = before["id"]
    voucher = {"voucher": "HZ-2026-0043"}
    refused(await hospital.finance.post(f"/v1/refunds/{refund}/pay-out", voucher, key=key()), 409, "refund.at_the_channel")
    refused(await hospital.manager.post(f"/v1/refunds/{refund}/withdraw", key=key()), 409, "refund.owed")
    assert (await hospital.finance.decide(refund, "hand-over", {"office": "outpatient"}))["state"] == "stuck"
    assert refund in {one["id"] for one in await hospital.manager.refunds("stuck", office="outpatient")}
    assert (await hospital.manager.decide(refund, "retry"))["state"] == "cleared"
    await visit.refund("stuck")

    async with backstage(hospital) as behind:
        await behind.to_the_hospitals_own_account(before["refund_no"])

    await visit.given_back("patient")
    assert (await task(hospital, tasks, "another_way"))["refund_no"] == before["refund_no"]


async def test_the_fee_of_a_visit_that_took_place_goes_back_once_a_window_has_undone_its_execution(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    begun = read(await hospital.finance.post(f"/v1/charges/{await visit.charge_id()}/refunds", {}, key=key()))
    await visit.refund("stuck")
    task = await hospital.finance.ask(f"/v1/refunds/{begun['id']}")
    assert (task["trouble"], task["allowed"]) == ("his.executed", ["retry", "hand_over", "withdraw"])
    assert "取消执行" in task["trouble_text"]

    read(await hospital.outside.post(f"/his/desk/invoices/{(await visit.his_bill())['id']}/undo-execution"))
    await hospital.finance.decide(begun["id"], "retry")

    await visit.refund("arrived")
    assert ([one["status"] for one in await visit.appointments()], (await visit.his_bill())["status"]) == (["fulfilled"], "cancelled")
    assert await visit.told("SMS_REFUND_ARRIVED") == 1


async def test_what_the_his_does_not_let_go_stays_a_task(hospital: Hospital, tasks: Tasks) -> None:
    refund = tasks.refunds["dispensed"]["id"]
    voucher = {"voucher": "HZ-2026-0044"}
    refused(await hospital.finance.post(f"/v1/refunds/{refund}/pay-out", voucher, key=key()), 409, "refund.not_cleared")
    refused(await hospital.finance.post(f"/v1/refunds/{refund}/withdraw", key=key()), 409, "refund.owed")
    await hospital.finance.decide(refund, "retry")

    await tasks.visits["dispensed"].refund("stuck")

    assert (await task(hospital, tasks, "dispensed"))["trouble"] == "his.dispensed"
    [order] = (await tasks.visits["dispensed"].charge())["orders"]
    assert (await hospital.bank(order["order_id"]))["refunds"] == []
