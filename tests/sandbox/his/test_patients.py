"""Patients: found by ID number, several cards of one person, completed as the regulator asks."""

import pytest

from sandbox.his import wire
from tests.sandbox.his.client import FHIR, Client, Json, refusal


async def _search(client: Client, value: str) -> Json:
    answer = await client.http.post(f"{FHIR}/Patient/_search", data={"identifier": value})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_person_is_found_by_id_number(client: Client) -> None:
    bundle = await _search(client, f"{wire.ID_NUMBER}|110105195805120428")

    assert bundle["total"] == 1
    found = bundle["entry"][0]["resource"]
    assert (found["id"], found["name"][0]["text"], found["gender"], found["birthDate"]) == (
        "pat-eligible",
        "张秀英",
        "female",
        "1958-05-12",
    )
    assert found["telecom"] == [{"system": "phone", "value": "13800100001", "use": "mobile"}]
    assert "110105195805120428" not in str(bundle["link"])


@pytest.mark.parametrize("value", [f"{wire.ID_NUMBER}|11010519491231002X", f"{wire.CARD}|110105195805120428"])
async def test_nobody_is_found_by_a_number_of_nobody(client: Client, value: str) -> None:
    assert await _search(client, value) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "link": [{"relation": "self", "url": f"http://his.test{FHIR}/Patient/_search"}],
    }


async def test_two_cards_of_one_person_name_each_other(client: Client) -> None:
    demo = (await client.http.get("/his/desk/demo")).json()
    [number] = {person["id_number"] for person in demo["patients"] if person["kind"] == "two_cards"}

    bundle = await _search(client, f"{wire.ID_NUMBER}|{number}")

    links = {entry["resource"]["id"]: entry["resource"]["link"] for entry in bundle["entry"]}
    assert links == {
        "pat-two-cards-a": [{"other": {"reference": "Patient/pat-two-cards-b"}, "type": "seealso"}],
        "pat-two-cards-b": [{"other": {"reference": "Patient/pat-two-cards-a"}, "type": "seealso"}],
    }


@pytest.mark.parametrize("form", [{}, {"identifier": "110105195805120428"}, {"name": "张秀英"}, {"identifier": f"{wire.ID_NUMBER}|"}])
async def test_a_search_without_a_number_is_refused(client: Client, form: dict[str, str]) -> None:
    assert refusal(await client.http.post(f"{FHIR}/Patient/_search", data=form)) == (422, "invalid")


async def test_an_id_number_never_stands_in_a_url(client: Client) -> None:
    answer = await client.http.get(f"{FHIR}/Patient", params={"identifier": f"{wire.ID_NUMBER}|110105195805120428"})

    assert refusal(answer) == (404, "not-found")


async def test_what_the_regulator_misses_is_completed(client: Client) -> None:
    before = await client.get("/Patient/pat-missing-fields")
    assert "telecom" not in before
    assert "address" not in before
    assert "maritalStatus" not in before

    answer = await client.put(
        before | {"telecom": [{"system": "phone", "value": "13800100008"}], "address": [{"text": "北京市石景山区鲁谷路74号院"}]}
    )

    assert answer.status_code == 200
    after = await client.get("/Patient/pat-missing-fields")
    assert after == answer.json()
    assert (after["meta"]["versionId"], after["telecom"][0]["value"], after["address"][0]["text"]) == (
        "2",
        "13800100008",
        "北京市石景山区鲁谷路74号院",
    )
    demo = (await client.http.get("/his/desk/demo")).json()
    assert all(person["missing"] == [] for person in demo["patients"])


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"telecom": []}, "Patient.telecom"),
        ({"telecom": [{"system": "phone", "value": "62510000"}]}, "Patient.telecom"),
        ({"telecom": "13800100008"}, "Patient.telecom"),
        ({"address": []}, "Patient.address"),
        ({"address": [{"text": "  "}]}, "Patient.address"),
        ({"address": [{"text": "路" * 201}]}, "Patient.address"),
        ({"address": [{"text": "鲁谷路\u0000"}]}, "Patient.address"),
        ({"birthDate": "1968-12-02"}, "Patient.birthDate"),
        ({"name": [{"text": "周文武"}]}, "Patient.name"),
        ({"identifier": []}, "Patient.identifier"),
        ({"gender": "female"}, "Patient.gender"),
    ],
)
async def test_a_wrong_completion_names_its_element(client: Client, change: Json, element: str) -> None:
    before = await client.get("/Patient/pat-missing-fields")
    complete = {"telecom": [{"system": "phone", "value": "13800100008"}], "address": [{"text": "北京市石景山区鲁谷路74号院"}]}

    answer = await client.put(before | complete | change)

    assert refusal(answer) == (422, "invalid")
    assert answer.json()["issue"][0]["expression"] == [element]
    assert await client.get("/Patient/pat-missing-fields") == before


async def test_a_completion_from_an_old_version_is_refused(client: Client) -> None:
    before = await client.get("/Patient/pat-eligible")
    await client.put(before)

    assert refusal(await client.put(before)) == (412, "version-conflict")
    assert refusal(await client.put(before | {"id": "pat-nobody"})) == (404, "not-found")
