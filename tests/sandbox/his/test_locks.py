"""Places: locked once, given back once, never sold twice."""

import asyncio

import pytest

from sandbox.his import wire
from tests.sandbox.his.client import FHIR, LATER_SLOT, SLOT, UNIT, Client, Clock, a_lock, a_payment, invoice_of, refusal, value_of
from tests.sandbox.his.conftest import LOCK_S


async def test_a_lock_answers_its_end_and_the_bill(client: Client) -> None:
    answer = await client.lock("c1")

    assert answer.status_code == 201
    locked = answer.json()
    assert locked["status"] == "pending"
    assert value_of(locked, wire.LOCK_EXPIRES_AT) == "2026-11-25T07:45:00.000+08:00"
    assert invoice_of(locked)["status"] == "issued"
    assert invoice_of(locked)["totalGross"] == {"value": 50.0, "currency": "CNY"}
    assert value_of(locked, wire.FEE_INVOICE) == {"reference": f"#{invoice_of(locked)['id']}"}
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"] == f"http://his.test{FHIR}/Appointment/{locked['id']}/_history/1"
    assert (await client.get(f"/Invoice/{invoice_of(locked)['id']}"))["totalGross"] == {"value": 50.0, "currency": "CNY"}
    assert await client.remaining() == 5


async def test_the_same_number_again_answers_the_first(client: Client) -> None:
    first = await client.lock("c1")
    again = await client.lock("c1")

    assert again.status_code == 200
    assert again.json() == first.json()
    assert await client.remaining() == 5


async def test_the_same_number_again_answers_the_first_even_when_it_is_over(client: Client, clock: Clock) -> None:
    first = (await client.lock("c1")).json()
    clock.forward(seconds=LOCK_S)

    again = await client.lock("c1")

    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (first["id"], "cancelled")
    assert await client.remaining() == 6


async def test_fifty_ask_for_six_places_and_six_get_one(client: Client) -> None:
    patients = await client.patients(50)

    answers = await asyncio.gather(*(client.lock(f"c{number}", patient=patient) for number, patient in enumerate(patients)))

    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [409] * 44
    assert {refusal(answer) for answer in answers if answer.status_code == 409} == {(409, "slot-full")}
    assert (await client.get(f"/Slot/{SLOT}"))["status"] == "busy"
    assert await client.remaining() == 0


async def test_ten_ask_under_one_number_and_one_place_is_taken(client: Client) -> None:
    answers = await asyncio.gather(*(client.lock("c1") for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await client.remaining() == 5


async def test_a_lock_ends_with_its_time_and_gives_its_place_back(client: Client, clock: Clock) -> None:
    locked = (await client.lock("c1")).json()
    clock.forward(seconds=LOCK_S - 1)
    assert await client.remaining() == 5

    clock.forward(seconds=1)

    over = await client.get(f"/Appointment/{locked['id']}")
    assert over["status"] == "cancelled"
    assert over["cancelationReason"]["coding"][0]["code"] == "lock-expired"
    assert (await client.get(f"/Invoice/{invoice_of(locked)['id']}"))["status"] == "cancelled"
    assert await client.remaining() == 6
    assert (await client.lock("c2")).status_code == 201


async def test_a_place_given_back_is_seen_by_who_pulls_changes(client: Client, clock: Clock) -> None:
    await client.lock("c1")
    clock.forward(seconds=1)
    since = f"ge{clock.at.isoformat()}"
    assert await client.found("/Slot", schedule=UNIT, _lastUpdated=since) == []

    clock.forward(seconds=LOCK_S)

    [changed] = await client.found("/Slot", schedule=UNIT, _lastUpdated=since)
    assert (changed["id"], changed["meta"]["versionId"], value_of(changed, wire.REMAINING)) == (SLOT, "1", 6)


async def test_release_twice_is_done_once(client: Client) -> None:
    locked = (await client.lock("c1")).json()

    first = await client.put(locked | {"status": "cancelled"})
    again = await client.put(locked | {"status": "cancelled"})

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["cancelationReason"]["coding"][0]["code"] == "pat"
    assert await client.remaining() == 6


async def test_a_release_from_an_old_version_is_refused(client: Client) -> None:
    locked = (await client.lock("c1")).json()

    assert refusal(await client.put(locked | {"status": "cancelled"}, version="7")) == (412, "version-conflict")
    without = await client.http.put(
        f"{FHIR}/Appointment/{locked['id']}", json=locked | {"status": "cancelled"}, headers={"Content-Type": wire.FHIR_JSON}
    )
    assert refusal(without) == (400, "required")
    assert await client.remaining() == 5


async def test_a_paid_place_is_not_released(client: Client) -> None:
    booked = await client.booked("c1")

    assert refusal(await client.put(booked | {"status": "cancelled"})) == (409, "settled")


async def test_the_locks_that_we_hold(client: Client) -> None:
    held = (await client.lock("c1")).json()
    gone = (await client.lock("c2", slot=LATER_SLOT)).json()
    await client.put(gone | {"status": "cancelled"})
    await client.booked("c3", slot=LATER_SLOT)

    assert [found["id"] for found in await client.found("/Appointment", status="pending", identifier=f"{wire.CLAIM}|")] == [held["id"]]
    assert [found["id"] for found in await client.found("/Appointment", identifier=f"{wire.CLAIM}|c2")] == [gone["id"]]
    assert await client.found("/Appointment", identifier=f"{wire.CLAIM}|c9") == []
    assert await client.found("/Appointment", identifier="https://elsewhere.example|c1") == []


async def test_one_place_per_person_and_unit(client: Client) -> None:
    await client.lock("c1", slot="slot-wangjianguo-20261125-night-0700")

    assert refusal(await client.lock("c2", slot=SLOT)) == (409, "duplicate-booking")
    assert (await client.lock("c3", slot=LATER_SLOT)).status_code == 201


async def test_two_cards_are_one_person(client: Client) -> None:
    await client.lock("c1", patient="pat-two-cards-a")

    assert refusal(await client.lock("c2", patient="pat-two-cards-b")) == (409, "duplicate-booking")


async def test_a_stopped_slot_and_one_that_is_over_are_not_sold(client: Client) -> None:
    await client.http.post(f"/his/desk/slots/{SLOT}/stop")
    assert refusal(await client.lock("c1")) == (409, "slot-stopped")

    assert refusal(await client.lock("c2", slot="slot-wangjianguo-20261125-night-0600")) == (409, "slot-stopped")


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"status": "booked"}, "Appointment.status"),
        ({"slot": []}, "Appointment.slot"),
        ({"slot": [{"reference": "Slot/nowhere"}]}, "Appointment.slot"),
        ({"slot": "Slot/nowhere"}, "Appointment.slot"),
        ({"participant": []}, "Appointment.participant"),
        ({"participant": [{"actor": {"reference": "Patient/nobody"}, "status": "accepted"}]}, "Appointment.participant"),
        ({"identifier": [{"system": wire.CLAIM, "value": "c" * 65}]}, "Appointment.identifier"),
    ],
)
async def test_a_wrong_lock_names_its_element(client: Client, change: dict[str, object], element: str) -> None:
    answer = await client.create(a_lock("c1") | change, number="c1")

    assert refusal(answer) == (422, "invalid")
    assert answer.json()["issue"][0]["expression"] == [element]


async def test_a_create_without_its_condition_is_refused(client: Client) -> None:
    bare = await client.http.post(f"{FHIR}/Appointment", json=a_lock("c1"), headers={"Content-Type": wire.FHIR_JSON})

    assert refusal(bare) == (400, "required")
    assert refusal(await client.create(a_lock("c1"), number="c2")) == (422, "invalid")
    assert await client.remaining() == 6


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"resourceType": "Patient"}', b'{"resourceType": NaN}', b"[" * 100_000, b"\xff"]
)
async def test_a_body_that_is_no_appointment_is_refused(client: Client, body: bytes) -> None:
    headers = {"Content-Type": wire.FHIR_JSON, "If-None-Exist": f"identifier={wire.CLAIM}|c1"}

    assert refusal(await client.http.post(f"{FHIR}/Appointment", content=body, headers=headers)) == (400, "malformed")
    assert refusal(await client.http.post(f"{FHIR}/Appointment", data={"a": "b"})) == (400, "malformed")


async def test_a_person_who_was_there_may_come_again(client: Client) -> None:
    """A fulfilled booking keeps its place and does not stand in the way of the same person's next one."""
    await client.booked("c1")
    locked = (await client.lock("c2", patient="pat-eligible-2")).json()
    settled = await client.settle(invoice_of(locked)["id"], a_payment("p2"))
    assert settled.status_code == 200
    noshow = await client.put(await client.get(f"/Appointment/{locked['id']}") | {"status": "noshow"})

    assert noshow.json()["status"] == "noshow"
    assert await client.remaining() == 4
    assert (await client.lock("c3", patient="pat-eligible-2")).status_code == 201
