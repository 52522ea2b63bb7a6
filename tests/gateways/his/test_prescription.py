"""Prescriptions at the HIS: written once with both signatures, priced there, paid, dispensed; refused and unknown as everything."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from gateways.his.fhir import FhirHIS
from models.drug import Dispensing, Drug, DrugKind, Item, Special
from models.kernel import ids
from models.kernel.clock import business_day, now
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import Filing, Written, WrittenLine
from tests.gateways.his.hospital import Hospital, payment
from tests.gateways.his.prescription import TIOTROPIUM, an_item

WRITE = "POST /fhir/R4/MedicationRequest"
CHANGE = "PUT /fhir/R4/MedicationRequest/{id}"
SIGN = "POST /fhir/R4/Provenance"
TOTAL_FEN = 2 * 1450 + 13890


def of(written: Written, catalogue: dict[str, Drug], *items: Item, **changes: Any) -> Written:
    """The same with other drugs."""
    lines = tuple(WrittenLine(item=item, drug=catalogue[item.drug_code]) for item in items)
    return written.model_copy(update={"lines": lines} | changes)


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(DomainError) as refused:
        await call
    assert refused.value.kind in {"conflict", "invalid"}
    return refused.value.code


def kept(hospital: Hospital, number: UUID) -> list[tuple[str, str, str]]:
    return [(row["drug_id"], row["dose"], row["status"]) for row in hospital.book("prescription_lines") if row["number"] == number.hex]


async def test_the_catalogue_says_what_the_rules_ask(catalogue: dict[str, Drug]) -> None:
    isoniazid, insulin, morphine = (catalogue[f"drug-{name}"] for name in ("isoniazid", "insulin-glargine", "morphine"))

    assert (isoniazid.name, isoniazid.spec, isoniazid.kind) == ("异烟肼片", "100mg×100片", DrugKind.WESTERN)
    assert (isoniazid.antimicrobial, isoniazid.tuberculosis, isoniazid.special) == (True, True, None)
    assert (isoniazid.dose_unit, isoniazid.doses_in_pack, isoniazid.pack_unit) == ("mg", 10_000, "盒")
    assert (insulin.injection, insulin.self_injectable, insulin.special_storage, insulin.online_allowed) == (True,) * 4
    assert (morphine.special, morphine.online_allowed) == (Special.NARCOTIC, False)
    assert {drug.kind for drug in catalogue.values()} == set(DrugKind)


async def test_what_has_changed_in_the_catalogue(his: FhirHIS, hospital: Hospital) -> None:
    since = now()
    hospital.drug("stop", "drug-warfarin")
    assert [(drug.code, drug.stopped) for drug in await his.drugs(since)] == [("drug-warfarin", True)]
    hospital.drug("resume", "drug-warfarin")


async def test_past_prescriptions_of_all_records_newest_first(hospital: Hospital, his: FhirHIS) -> None:
    visits = [{"icd10": "J44.9", "days_ago": 40}, {"icd10": "A15.0", "diagnosis": "肺结核", "days_ago": 200}]
    one, other = (hospital.patient(encounters=[visit])["id"] for visit in visits)

    newest, older = await his.past_prescriptions((one, other), date(2020, 1, 1))

    assert newest.written_at > older.written_at
    assert (older.diagnosis_code, older.diagnosis_text, len(older.lines)) == ("A15.0", "肺结核", 4)
    isoniazid = next(line for line in older.lines if line.drug_code == "drug-isoniazid")
    assert (isoniazid.drug_name, isoniazid.words) == ("异烟肼片", "每次300mg 每日一次 口服")
    assert isoniazid.item == an_item(days=28, packs=1)
    assert [visit.encounter_id for visit in await his.past_visits((one,), date(2020, 1, 1))] == [newest.encounter_id]
    assert await his.past_prescriptions((one, other), business_day(now())) == ()
    assert await his.past_prescriptions((), date(2020, 1, 1)) == ()


async def test_it_is_written_once_and_priced_by_the_hospital(hospital: Hospital, his: FhirHIS, written: Written) -> None:
    for _ in range(2):
        await his.write_prescription(written)

    assert kept(hospital, written.number) == [("drug-isoniazid", "300", "active"), ("drug-tiotropium", "1", "active")]
    bill = await his.price(written.number)
    assert (bill.amount_fen, bill.open) == (TOTAL_FEN, True)
    found = await his.find_prescription(written.number)
    assert found is not None
    assert (found.filing, found.bill) == (Filing.ACTIVE, bill)
    [book] = [row for row in hospital.book("prescriptions") if row["number"] == written.number.hex]
    assert (book["signed"], book["encounter_id"]) == (1, written.encounter_id)


async def test_one_that_was_never_written(his: FhirHIS) -> None:
    number = ids.new()
    assert await his.find_prescription(number) is None
    assert await his.dispensed(number) is None
    await his.cancel_prescription(number)
    with pytest.raises(Unknown):
        await his.price(number)
    assert await refusal(his.extend_prescription(number, now())) == "his.not-found"


@pytest.mark.parametrize(
    ("drug", "code"),
    [("drug-morphine", "his.drug-not-online"), ("drug-alprazolam", "his.drug-not-online"), ("drug-warfarin", "his.drug-stopped")],
)
async def test_a_drug_is_refused_by_the_his_in_its_own_words(
    his: FhirHIS, hospital: Hospital, written: Written, catalogue: dict[str, Drug], drug: str, code: str
) -> None:
    hospital.drug("stop", "drug-warfarin")

    assert await refusal(his.write_prescription(of(written, catalogue, an_item(), an_item(drug, dose=Decimal("0.4"))))) == code

    hospital.drug("resume", "drug-warfarin")
    found = await his.find_prescription(written.number)
    assert found is not None
    assert (found.filing, found.bill) == (Filing.ON_HOLD, None), "what came before it costs nothing, and nobody dispenses it"
    await his.cancel_prescription(written.number)
    found = await his.find_prescription(written.number)
    assert found is not None
    assert found.filing is Filing.CANCELLED


async def test_a_drug_that_the_his_does_not_know(his: FhirHIS, written: Written, catalogue: dict[str, Drug]) -> None:
    line = WrittenLine(item=an_item("drug-of-elsewhere"), drug=catalogue["drug-isoniazid"])
    assert await refusal(his.write_prescription(written.model_copy(update={"lines": (line,)}))) == "his.drug-unknown"


async def test_a_prescription_after_the_visit(his: FhirHIS, written: Written) -> None:
    await his.finish_encounter(written.encounter_id, now())
    late = written.model_copy(update={"written_at": now() + timedelta(seconds=1)})
    assert await refusal(his.write_prescription(late)) == "his.not-in-progress"
    await his.write_prescription(written)
    assert (await his.price(written.number)).open, "signed in the visit, approved after it"


async def test_other_contents_under_the_same_number(his: FhirHIS, written: Written, catalogue: dict[str, Drug]) -> None:
    await his.write_prescription(written)
    assert (
        await refusal(his.write_prescription(of(written, catalogue, an_item(dose=Decimal(400)), TIOTROPIUM))) == "his.prescription-differs"
    )
    await his.cancel_prescription(written.number)
    assert await refusal(his.write_prescription(written)) == "his.prescription-cancelled"
    assert not (await his.price(written.number)).open


async def test_it_is_paid_dispensed_and_seen(hospital: Hospital, his: FhirHIS, written: Written) -> None:
    await his.write_prescription(written)
    bill = await his.price(written.number)
    states = [await his.dispensed(written.number)]
    await his.settle(bill.invoice_id, payment(TOTAL_FEN))
    states.append(await his.dispensed(written.number))
    for act in ("prepare", "hand-out"):
        hospital.at_the_counter(act, written.number)
        states.append(await his.dispensed(written.number))

    assert [one and one.state for one in states] == list(Dispensing)
    assert all(one and one.at for one in states[1:])
    assert await refusal(his.cancel_prescription(written.number)) == "his.dispensed"
    assert await refusal(his.reverse(bill.invoice_id, ids.new().hex, TOTAL_FEN, "patient")) == "his.dispensed"
    [past] = await his.past_prescriptions((written.his_patient_id,), business_day(now()))
    assert (past.number, [line.item for line in past.lines].count(an_item())) == (written.number.hex, 1)
    hospital.at_the_counter("take-back", written.number)
    await his.reverse(bill.invoice_id, ids.new().hex, TOTAL_FEN, "patient")


async def test_what_a_window_took(hospital: Hospital, his: FhirHIS, written: Written) -> None:
    await his.write_prescription(written)
    bill = await his.price(written.number)
    hospital.at_the_counter("pay", written.number)

    seen = await his.dispensed(written.number)
    assert seen is not None
    assert seen.state is Dispensing.PAID
    assert await refusal(his.settle(bill.invoice_id, payment(TOTAL_FEN))) == "his.paid-elsewhere"
    assert await refusal(his.cancel_prescription(written.number)) == "his.settled"


async def test_given_back_before_it_is_handed_out_it_is_cancelled(hospital: Hospital, his: FhirHIS, written: Written) -> None:
    await his.write_prescription(written)
    bill = await his.price(written.number)
    await his.settle(bill.invoice_id, payment(TOTAL_FEN))
    hospital.at_the_counter("prepare", written.number)

    await his.reverse(bill.invoice_id, ids.new().hex, TOTAL_FEN, "patient")

    found, seen = await his.find_prescription(written.number), await his.dispensed(written.number)
    assert found is not None
    assert seen is not None
    assert (found.filing, seen.state) == (Filing.CANCELLED, Dispensing.UNPAID)


async def test_it_is_valid_for_longer_where_the_doctor_says_so(his: FhirHIS, written: Written) -> None:
    await his.write_prescription(written)
    last = written.valid_until + timedelta(days=2)
    for _ in range(2):
        await his.extend_prescription(written.number, last)
    assert await refusal(his.extend_prescription(written.number, last + timedelta(seconds=1))) == "his.invalid"
    await his.cancel_prescription(written.number)
    assert await refusal(his.extend_prescription(written.number, last)) == "his.prescription-cancelled"


@pytest.mark.parametrize("call", [WRITE, SIGN, CHANGE])
@pytest.mark.parametrize("kind", ["lost", "tampered", "late"])
async def test_asked_again_after_no_answer_it_is_there_once(
    hospital: Hospital, his: FhirHIS, written: Written, fault: Callable[..., None], call: str, kind: str
) -> None:
    fault("his", call, kind, 0.05)
    with pytest.raises(Unknown):
        await his.write_prescription(written)

    await his.write_prescription(written)

    assert [status for _, _, status in kept(hospital, written.number)] == ["active"] * 2
    assert (await his.price(written.number)).amount_fen == TOTAL_FEN
    assert len([row for row in hospital.book("invoices") if row["prescription_no"] == written.number.hex]) == 1


async def test_what_arrives_twice_is_there_once(hospital: Hospital, his: FhirHIS, written: Written, fault: Callable[..., None]) -> None:
    for call in (WRITE, SIGN, CHANGE):
        fault("his", call, "duplicated", 0)
    await his.write_prescription(written)
    assert len(kept(hospital, written.number)) == 2


async def test_a_person_does_it_all_on_the_console(hospital: Hospital, his: FhirHIS, written: Written) -> None:
    await his.write_prescription(written)
    assert "窗口收费" in hospital.console()
    number = {"number": written.number.hex}

    assert "没有办成：账单尚未缴费。" in hospital.click("prescriptions/prepare", **number)
    assert "窗口收费已完成。" in hospital.click("prescriptions/pay", **number)
    assert "没有办成：账单已由其他缴费结清。" in hospital.click("prescriptions/pay", **number)
    assert "调配已完成。" in hospital.click("prescriptions/prepare", **number)
    assert "发药已完成。" in hospital.click("prescriptions/hand-out", **number)
    seen = await his.dispensed(written.number)
    assert seen is not None
    assert seen.state is Dispensing.HANDED_OUT
    assert "退药已完成。" in hospital.click("prescriptions/take-back", **number)
    assert "已重发 4 条推送。" in hospital.click("prescriptions/tell-again", **number)
    assert "没有办成：没有这种办理。" in hospital.click("prescriptions/eat", **number)
    assert "没有办成：资源不存在。" in hospital.click("prescriptions/pay", number="0" * 32)
    assert "药品已停用。" in hospital.click("drugs", id="drug-sildenafil", stop="1")
    assert "drug-sildenafil" in {drug.code for drug in await his.drugs() if drug.stopped}
    assert "药品已恢复。" in hospital.click("drugs", id="drug-sildenafil", stop="0")
    assert "没有这种药品" in hospital.click("drugs", id="drug-nothing", stop="0")
