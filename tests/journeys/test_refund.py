"""Money that goes back when a visit is left after it was paid: by the patient until 接诊, by the doctor until the end, by nobody twice."""

import asyncio

import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused
from tests.journeys.visit import Visit

NOTE = "上次胸片提示右下肺新发阴影，线上无法判断，请尽快到院复查。"


@pytest.mark.parametrize("state", ["booked", "waiting"])
async def test_who_cancels_before_the_doctor_accepts_gets_all_back(hospital: Hospital, state: str) -> None:
    visit, mine = await hospital.visit(state), key()
    assert "cancel" in (await visit.now())["allowed"]
    assert "原路退回" in (await visit.now())["cancel_text"]

    cancelled = read(await visit.attempt("cancel", under=mine))

    assert (cancelled["state"], (await visit.now())["reason"], (await visit.now())["allowed"]) == ("cancelled", "patient", [])
    back = await visit.given_back("patient")
    assert back["promised_at"] > back["arrived_at"]
    steps = await visit.steps()
    assert steps[steps.index("booking.leave") :][:4] == ["booking.leave", "refund.reverse", "refund.apply", "refund.query"]
    assert await visit.told("SMS_REVISIT_CANCELLED") == 1
    assert read(await visit.attempt("cancel", under=mine)) == cancelled
    refused(await visit.attempt("cancel"), 409, "revisit.not_now")
    assert len(await visit.refunds()) == 1


async def test_who_has_cancelled_may_book_the_same_hour_again(hospital: Hospital) -> None:
    first = await hospital.visit("booked")
    await first.act("cancel")
    await first.given_back("patient")

    again = await hospital.visit("booked", first.patient)

    assert sorted(one["status"] for one in await again.appointments()) == ["booked", "cancelled"]


@pytest.mark.parametrize("state", ["consulting", "entered"])
async def test_after_the_doctor_has_accepted_the_patient_cannot_cancel_and_reads_who_can(hospital: Hospital, state: str) -> None:
    visit = await hospital.visit(state)

    problem = refused(await visit.attempt("cancel"), 409, "revisit.accepted")

    assert problem["params"] == {"state": "consulting", "allowed": (await visit.now())["allowed"]}
    assert problem["params"]["allowed"] == ([] if state == "entered" else ["enter"])
    assert "由医生退诊" in problem["title"]
    assert await visit.refunds() == []
    await visit.to("closed")


@pytest.mark.parametrize(("state", "reason"), [("waiting", "in_person"), ("consulting", "hospital"), ("entered", "other")])
async def test_a_decline_is_read_by_the_patient_and_gives_all_back(hospital: Hospital, state: str, reason: str) -> None:
    visit, other = await hospital.visit(state), await hospital.patient()
    refused(await hospital.doctor.post(f"{visit.path}/decline", {"reason": "other"}, key=key()), 422, "request.invalid")

    assert (await visit.decline(reason, NOTE))["state"] == "declined"

    seen = await visit.now()
    assert (seen["reason"], seen["declined_for"], seen["allowed"]) == ("declined", reason, [])
    assert (await visit.patient.ask(f"{visit.path}/decline"))["note"] == NOTE
    refused(await other.get(f"{visit.path}/decline"), 404, "revisit.missing")
    refused(await hospital.other_doctor.get(f"{visit.path}/decline"), 404, "revisit.missing")
    refused(await hospital.manager.get(f"{visit.path}/decline"), 403, "account.forbidden")
    await visit.given_back("declined")
    [text] = await hospital.texts(visit.patient.card.phone, "SMS_REVISIT_DECLINED")
    assert "退回" in text["text"]
    assert seen["decline_text"] in text["text"]
    assert NOTE not in text["text"]


async def test_a_doctor_and_a_patient_who_leave_at_once_give_back_once(hospital: Hospital) -> None:
    visit = await hospital.visit("waiting")
    decline = hospital.doctor.post(f"{visit.path}/decline", {"reason": "unreachable"}, key=key())

    answers = await asyncio.gather(visit.attempt("cancel"), decline)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    await visit.given_back("patient" if answers[0].is_success else "declined")


async def test_two_people_of_the_hospital_who_give_back_at_once_begin_one_refund(hospital: Hospital) -> None:
    """The HIS does not let go of the fee of a visit that has taken place: a task, and whoever wanted it may withdraw it."""
    visit = await hospital.visit("closed")
    path, offices = f"/v1/charges/{await visit.charge_id()}/refunds", (hospital.manager, hospital.finance)
    refused(await hospital.finance.post(path, {"amount_fen": 5001}, key=key()), 409, "refund.exceeds_paid")

    answers = await asyncio.gather(*(office.post(path, {}, key=key()) for office in offices))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused(next(answer for answer in answers if answer.is_error), 409, "refund.nothing_left")
    [begun] = [answer.json()["id"] for answer in answers if answer.is_success]
    assert (await visit.refund("stuck"))["cause"] == "management"
    [task] = [one for one in await hospital.finance.refunds() if one["id"] == begun]
    assert (task["trouble"], task["office"], task["amount_fen"]) == ("his.executed", "outpatient", 5000)
    refused(await hospital.finance.post(f"/v1/refunds/{begun}/pay-out", {"voucher": "HZ-2026-0001"}, key=key()), 409, "refund.not_cleared")
    assert (await hospital.manager.decide(begun, "withdraw"))["state"] == "withdrawn"
    bill = await visit.his_bill()
    assert (bill["status"], bill["reversals"]) == ("balanced", [])
    assert (await hospital.bank(*[one["order_id"] for one in (await visit.charge())["orders"]]))["refunds"] == []


async def test_a_visit_under_way_is_left_and_not_refunded(hospital: Hospital) -> None:
    visit: Visit = await hospital.visit("booked")
    path = f"/v1/charges/{await visit.charge_id()}/refunds"

    refused(await hospital.manager.post(path, {}, key=key()), 409, "refund.visit_open")
    refused(await hospital.manager.post(path, {"amount_fen": 0}, key=key()), 422, "request.invalid")
    refused(await hospital.manager.post(path, {"amount_fen": "50.00"}, key=key()), 422, "request.invalid")

    await visit.act("cancel")
    await visit.given_back("patient")
    refused(await hospital.manager.post(path, {}, key=key()), 409, "refund.nothing_left")
