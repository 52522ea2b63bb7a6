"""接诊, 结束 and 退诊 under our visit's number."""

from collections.abc import Callable

import pytest

from gateways.his.fhir import FhirHIS
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.his.hospital import DOCTOR, Hospital


async def test_a_visit_begins_once_and_ends_once(hospital: Hospital, his: FhirHIS) -> None:
    patient, visit = hospital.patient()["id"], ids.new()
    booked = await hospital.booked(patient)
    await his.check_in(booked.appointment_id)

    began = {await his.begin_encounter(visit, booked.appointment_id, patient, DOCTOR, now()) for _ in range(2)}
    (encounter,) = began
    for _ in range(2):
        await his.finish_encounter(encounter, now())

    kept = [row for row in hospital.book("encounters") if row["visit_no"] == visit.hex]
    assert [(row["id"], row["appointment_id"], row["status"]) for row in kept] == [(encounter, booked.appointment_id, "finished")]
    assert hospital.appointment(booked) == "fulfilled"
    await his.check_in(booked.appointment_id)  # what is behind it is done


async def test_who_has_not_checked_in_is_not_seen(hospital: Hospital, his: FhirHIS) -> None:
    patient = hospital.patient()["id"]
    booked = await hospital.booked(patient)
    with pytest.raises(DomainError) as refused:
        await his.begin_encounter(ids.new(), booked.appointment_id, patient, DOCTOR, now())
    assert (refused.value.code, refused.value.kind) == ("his.not-booked", "conflict")


async def test_a_visit_that_nobody_answered_is_done_when_asked_again(hospital: Hospital, his: FhirHIS, fault: Callable[..., None]) -> None:
    patient, visit = hospital.patient()["id"], ids.new()
    booked = await hospital.booked(patient)
    await his.check_in(booked.appointment_id)
    fault("his", "POST /fhir/R4/Encounter", "lost", 0.05)
    with pytest.raises(Unknown):
        await his.begin_encounter(visit, booked.appointment_id, patient, DOCTOR, now())
    encounter = await his.begin_encounter(visit, booked.appointment_id, patient, DOCTOR, now())
    fault("his", "PUT /fhir/R4/Encounter/{id}", "lost", 0.05)
    with pytest.raises(Unknown):
        await his.finish_encounter(encounter, now())
    await his.finish_encounter(encounter, now())
    assert [row["status"] for row in hospital.book("encounters") if row["visit_no"] == visit.hex] == ["finished"]


async def test_a_visit_that_began_is_cancelled_once_though_nobody_answered(
    hospital: Hospital, his: FhirHIS, fault: Callable[..., None]
) -> None:
    """Its booking stays until its money goes back."""
    patient, visit = hospital.patient()["id"], ids.new()
    booked = await hospital.booked(patient)
    await his.check_in(booked.appointment_id)
    encounter = await his.begin_encounter(visit, booked.appointment_id, patient, DOCTOR, now())
    fault("his", "PUT /fhir/R4/Encounter/{id}", "lost", 0.05)
    with pytest.raises(Unknown):
        await his.cancel_encounter(encounter, now())
    for _ in range(2):
        await his.cancel_encounter(encounter, now())
    assert [row["status"] for row in hospital.book("encounters") if row["visit_no"] == visit.hex] == ["cancelled"]
    assert hospital.appointment(booked) == "checked-in"


async def test_a_visit_that_is_finished_is_not_cancelled(hospital: Hospital, his: FhirHIS) -> None:
    patient = hospital.patient()["id"]
    booked = await hospital.booked(patient)
    await his.check_in(booked.appointment_id)
    encounter = await his.begin_encounter(ids.new(), booked.appointment_id, patient, DOCTOR, now())
    await his.finish_encounter(encounter, now())
    with pytest.raises(DomainError) as refused:
        await his.cancel_encounter(encounter, now())
    assert (refused.value.code, refused.value.kind) == ("his.executed", "conflict")
