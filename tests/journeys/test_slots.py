"""号源 that cannot be had: sold out, stopped, over, none at all; and thirty people who want ten places at once."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import httpx

from models.kernel.clock import now
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, key, read, refused, until
from tests.journeys.visit import Visit

PEOPLE, FAMILY, PLACES = 30, 6, 10


async def _offers(problem: Json, slot: str) -> None:
    """Alternatives are open places of the same department, and never the one that is gone."""
    offered = problem["params"]["alternatives"]
    assert offered
    assert all(one["left"] > 0 and one["slot_id"] != slot for one in offered)


async def test_a_slot_that_is_sold_out_is_answered_with_others(hospital: Hospital) -> None:
    slot = await hospital.slot(capacity=1)
    first, second = await hospital.visit("choosing"), await hospital.visit("choosing")
    await first.act("choose-slot", {"slot_id": slot})

    problem = refused(await second.attempt("choose-slot", {"slot_id": slot}), 409, "slot.sold_out")

    await _offers(problem, slot)
    assert ((await second.now())["state"], await second.appointments()) == ("choosing", [])
    assert (await second.act("choose-slot", {"slot_id": problem["params"]["alternatives"][0]["slot_id"]}))["state"] == "describing"
    for visit in (first, second):
        await visit.act("cancel")


async def test_a_slot_stopped_by_the_his_is_refused_before_and_after_we_know(hospital: Hospital) -> None:
    slot = await hospital.slot(capacity=3)
    read(await hospital.outside.post(f"/his/desk/slots/{slot}/stop"))
    visit = await hospital.visit("choosing")

    unknown_to_us = refused(await visit.attempt("choose-slot", {"slot_id": slot}), 409, "slot.stopped")
    await hospital.pulled()
    known_to_us = refused(await visit.attempt("choose-slot", {"slot_id": slot}), 409, "slot.stopped")

    for problem in (unknown_to_us, known_to_us):
        await _offers(problem, slot)
    shown = {one["id"]: one for one in (await visit.patient.ask("/v1/slots", doctor_id="doc-wangjianguo", limit="100"))["items"]}
    assert (shown[slot]["state"], shown[slot]["left"]) == ("stopped", 0)
    assert ((await visit.now())["state"], await visit.appointments()) == ("choosing", [])
    await visit.act("cancel")


async def test_a_slot_that_the_window_sold_meanwhile_is_refused_by_the_his_and_nothing_is_held(hospital: Hospital) -> None:
    """Our copy still has a place: somebody else's client took it, with a visit that we know nothing of."""
    slot = await hospital.slot(capacity=1)
    await _taken_by_another_client(hospital, slot)
    visit = await hospital.visit("choosing")

    await _offers(refused(await visit.attempt("choose-slot", {"slot_id": slot}), 409, "slot.sold_out"), slot)

    assert ((await visit.now())["state"], await visit.appointments()) == ("choosing", [])
    assert (await visit.act("choose-slot", {"slot_id": hospital.hall}))["state"] == "describing"  # the claim was given back
    await visit.act("cancel")


async def test_a_slot_that_is_over_or_unknown_is_refused(hospital: Hospital) -> None:
    over = await hospital.slot_that_is_over()
    visit = await hospital.visit("choosing")

    await _offers(refused(await visit.attempt("choose-slot", {"slot_id": over}), 409, "slot.past"), over)
    refused(await visit.attempt("choose-slot", {"slot_id": "slot-of-nobody"}), 404, "slot.missing")
    for nonsense in ("", "a" * 65, "slot/../1", "slot 1", "号源"):
        refused(await visit.attempt("choose-slot", {"slot_id": nonsense}), 422, "request.invalid")

    assert ((await visit.now())["state"], await visit.appointments()) == ("choosing", [])
    await visit.act("cancel")


async def test_a_person_holds_one_place_of_a_unit(hospital: Hospital) -> None:
    first = await hospital.visit("describing")
    second = await hospital.visit("choosing", first.patient)

    refused(await second.attempt("choose-slot", {"slot_id": hospital.hall}), 409, "booking.held_already")

    assert [one["status"] for one in await second.appointments()] == ["pending"]
    await first.act("cancel")
    assert (await second.act("choose-slot", {"slot_id": hospital.hall}))["state"] == "describing"
    await second.act("cancel")


async def test_thirty_people_at_once_get_ten_places(hospital: Hospital) -> None:
    slot = await hospital.slot(capacity=PLACES)
    families = await asyncio.gather(*(hospital.family(FAMILY) for _ in range(PEOPLE // FAMILY)))
    patients = [patient for family in families for patient in family]
    visits = await asyncio.gather(*(hospital.visit("choosing", patient) for patient in patients))

    answers = await asyncio.gather(*(_choose(visit, slot) for visit in visits))

    assert Counter(answer.status_code for answer in answers) == {200: PLACES, 409: PEOPLE - PLACES}
    assert {answer.json()["code"] for answer in answers if answer.is_error} == {"slot.sold_out"}
    holding = {visit.patient.card.id for visit, answer in zip(visits, answers, strict=True) if answer.is_success}
    his = await hospital.his()
    assert Counter(one["status"] for one in his["appointments"] if one["slot_id"] == slot) == {"pending": PLACES}
    assert {one["patient_id"] for one in his["appointments"] if one["slot_id"] == slot} == holding
    assert [one["remaining"] for one in his["slots"] if one["id"] == slot] == [0]


async def _choose(visit: Visit, slot: str) -> httpx.Response:
    """One wish until its answer is definite: refused or granted."""
    mine = key()

    async def attempt() -> httpx.Response:
        return await visit.attempt("choose-slot", {"slot_id": slot}, under=mine)

    return await until("a definite answer", attempt, lambda answer: answer.status_code not in {202, 503})


async def _taken_by_another_client(hospital: Hospital, slot: str) -> None:
    """The last place, by the HIS's own wire and credentials: as the window or a kiosk takes it."""
    his = read(await hospital.outside.get("/credentials"))["his"]
    token = read(
        await hospital.outside.post("/his/token", data={"grant_type": "client_credentials"}, auth=(his["client_id"], his["client_secret"]))
    )["access_token"]
    number = "https://fuzhen.example/ids/claim"
    body = {
        "resourceType": "Appointment",
        "identifier": [{"system": number, "value": f"window-{slot[-12:]}"}],
        "status": "pending",
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": f"Patient/{(await hospital.register()).id}"}, "status": "accepted"}],
    }
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/fhir+json",
        "If-None-Exist": f"identifier={number}|window-{slot[-12:]}",
    }
    read(await hospital.outside.post("/his/fhir/R4/Appointment", json=body, headers=headers))


async def test_a_clinic_that_somebody_was_given_is_no_hall_even_when_it_is_held_at_this_minute(hospital: Hospital) -> None:
    """Whoever has it may stop it, and everybody in the hall would be cancelled with it."""
    theirs = (await hospital.clinics_to_come())[0]
    by = round((now() + timedelta(minutes=61) - datetime.fromisoformat(theirs["unit_ends_at"])) / timedelta(minutes=1))
    for minutes in (by // 2, by - by // 2):  # at most a day at a time
        read(await hospital.outside.post(f"/his/desk/schedules/{theirs['schedule_id']}/move", json={"minutes": minutes}))
    await hospital.pulled()

    await hospital.hall_again()

    assert hospital.unit["schedule_id"] != theirs["schedule_id"]
