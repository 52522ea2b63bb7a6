"""Prescriptions at the HIS: to the line and the fen, what it has and our rows say otherwise."""

import json

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.finding import told
from tests.auditor.hospital import FEE_FEN, one
from tests.auditor.pharmacy import MS, STAGES, Pharmacy

CHOOSING = {"prescription.choosing"}


async def test_the_his_has_a_prescription_that_nobody_here_wrote(pharmacy: Pharmacy) -> None:
    pharmacy.filed(await pharmacy.hospital.visit("closed"), new().hex, STAGES["choosing"], "inv-x")

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.theirs) == (Kind.FILING_UNKNOWN, "active")


async def test_approved_here_and_unknown_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    pharmacy.outside.prescriptions.clear()

    [found] = await pharmacy.hospital.audit(standing=CHOOSING)

    assert (found.kind, found.ours, found.theirs) == (Kind.FILING_STATE, "choosing", "no such prescription")


@pytest.mark.parametrize(
    ("stage", "changed", "word"),
    [
        pytest.param("choosing", {"status": "on-hold"}, "on-hold", id="never made valid"),
        pytest.param("choosing", {"status": "cancelled"}, "cancelled", id="cancelled there alone"),
        pytest.param("left", {"status": "active"}, "active", id="left here and payable there"),
        pytest.param("expired", {"status": "active"}, "active", id="expired here and payable there"),
        pytest.param("paid", {"prepared_ms": MS}, "prepared", id="prepared there alone"),
        pytest.param("ready", {"prepared_ms": None}, "paid", id="prepared here alone"),
        pytest.param("ready", {"dispensed_ms": MS}, "handed out, lines active", id="half handed out"),
        pytest.param("picked up", {"dispensed_ms": None, "status": "active"}, "prepared", id="handed out here alone"),
        pytest.param("delivered", {"dispensed_ms": None, "status": "active"}, "prepared", id="signed for and never handed out"),
    ],
)
async def test_a_prescription_stands_otherwise_at_the_his(
    pharmacy: Pharmacy, stage: str, changed: dict[str, int | str | None], word: str
) -> None:
    prescription = await pharmacy.prescription(stage)
    pharmacy.outside.prescription_lines[0].update({name: value for name, value in changed.items() if name == "status"})
    pharmacy.outside.prescriptions[0].update({name: value for name, value in changed.items() if name != "status"})
    pharmacy.outside.invoices[-1]["status"] = "issued" if word == "active" else pharmacy.outside.invoices[-1]["status"]

    [found] = await pharmacy.hospital.audit(standing={f"prescription.{STAGES[stage].moves[-1]}"})

    assert (found.kind, found.theirs, found.visit) == (Kind.FILING_STATE, word, prescription.money.id)


async def test_a_bill_that_was_never_paid_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("paid")
    pharmacy.outside.invoices[-1]["status"] = "issued"

    [found] = await pharmacy.hospital.audit(standing={"prescription.dispensing"})

    assert (found.kind, found.ours, found.theirs) == (Kind.FILING_STATE, "dispensing", "active")


@pytest.mark.parametrize(("stage", "status"), [("choosing", "cancelled"), ("expired", "issued"), ("picked up", "issued")])
async def test_the_bill_of_a_prescription_in_another_state(pharmacy: Pharmacy, stage: str, status: str) -> None:
    prescription = await pharmacy.prescription(stage)
    pharmacy.outside.invoices[-1]["status"] = status

    found = await pharmacy.hospital.audit(standing=CHOOSING)

    assert {(one.kind, one.visit) for one in found} == {(Kind.BILL_STATE, prescription.money.id)}


async def test_before_a_pharmacist_has_signed_nothing_stands_at_the_his(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("queued")
    pharmacy.filed(prescription.money, prescription.content_id.hex, STAGES["choosing"], "inv-x")

    assert await pharmacy.hospital.kinds(standing={"prescription.queued"}) == {Kind.FILING_STATE, Kind.FILING_UNSIGNED}


async def test_what_was_amended_since_is_not_valid_at_the_his(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("picked up")
    await pharmacy.content(prescription.id, before := new())
    signatures = [await pharmacy.signed(prescription.money, prescription.id, before, side) for side in ("doctor", "pharmacist")]
    pharmacy.filed(prescription.money, before.hex, STAGES["expired"], "inv-x", signatures)
    assert await pharmacy.hospital.audit() == []

    one(pharmacy.outside.prescription_lines, number=before.hex)["status"] = "active"

    [found] = await pharmacy.hospital.audit()
    assert (found.kind, found.ours, found.theirs) == (Kind.FILING_STATE, "completed, amended since", "active")


@pytest.mark.parametrize("left", [(), ("doctor",), ("pharmacist",)])
async def test_one_signature_is_missing_here(pharmacy: Pharmacy, left: tuple[str, ...]) -> None:
    await pharmacy.prescription("choosing")
    await pharmacy.hospital.do("delete from signature where side <> all($1::text[])", list(left))
    pharmacy.outside.tasks[:] = [one for one in pharmacy.outside.tasks if one["staff_id"] in {f"{side[:3]}-1" for side in left}]

    [found] = [one for one in await pharmacy.hospital.audit(standing=CHOOSING) if one.kind is not Kind.SIGNATURE_UNKNOWN]

    assert (found.kind, found.ours) == (Kind.FILING_UNSIGNED, " ".join(left) or "none")


async def test_the_his_was_told_no_signature(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    pharmacy.outside.prescriptions[0]["signed"] = 0

    assert await pharmacy.hospital.kinds(standing=CHOOSING) == {Kind.FILING_UNSIGNED}


async def test_a_line_is_another_one_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    line = pharmacy.outside.prescription_lines[0]
    right = dict(line)

    for column, value in {"drug_id": "amb", "dose": "2", "frequency": "bid", "route": "oral", "days": 14, "packs": 2}.items():
        line.update(right | {column: value})

        [found] = await pharmacy.hospital.audit(standing=CHOOSING)

        assert (found.kind, found.ours) == (Kind.FILING_DIFFERS, "another lines"), column
        assert "amb" not in told([found])


async def test_a_line_more_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    pharmacy.outside.prescription_lines.append(dict(pharmacy.outside.prescription_lines[0]))

    assert await pharmacy.hospital.kinds(standing=CHOOSING) == {Kind.FILING_DIFFERS}


async def test_the_same_dose_in_other_digits_is_the_same(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    pharmacy.outside.prescription_lines[0]["dose"] = "1.00"

    assert await pharmacy.hospital.audit(standing=CHOOSING) == []


async def test_it_is_valid_for_longer_or_of_another_visit_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    filed = pharmacy.outside.prescriptions[0]
    filed.update(valid_until_ms=MS + 1, encounter_id="enc-x")

    [found] = await pharmacy.hospital.audit(standing=CHOOSING)

    assert (found.kind, found.ours) == (Kind.FILING_DIFFERS, "another visit validity")


async def test_it_stands_there_under_another_signature(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("choosing")
    filed = pharmacy.outside.prescriptions[0]
    both = json.loads(str(filed["signatures"]))

    for there in (["AAAA", both[1]], both[:1], [*both, both[0]]):
        filed["signatures"] = json.dumps(there)

        [found] = await pharmacy.hospital.audit(standing=CHOOSING)

        assert (found.kind, found.ours, found.visit) == (Kind.FILING_DIFFERS, "another signature", prescription.money.id)


async def test_it_is_for_another_patient_by_another_doctor_or_for_another_diagnosis(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    filed = pharmacy.outside.prescriptions[0]
    right = dict(filed)

    for column, value, word in (("patient_id", "pat-x", "patient"), ("practitioner_id", "doc-x", "doctor"), ("icd10", "I10", "diagnosis")):
        filed.update(right | {column: value})

        [found] = await pharmacy.hospital.audit(standing=CHOOSING)

        assert (found.kind, found.ours) == (Kind.FILING_DIFFERS, f"another {word}")
        assert "I10" not in told([found])


async def test_another_price_at_the_his(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("choosing")
    pharmacy.outside.invoices[-1]["total_fen"] = FEE_FEN + 1

    [found] = await pharmacy.hospital.audit(standing=CHOOSING)

    assert (found.kind, found.ours, found.theirs) == (Kind.FILING_PRICE, "5000 fen", "5001 fen")


async def test_a_charge_of_another_price_than_was_told(pharmacy: Pharmacy) -> None:
    """Its own bill is right, and the prescription's is another."""
    prescription = await pharmacy.prescription("picked up")
    other = await pharmacy.hospital.visit("closed")
    await pharmacy.hospital.do("update charge set invoice_id = $1 where id = $2", other.invoice_id, prescription.money.charge_id)

    assert Kind.FILING_PRICE in await pharmacy.hospital.kinds()
