"""Patients, their cards, what is missing of them, and their past visits."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from gateways.his.fhir import FhirHIS
from models.eligibility import RegulatorField
from models.kernel.clock import business_day, now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.his.hospital import Hospital

NOBODY = "11010519491231002X"


async def test_a_person_is_found_by_id_number(hospital: Hospital, his: FhirHIS) -> None:
    known = hospital.demo("eligible")
    found = await his.patient(known["id_number"])
    assert found is not None
    assert (found.ids, found.name, found.missing) == ((known["id"],), known["name"], ())
    assert found.birth_on == date.fromisoformat(f"{known['id_number'][6:10]}-{known['id_number'][10:12]}-{known['id_number'][12:14]}")


async def test_whom_the_his_does_not_know_is_none(his: FhirHIS) -> None:
    assert await his.patient(NOBODY) is None


async def test_all_cards_of_a_person_are_one(hospital: Hospital, his: FhirHIS) -> None:
    found = await his.patient(hospital.demo("two_cards")["id_number"])
    assert found is not None
    assert set(found.ids) == {"pat-two-cards-a", "pat-two-cards-b"}
    assert len(found.phones) == len(set(found.phones)) >= 1


async def test_missing_fields_are_named_and_completed_once(hospital: Hospital, his: FhirHIS) -> None:
    person = hospital.patient(phone=None, address=None)
    found = await his.patient(person["id_number"])
    assert found is not None
    assert found.missing == (RegulatorField.PHONE, RegulatorField.ADDRESS)

    completed = await his.complete_patient(person["id"], phone="13900200002", address="北京市西城区展览馆路1号")
    assert (completed.ids, completed.missing, completed.phones) == ((person["id"],), (), ("13900200002",))
    assert found.phones == ()
    assert "13900200002" not in repr(completed)
    assert await his.complete_patient(person["id"], phone="13900200002", address="北京市西城区展览馆路1号") == completed
    assert await his.patient(person["id_number"]) == completed


async def test_one_missing_field_alone_is_completed(hospital: Hospital, his: FhirHIS) -> None:
    person = hospital.patient(address=None)
    completed = await his.complete_patient(person["id"], phone=None, address="北京市西城区展览馆路1号")
    assert completed.missing == ()


@pytest.mark.parametrize(
    ("phone", "address", "element"),
    [
        ("12345", "北京市西城区展览馆路1号", "phone"),
        ("13900200003", "x" * 300, "address"),
        ("13900200003", None, "address"),
        (None, "北京市西城区展览馆路1号", "phone"),
    ],
)
async def test_a_wrong_or_still_missing_field_is_refused_by_name(
    hospital: Hospital, his: FhirHIS, phone: str | None, address: str | None, element: str
) -> None:
    person = hospital.patient(phone=None, address=None)
    with pytest.raises(DomainError) as refusal:
        await his.complete_patient(person["id"], phone=phone, address=address)
    assert (refusal.value.code, refusal.value.kind, refusal.value.params) == ("his.invalid", "invalid", {"element": element})


async def test_completing_that_was_lost_is_unknown_and_done_when_asked_again(
    hospital: Hospital, his: FhirHIS, fault: Callable[..., None]
) -> None:
    person = hospital.patient(phone=None, address=None)
    fault("his", "PUT /fhir/R4/Patient/{id}", "lost", 0.1)
    with pytest.raises(Unknown):
        await his.complete_patient(person["id"], phone="13900200002", address="北京市西城区展览馆路1号")
    completed = await his.complete_patient(person["id"], phone="13900200002", address="北京市西城区展览馆路1号")
    assert completed.missing == ()


async def test_past_visits_come_newest_first_with_their_diagnoses(hospital: Hospital, his: FhirHIS) -> None:
    visits = [
        {"department": "org-copd", "icd10": "J44.9", "diagnosis": "慢性阻塞性肺疾病", "days_ago": 90},
        {"department": "org-copd", "icd10": "J44.1", "diagnosis": "慢阻肺急性加重", "days_ago": 20},
        {"department": "org-copd", "icd10": "J44.0", "diagnosis": "慢阻肺伴感染", "days_ago": 400},
    ]
    person = hospital.patient(encounters=visits)
    today = business_day(now())

    seen = await his.past_visits((person["id"],), today - timedelta(days=180))

    assert [(visit.diagnosis_codes, visit.diagnosis_texts) for visit in seen] == [
        (("J44.1",), ("慢阻肺急性加重",)),
        (("J44.9",), ("慢性阻塞性肺疾病",)),
    ]
    assert {(visit.department_id, visit.department) for visit in seen} == {("org-copd", "慢阻肺门诊")}
    assert all(visit.ended_at.tzinfo and business_day(visit.ended_at) >= today - timedelta(days=93) for visit in seen)


async def test_visits_of_all_cards_are_one_list(hospital: Hospital, his: FhirHIS) -> None:
    found = await his.patient(hospital.demo("two_cards")["id_number"])
    assert found is not None
    both = await his.past_visits(found.ids, date(2020, 1, 1))
    assert len(both) == sum([len(await his.past_visits((card,), date(2020, 1, 1))) for card in found.ids])
    assert len(both) > 1


async def test_nobodys_visits_are_none(his: FhirHIS) -> None:
    assert await his.past_visits((), date(2020, 1, 1)) == ()
