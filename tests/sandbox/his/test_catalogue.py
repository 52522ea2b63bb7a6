"""The catalogue of drugs, and what people went home with from past visits."""

from math import ceil

import pytest

from sandbox.his import wire
from sandbox.his.demo.drugs import BY_ID, DRUGS, TYPICAL
from tests.sandbox.his.client import Client, Clock, refusal, value_of

PER_DAY = {"qd": 1, "qn": 1, "bid": 2, "tid": 3}


def test_a_chest_hospital_has_what_it_needs_of_every_class() -> None:
    assert len(DRUGS) == len(BY_ID) >= 40
    assert {drug.kind for drug in DRUGS} == {"western", "patent", "herbal"}
    assert {"narcotic", "psychotropic"} <= {drug.special for drug in DRUGS}
    assert not [drug.id for drug in DRUGS if drug.special and drug.online]
    assert sum(drug.tuberculosis for drug in DRUGS) >= 4
    assert [drug.id for drug in DRUGS if drug.injection and drug.self_injectable] == ["drug-insulin-glargine"]
    assert all(len(drug.id) <= 32 for drug in DRUGS)


@pytest.mark.parametrize("category", TYPICAL)
def test_past_prescriptions_have_as_many_packs_as_their_days_need(category: str) -> None:
    for dose in TYPICAL[category]:
        needed = ceil(dose.dose * PER_DAY[dose.frequency] * dose.days / BY_ID[dose.drug].holds)
        assert dose.packs == needed, dose.drug


async def test_a_drug_says_what_a_pack_is_and_costs(client: Client) -> None:
    drug = await client.get("/Medication/drug-isoniazid")

    assert (drug["status"], drug["code"]["text"], value_of(drug, wire.SPEC)) == ("active", "异烟肼片", "100mg×100片")
    assert drug["amount"] == {"numerator": {"value": 10_000, "unit": "mg"}, "denominator": {"value": 1, "unit": "盒"}}
    assert value_of(drug, wire.PRICE) == {"value": 14.5, "currency": "CNY"}
    assert value_of(drug, wire.DRUG_KIND)["code"] == "western"
    assert value_of(drug, wire.DRUG_FLAGS["tuberculosis"]) is True
    assert wire.SPECIAL_CLASS not in [one["url"] for one in drug["extension"]]
    morphine = await client.get("/Medication/drug-morphine")
    assert (value_of(morphine, wire.SPECIAL_CLASS)["code"], value_of(morphine, wire.DRUG_FLAGS["onlineAllowed"])) == ("narcotic", False)


async def test_what_has_changed_is_found_by_when(client: Client, clock: Clock) -> None:
    assert len(await client.found("/Medication", _count="7")) == len(DRUGS)
    clock.forward(minutes=5)
    since = clock().isoformat()
    assert await client.found("/Medication", _lastUpdated=f"ge{since}") == []

    await client.http.post("/his/desk/drugs/drug-aspirin/stop")
    stopped = await client.http.post("/his/desk/drugs/drug-aspirin/stop")
    assert (stopped.json()["status"], stopped.json()["meta"]["versionId"]) == ("inactive", "2")
    assert [one["id"] for one in await client.found("/Medication", _lastUpdated=f"ge{since}")] == ["drug-aspirin"]
    assert (await client.http.post("/his/desk/drugs/drug-aspirin/resume")).json()["status"] == "active"
    assert (await client.http.post("/his/desk/drugs/nothing/stop")).status_code == 404


async def test_past_visits_were_ended_with_prescriptions(client: Client) -> None:
    lines = await client.found("/MedicationRequest", patient="pat-eligible")

    assert {line["status"] for line in lines} == {"completed"}
    newest = (await client.found("/Encounter", patient="pat-eligible"))[0]["id"]
    of_newest = await client.found("/MedicationRequest", patient="Patient/pat-eligible", encounter=newest)
    assert sorted(line["medicationReference"]["reference"] for line in of_newest) == [
        *("Medication/drug-acetylcysteine", "Medication/drug-budesonide-formoterol", "Medication/drug-tiotropium"),
    ]
    assert len({line["groupIdentifier"]["value"] for line in of_newest}) == 1
    assert {line["groupIdentifier"]["system"] for line in of_newest} == {wire.OWN_PRESCRIPTION}
    words = {line["dosageInstruction"][0]["text"] for line in of_newest}
    assert "每次2吸 每日两次 吸入" in words


async def test_who_is_registered_at_the_desk_has_them_too(client: Client) -> None:
    person = (await client.http.post("/his/desk/patients", json={"name": "测试", "encounters": [{"icd10": "J45.9"}]})).json()

    lines = await client.found("/MedicationRequest", patient=person["id"])

    assert [line["reasonCode"][0]["coding"][0]["code"] for line in lines] == ["J45.9"] * 2


async def test_a_visit_that_needs_none_was_ended_without(client: Client) -> None:
    assert await client.found("/MedicationRequest", patient="pat-eligible-5") == []
    assert refusal(await client.http.get("/his/fhir/R4/MedicationRequest/nothing")) == (404, "not-found")
