"""What messages say: other sums, times, names, numbers and codes than the rows have."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from models.delivery import CARRIERS
from models.kernel.clock import beijing
from models.kernel.money import yuan
from models.message import TEXTS, Template
from models.revisit import DeclineReason
from models.timeline import DECLINE_TEXTS, REASON_TEXTS
from models.timeline_refund import CAUSE_TEXTS
from tests.auditor import Kind, wording
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.story import stepped

ARRIVED = ("requested", "cleared", "accepted", "arrived")
SLOT_AT = AT + timedelta(hours=1)
RULES = {"enter_s": 300, "calls_max": 2}
VISIT: Mapping[str, Any] = {"slot_starts_at": SLOT_AT, "department_id": "dep-1", "doctor_id": "doc-1", "reason": "patient"}
CASES: Mapping[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "time of a booking": ("booked", "revisit_booked", {"time": "11月26日 18:00", "department": "呼吸科"}, {"time": "11月26日 10:00"}),
    "department": ("booked", "revisit_booked", {"time": "11月26日 18:00", "department": "呼吸科"}, {"department": "骨科"}),
    "minutes": ("consulting", "revisit_called", {"minutes": "5"}, {"minutes": "300"}),
    "reason": ("cancelled", "revisit_cancelled", {"reason": "您已退号，已缴费用将原路退回"}, {"reason": "超时未缴费，已缴费用将原路退回"}),
    "what becomes of money": ("cancelled", "revisit_cancelled", {"reason": "您已退号，已缴费用将原路退回"}, {"reason": "您已退号"}),
    "money that never came": ("unpaid", "revisit_cancelled", {"reason": "您已退号"}, {"reason": "您已退号，已缴费用将原路退回"}),
    "why a doctor declined": ("declined", "revisit_declined", {"reason": wording.DECLINED["in_person"]}, {"reason": "请查看医生的说明。"}),
}
"""By what is wrong: the stage of a visit, the template, what it should say, and what it says instead."""


async def words(hospital: Hospital) -> list[str]:
    """The templates of what says what is not so."""
    return [one.about.rpartition("=")[2] for one in await hospital.audit(quiet=False) if one.kind is Kind.MESSAGE_WORDS]


async def test_the_auditors_own_words_are_the_approved_ones() -> None:
    """The one place where they meet the product's: a sentence that is changed there has to be changed here."""
    assert {reason: REASON_TEXTS[reason] for reason in REASON_TEXTS if reason in wording.LEFT} == wording.LEFT
    assert {reason.value: DECLINE_TEXTS[reason] for reason in DeclineReason} == wording.DECLINED
    assert {cause: CAUSE_TEXTS[cause] for cause in CAUSE_TEXTS if cause in wording.UNWANTED} == wording.UNWANTED
    assert wording.CARRIER in CARRIERS.values()
    assert wording.clock(AT) == beijing(AT)
    assert [wording.yuan(fen) for fen in (5, 5000, 123456)] == [yuan(fen) for fen in (5, 5000, 123456)]
    fits = TEXTS[Template.REVISIT_BOOKED].fitted
    for name in ("呼吸科", " ", "科" * 36):
        assert wording.named(name) == fits({"time": "x", "department": name})["department"]


@pytest.mark.parametrize("case", CASES)
async def test_another_word_than_the_rows_have(hospital: Hospital, case: str) -> None:
    stage, template, right, wrong = CASES[case]
    await hospital.do("delete from policy")
    await hospital.insert("policy", version="test-1", line="test", effective_at=AT, rules=json.dumps(RULES))
    await hospital.insert("department", id="dep-2", name="骨科", synced_at=AT)
    visit = await hospital.visit(stage)
    if template != "revisit_booked" and stage != "unpaid":
        booked = {"time": "11月26日 18:00", "department": "呼吸科"}
        await hospital.message(visit, "revisit_booked", params=booked)
    if template != "revisit_called" and stage == "declined":
        await hospital.message(visit, "revisit_called", params={"minutes": "5"})
    for column, value in {**VISIT, "declined_for": "in_person"}.items():
        await hospital.do(f"update revisit set {column} = $2 where id = $1", visit.id, value)
    message_id = await hospital.message(visit, template, params=right)
    assert await words(hospital) == []

    await hospital.do("delete from message where id = $1", message_id)
    hospital.outside.texts[:] = [one for one in hospital.outside.texts if one["out_id"] != message_id.hex]
    await hospital.message(visit, template, params=right | wrong)

    assert await words(hospital) == [template]


async def test_a_department_and_a_doctor_have_another_name_today(hospital: Hospital) -> None:
    """What was said before they had it stays right; an empty name never was."""
    visit = await hospital.visit("booked")
    for column, value in VISIT.items():
        await hospital.do(f"update revisit set {column} = $2 where id = $1", visit.id, value)
    await hospital.do("update department set name = '呼吸与危重症医学科'")
    message_id = await hospital.message(visit, "revisit_booked", params={"time": "11月26日 18:00", "department": "呼吸科"})
    assert await words(hospital) == []

    await hospital.do("delete from message where id = $1", message_id)
    hospital.outside.texts[:] = [one for one in hospital.outside.texts if one["out_id"] != message_id.hex]
    await hospital.message(visit, "revisit_booked", params={"time": "11月26日 18:00", "department": ""})

    assert await words(hospital) == ["revisit_booked"]


@pytest.mark.parametrize(("after", "told"), [(timedelta(minutes=-1), []), (timedelta(minutes=1), ["revisit_booked"])])
async def test_a_name_that_nobody_has_was_said_before_the_one_of_today(hospital: Hospital, after: timedelta, told: list[str]) -> None:
    for name, at in (("呼吸科", AT), ("呼吸与危重症医学科", AT + after)):
        visit = await hospital.visit("booked")
        for column, value in VISIT.items():
            await hospital.do(f"update revisit set {column} = $2 where id = $1", visit.id, value)
        await hospital.message(visit, "revisit_booked", params={"time": "11月26日 18:00", "department": name}, created_at=at)

    assert await words(hospital) == told


async def test_what_was_said_before_its_clinic_was_changed_stays_so(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    await hospital.message(visit, "revisit_booked", params={"time": "11月26日 10:00", "department": "呼吸科"})
    for column, value in {**VISIT, "rearranged_at": AT}.items():
        await hospital.do(f"update revisit set {column} = $2 where id = $1", visit.id, value)
    for time in ("11月26日 17:00", "11月26日 18:00"):
        await stepped(hospital, visit.id, "booking.rearrange", "booked", "booked")
        await hospital.message(visit, "revisit_rearranged", params={"time": time, "doctor": "王建国"})
    assert await words(hospital) == []

    await hospital.do("update revisit set slot_starts_at = $1", AT + timedelta(hours=3))

    assert await words(hospital) == ["revisit_rearranged"] * 2


@pytest.mark.parametrize(("said", "told"), [("50.00", 0), ("500.00", 1), ("0.50", 1)])
async def test_another_sum_than_went_back(hospital: Hospital, said: str, told: int) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    await hospital.message(visit, "refund_arrived", params={"amount": said})

    assert await words(hospital) == ["refund_arrived"] * told


async def test_each_sum_is_said_once(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    for fen in (1200, 800):
        await hospital.given_back(visit, *ARRIVED, cause="management", fen=fen)
    assert await words(hospital) == []

    await hospital.do("delete from message where template = 'refund_arrived'")
    for _ in range(2):
        await hospital.message(visit, "refund_arrived", params={"amount": "12.00"})

    assert await words(hospital) == ["refund_arrived"] * 2


@pytest.mark.parametrize("wrong", [{"amount": "500.00"}, {"reason": "缴费已逾期"}], ids=["sum", "reason"])
async def test_another_sum_than_nobody_wanted(hospital: Hospital, wrong: dict[str, str]) -> None:
    visit = await hospital.visit("closed")
    payment_id = await hospital.unwanted(visit, "second")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause="second")
    assert await words(hospital) == []

    await hospital.message(visit, "refund_requested", params={"amount": "50.00", "reason": "重复缴费"} | wrong)

    assert await words(hospital) == ["refund_requested"]


@pytest.mark.parametrize("template", ["drugs_ready", "drugs_waiting"])
async def test_another_code_than_the_drugs_are_handed_out_for(pharmacy: Pharmacy, template: str) -> None:
    prescription = await pharmacy.prescription("ready")
    await pharmacy.hospital.message(prescription.money.id, template, params={"code": "246802"})

    assert await words(pharmacy.hospital) == [template]


@pytest.mark.parametrize("wrong", [{"tail": "0000x"}, {"carrier": "别家"}], ids=["tail", "carrier"])
async def test_another_waybill_than_the_parcels(pharmacy: Pharmacy, wrong: dict[str, str]) -> None:
    prescription = await pharmacy.prescription("delivered")
    assert prescription.delivery_id
    right = {"carrier": wording.CARRIER, "tail": prescription.delivery_id.hex[-wording.TAIL :]}
    await pharmacy.hospital.message(prescription.money.id, "delivery_sent", params=right | wrong)

    assert await words(pharmacy.hospital) == ["delivery_sent"]


async def test_the_carrier_was_given_other_words_than_are_kept(hospital: Hospital) -> None:
    await hospital.message(await hospital.visit("closed"), "revisit_ended")
    hospital.outside.texts[0]["params"] = None
    assert await hospital.audit() == []

    hospital.outside.texts[0]["params"] = '{"time": "10:00"}'
    [found] = await hospital.audit()

    assert (found.kind, found.theirs) == (Kind.MESSAGE_DIFFERS, "another wording")


async def test_sent_again_in_other_words(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, *ARRIVED)
    first = await hospital.message(visit, "refund_arrived", state="undelivered")
    await hospital.message(visit, "refund_arrived", resend_of=first, params={"amount": "500.00"})

    [found] = await hospital.audit()

    assert (found.kind, found.theirs) == (Kind.MESSAGE_RESENT, "another wording")
