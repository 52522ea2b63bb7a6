"""复诊续方 on the whole stack: from a past prescription of the HIS to a draft that is judged by the rules of today."""

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Patient, key, refused
from tests.journeys.prescription import Prescription
from tests.journeys.visit import Visit


async def past_of(patient: Patient) -> Json:
    [past] = (await patient.ask(f"/v1/patients/{patient.id}/past-prescriptions"))["items"]
    return past


async def answers(visit: Visit, **no: bool) -> None:
    """Whether all is stable, and the consent to the text in force."""
    shown = await visit.patient.ask("/v1/consent-texts/revisit")
    stability = {"version": shown["stability_version"], "answers": dict.fromkeys(shown["stability"], True) | no}
    refused(await visit.attempt("self-check", {"symptoms": []}), 422, "consent.stability")
    await visit.act("self-check", {"symptoms": [], "stability": stability})
    await visit.act("consent", {"text_version": shown["version"], "text_hash": shown["hash"]})


async def test_what_was_taken_is_had_again_and_changed_lines_are_marked(hospital: Hospital) -> None:
    patient, doctor = await hospital.patient(), hospital.doctor
    past = await past_of(patient)
    assert (past["refusal"], past["left_out"]) == (None, [])
    visit = Visit(hospital, patient, await patient.open(past_prescription=past["number"]))
    await visit.until("consenting")
    await answers(visit, examination=False)
    await visit.to("entered")

    copy = {"copied_from": past["number"]}
    problem = refused(await doctor.answer(f"{visit.path}/prescriptions/copy", copy), 409, "refill.unstable")
    assert problem["params"]["unstable"] == ["examination"]
    made = await doctor.act(f"{visit.path}/prescriptions/copy", copy | {"though_unstable": True})
    draft = Prescription(visit, made["id"])
    then = [one["drug_code"] for one in past["lines"]]
    assert [(one["drug_code"], one["change"]) for one in made["copied"]["changes"]] == [(one, "unchanged") for one in then]

    problem = refused(await doctor.answer(f"{draft.path}/submit"), 422, "prescription.rules")
    assert {one["breach"] for one in problem["params"]["findings"]} >= {"reason"}, "nothing of the law is skipped because it is old"
    content = (await draft.now())["content"]
    items = content["prescribed"]["items"]
    kept = items[0] | {"days": 7, "packs": 1}
    await doctor.act(f"{draft.path}/amend", content | {"prescribed": content["prescribed"] | {"items": [kept]}})

    told = (await draft.now())["copied"]
    assert {one["drug_code"]: one["change"] for one in told["changes"]} == dict.fromkeys(then, "removed") | {kept["drug_code"]: "changed"}
    assert (await visit.timeline())["steps"][0]["title"] == "发起复诊续方"
    await draft.submit()
    await draft.by_doctor()
    await draft.until("queued")
    await doctor.act(f"{draft.path}/withdraw")
    await visit.to("closed")


async def test_another_persons_prescription_begins_nothing_and_is_shown_to_nobody_else(hospital: Hospital) -> None:
    patient, other = await hospital.patient(), await hospital.patient()
    theirs = await past_of(other)

    refused(await patient.get(f"/v1/patients/{other.id}/past-prescriptions"), 404, "patient.missing")
    visit = Visit(hospital, patient, await patient.open(past_prescription=theirs["number"]))
    told = await visit.until("refused")

    assert (told["refusal"], bool(told["refusal_text"])) == ("not_their_prescription", True)
    both = {"past_prescription": theirs["number"], "past_encounter_id": "enc-1"}
    refused(await patient.post(f"/v1/patients/{patient.id}/revisits", both, key=key()), 422, "request.invalid")


async def test_who_knows_a_name_and_a_number_is_told_nothing_of_what_was_taken(hospital: Hospital) -> None:
    """Signed in by another phone than the hospital has for them."""
    patient, other = await hospital.patient(), await hospital.patient()
    assert (await past_of(patient))["lines"]

    other.card = patient.card
    await other.bind("self")

    refused(await other.get(f"/v1/patients/{other.id}/past-prescriptions"), 403, "refill.not_proved")


async def test_a_his_that_does_not_tell_is_no_empty_list(hospital: Hospital) -> None:
    """A silent one is asked again, while the screen waits."""
    patient = await hospital.patient()
    async with hospital.fault("his", "GET /fhir/R4/MedicationRequest", "refused", seconds=0.05) as met:
        refused(await patient.get(f"/v1/patients/{patient.id}/past-prescriptions"), 503, "refill.not_told")
        await met()

    async with hospital.fault("his", "GET /fhir/R4/MedicationRequest", "lost", seconds=0.05) as met:
        assert (await past_of(patient))["lines"]
        await met()
