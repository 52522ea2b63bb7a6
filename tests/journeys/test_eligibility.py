"""Who may revisit online, told by the HIS: every kind of person of the demo hospital, and data that is completed."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio

from models.kernel.clock import business_day, now
from tests.journeys.hospital import Hospital
from tests.journeys.people import Card, Json, Patient, key, read, refused
from tests.journeys.visit import Visit

KINDS = {
    "eligible": ("consenting", None),
    "out_of_window": ("refused", "out_of_window"),
    "no_visit": ("refused", "no_record"),
    "child": ("refused", "child"),
    "missing_fields": ("completing", None),
    "other_diagnosis": ("consenting", None),
    "two_cards": ("consenting", None),
}
"""Of the demo hospital's people, and where a visit of each stands when the HIS has answered."""


@pytest_asyncio.fixture(scope="module")
async def family(hospital: Hospital) -> AsyncIterator[dict[str, tuple[Patient, Json]]]:
    """One account that has bound a person of every kind."""
    demo = read(await hospital.outside.get("/his/desk/demo"))["patients"]
    one_of_each = {person["kind"]: person for person in reversed(demo)}
    account = await hospital.patient()
    bound: dict[str, tuple[Patient, Json]] = {}
    for kind, person in one_of_each.items():
        card = Card(id=person["id"], name=person["name"], id_number=person["id_number"], phone=account.card.phone)
        patient = Patient(hospital.http, card)
        patient.headers = account.headers
        await patient.bind("other")
        bound[kind] = patient, person
    yield bound


def test_every_kind_of_the_demo_hospital_is_looked_at(family: dict[str, tuple[Patient, Json]]) -> None:
    assert set(family) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_person_gets_their_answer(hospital: Hospital, family: dict[str, tuple[Patient, Json]], kind: str) -> None:
    patient, person = family[kind]
    state, refusal = KINDS[kind]
    visit = Visit(hospital, patient, await patient.open())

    told = await visit.until(state)

    assert (told["refusal"], len(told["missing"])) == (refusal, len(person["missing"]))
    assert bool(told["refusal_text"]) == bool(refusal)
    if refusal:
        assert (told["allowed"], told["due_at"], told["acts_next"]) == ([], None, "nobody")
        problem = refused(await visit.attempt("self-check", {"symptoms": []}), 409, "revisit.not_now")
        assert problem["params"] == {"state": "refused", "allowed": []}
    else:
        await visit.act("cancel")


async def test_two_cards_of_one_person_are_one_history(hospital: Hospital, family: dict[str, tuple[Patient, Json]]) -> None:
    patient, _ = family["two_cards"]
    visit = Visit(hospital, patient, await patient.open())
    await visit.until("consenting")

    past = await patient.ask(f"{visit.path}/past-visits")

    assert sorted(one["diagnoses"] for one in past) == [["冠状动脉粥样硬化性心脏病"], ["右上肺腺癌术后"]]
    assert [one["diagnoses"] for one in past if one["chosen"]] == [["右上肺腺癌术后"]]
    old = next(one["encounter_id"] for one in past if not one["chosen"])
    refused(await visit.attempt("relate", {"past_encounter_id": old}), 409, "eligibility.out_of_window")
    refused(await visit.attempt("relate", {"past_encounter_id": "enc-of-nobody"}), 422, "eligibility.not_theirs")
    assert (await visit.now())["version"] == 1
    await visit.act("cancel")


async def test_wanting_data_is_named_completed_and_stays_at_the_his(hospital: Hospital) -> None:
    patient = await hospital.patient(phone=None, address=None)
    visit = Visit(hospital, patient, await patient.open())
    assert sorted((await visit.until("completing"))["missing"]) == ["address", "phone"]
    supplements = f"/v1/patients/{patient.id}/supplements"

    for nothing in ({}, {"phone": None, "address": None}, {"phone": "12345678901"}, {"address": " "}, {"address": "北京市\x00东城区"}):
        refused(await patient.post(supplements, nothing, key=key()), 422, "request.invalid")
    refused(await visit.attempt("complete", {"supplement_id": patient.id}), 404, "patient.supplement_missing")
    half = (await patient.act(supplements, {"phone": patient.card.phone}))["supplement_id"]
    problem = refused(await visit.attempt("complete", {"supplement_id": half}), 422, "his.invalid")  # all or nothing, says this HIS
    assert problem["params"] == {"element": "address"}
    assert sorted((await visit.now())["missing"]) == ["address", "phone"]
    whole = {"phone": f"+86 {patient.card.phone}", "address": "北京市东城区蓬莱胡同7号"}
    supplied = (await patient.act(supplements, whole))["supplement_id"]
    assert (await visit.act("complete", {"supplement_id": supplied}))["state"] == "consenting"

    again = Visit(hospital, patient, await patient.open())
    assert (await again.until("consenting"))["missing"] == []
    for one in (visit, again):
        await one.act("cancel")


async def test_another_patients_supplement_is_nobodys(hospital: Hospital) -> None:
    patient, other = await hospital.patient(phone=None), await hospital.patient()
    visit = Visit(hospital, patient, await patient.open())
    await visit.until("completing")
    theirs = (await other.act(f"/v1/patients/{other.id}/supplements", {"phone": other.card.phone}))["supplement_id"]

    refused(await visit.attempt("complete", {"supplement_id": theirs}), 404, "patient.supplement_missing")
    refused(await other.post(f"/v1/patients/{patient.id}/supplements", {"phone": other.card.phone}, key=key()), 404, "patient.missing")

    assert ((await visit.now())["state"], (await visit.now())["missing"]) == ("completing", ["phone"])
    await visit.act("cancel")


@pytest.mark.parametrize(
    ("wish", "name", "refusal"),
    [
        pytest.param({"encounters": [{"days_ago": 30}, {"days_ago": 500}]}, None, None, id="the newest counts"),
        pytest.param({"encounters": [{"days_ago": 190}]}, None, "out_of_window", id="half a year and some days"),
        pytest.param({"birth_on": "seven tomorrow"}, None, "child", id="seven tomorrow"),
        pytest.param({"birth_on": "seven today"}, None, None, id="seven today"),
        pytest.param({}, "欧阳不是此人", "not_found", id="another name than the HIS has"),
    ],
)
async def test_a_person_is_judged_by_what_the_his_says(hospital: Hospital, wish: Json, name: str | None, refusal: str | None) -> None:
    if wish.get("birth_on"):
        wish = {"birth_on": _seven(business_day(now()), 1 if wish["birth_on"] == "seven tomorrow" else 0).isoformat()} | {
            "encounters": [{}]
        }
    patient = Patient(hospital.http, await hospital.register(**wish))
    await hospital.sign_in(patient)
    await patient.bind("self", name)
    visit = Visit(hospital, patient, await patient.open())

    assert (await visit.until("refused" if refusal else "consenting"))["refusal"] == refusal


def _seven(today: date, ahead: int) -> date:
    """Born so that the seventh birthday is so many days ahead; a 29 February that is no birthday yields to a day on the same side."""
    day = today + timedelta(days=ahead)
    if (day.month, day.day) == (2, 29):
        day += timedelta(days=1 if ahead else -1)
    return day.replace(year=day.year - 7)


async def test_symptoms_of_an_emergency_end_the_visit_with_advice(hospital: Hospital) -> None:
    visit = await hospital.visit()
    shown = await visit.patient.ask("/v1/consent-texts/revisit")
    assert "chest_pain" in shown["symptoms"]

    assert (await visit.act("self-check", {"symptoms": ["chest_pain"]}))["state"] == "refused"

    told = await visit.now()
    assert (told["refusal"], told["allowed"]) == ("emergency", [])
    assert "急诊" in told["refusal_text"]
    assert "120" in told["refusal_text"]
    refused(await visit.attempt("consent", {"text_version": shown["version"], "text_hash": shown["hash"]}), 409, "revisit.not_now")


async def test_consent_is_to_the_text_in_force_after_the_self_check(hospital: Hospital) -> None:
    visit = await hospital.visit()
    shown = await visit.patient.ask("/v1/consent-texts/revisit")
    right = {"text_version": shown["version"], "text_hash": shown["hash"]}
    refused(await visit.attempt("consent", right), 409, "consent.self_check_first")
    await visit.act("self-check", {"symptoms": []})

    for wrong in ({"text_hash": "0" * 64}, {"text_version": "revisit-2020-01"}):
        problem = refused(await visit.attempt("consent", right | wrong), 409, "consent.text_changed")
        assert problem["params"]["text_version"] == shown["version"]
    for malformed in ({"text_hash": "short"}, {"text_hash": shown["hash"].upper() + "!"}, {"text_version": ""}):
        refused(await visit.attempt("consent", right | malformed), 422, "request.invalid")
    assert (await visit.now())["state"] == "consenting"

    assert (await visit.act("consent", right))["state"] == "choosing"
    await visit.act("cancel")
