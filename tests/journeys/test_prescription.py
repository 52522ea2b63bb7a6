"""处方 on the whole stack: to the drug in the hand, back to its doctor, and through the death of each program on its way."""

from tests.journeys.hospital import Hospital
from tests.journeys.people import refused
from tests.journeys.prescription import WEEK, queued, written


async def test_a_prescription_is_signed_reviewed_paid_and_picked_up(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    mine = await written(visit)
    await mine.submit()

    answer = await visit.patient.get(mine.path)
    refused(answer, 404, "prescription.missing")  # not signed yet: it is nobody's but the doctor's
    await visit.signs_record()
    refused(await hospital.doctor.answer(f"{visit.path}/end"), 409, "prescription.unsigned")

    await mine.by_doctor()
    await mine.until("queued")
    await hospital.doctor.act(f"{visit.path}/end")
    assert (await visit.until("ended"))["state"] == "ended"
    await mine.approved()
    await mine.paid()
    await mine.pharmacy("prepare")
    assert (await mine.until("ready"))["pickup_code"]
    await mine.pharmacy("hand-out")
    await mine.until("completed")

    await visit.to("closed")


async def test_a_forged_signature_and_a_colleagues_bring_it_back(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    mine = await written(visit)
    for how, why in (
        ("other_text", "signature.invalid"),
        ("another", "signature.wrong_signer"),
        ("expired", "signature.certificate_expired"),
    ):
        await mine.submit()
        await mine.by_doctor(how)
        assert (await mine.until("drafting"))["reason"] == why

    await hospital.doctor.act(f"{mine.path}/withdraw")
    await visit.to("closed")


async def test_what_the_law_forbids_is_named(hospital: Hospital) -> None:
    visit = await hospital.visit("entered")
    prescribed = WEEK["prescribed"]
    mine = await written(visit, WEEK | {"prescribed": prescribed | {"items": [prescribed["items"][0] | {"days": 8}]}})

    problem = refused(await hospital.doctor.answer(f"{mine.path}/submit"), 422, "prescription.rules")

    assert problem["params"]["findings"] == [{"breach": "reason", "drug_code": "drug-tiotropium"}]
    await hospital.doctor.act(f"{mine.path}/withdraw")
    await visit.to("closed")


async def test_what_was_paid_and_is_not_wanted_goes_back(hospital: Hospital) -> None:
    """Free until 调配; the HIS holds no prescription of it any more, in the auditor's eyes too."""
    visit = await hospital.visit("entered")
    mine = await queued(visit)
    await mine.approved()
    await mine.paid()

    await visit.patient.act(f"{mine.path}/cancel")

    assert (await mine.until("cancelled"))["reason"] == "patient"
    await visit.to("closed")
    await visit.refund("arrived")
    await hospital.audited(visit)
