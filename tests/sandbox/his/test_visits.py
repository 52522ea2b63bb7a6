"""Visits: past ones with their diagnoses; 报到, 接诊 and 结束 of an online one."""

import pytest

from sandbox import his
from sandbox.his import wire
from tests.sandbox.his.client import FHIR, LATER_SLOT, SLOT, Client, Json, a_refund, a_visit, invoice_of, refusal


async def test_past_visits_come_newest_first_with_their_diagnoses(client: Client) -> None:
    query = {"patient": "pat-eligible", "class": "AMB", "status": "finished", "_include": "Encounter:diagnosis"}
    bundle = await client.get("/Encounter", **query)

    modes = [entry["search"]["mode"] for entry in bundle["entry"]]
    assert (bundle["type"], bundle["total"], modes) == ("searchset", 3, ["match"] * 3 + ["include"] * 3)
    visits = [entry["resource"] for entry in bundle["entry"][:3]]
    conditions = {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"][3:]}
    starts = [visit["period"]["start"] for visit in visits]
    assert starts == sorted(starts, reverse=True)
    newest = visits[0]
    assert newest["serviceType"]["coding"][0] == {"system": wire.DEPARTMENT, "code": "org-copd", "display": "慢阻肺门诊"}
    assert newest["period"] == {"start": "2026-10-16T09:30:00+08:00", "end": "2026-10-16T09:45:00+08:00"}
    diagnosis = conditions[newest["diagnosis"][0]["condition"]["reference"].removeprefix("Condition/")]
    assert diagnosis["code"]["coding"][0] == {"system": wire.ICD_10, "code": "J44.9", "display": "慢性阻塞性肺疾病"}
    assert diagnosis["encounter"]["reference"] == f"Encounter/{newest['id']}"


@pytest.mark.parametrize(
    ("query", "many"),
    [
        ({"patient": "Patient/pat-eligible"}, 3),
        ({"patient": "pat-two-cards-a,pat-two-cards-b"}, 2),
        ({"patient": "pat-no-visit"}, 0),
        ({"patient": "pat-out-of-window", "date": "ge2026-05-25"}, 0),
        ({"patient": "pat-out-of-window", "date": "lt2026-05-25"}, 1),
        ({"patient": "pat-eligible", "date": "2026-10-16"}, 1),
        ({"patient": "pat-eligible", "date": "gt2026-10-16"}, 0),
        ({"patient": "pat-eligible", "date": "le2026-10-16"}, 3),
        ({"patient": "pat-eligible", "date": "ge2026-10-16T09:30:00+08:00"}, 1),
        ({"patient": "pat-eligible", "class": "VR"}, 0),
        ({"patient": "pat-eligible", "status": "in-progress,finished"}, 3),
    ],
)
async def test_past_visits_by_person_date_and_kind(client: Client, query: dict[str, str], many: int) -> None:
    assert len(await client.found("/Encounter", **query)) == many


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"date": "ge2026-13-01"}, "invalid"),
        ({"date": "ge2026-11-25T07:30:00"}, "invalid"),
        ({"date": "soon"}, "invalid"),
        ({"patient": "a b"}, "invalid"),
        ({"patient": "Practitioner/x"}, "invalid"),
        ({"_count": "0"}, "invalid"),
        ({"_count": "9" * 5000}, "invalid"),
        ({"_cursor": "%%%"}, "invalid"),
        ({"_cursor": "WzFd"}, "invalid"),
        ({"_include": "Encounter:patient"}, "not-supported"),
        ({"name": "张"}, "not-supported"),
    ],
)
async def test_a_search_that_cannot_be_read_is_refused(client: Client, query: dict[str, str], code: str) -> None:
    assert refusal(await client.http.get(f"{FHIR}/Encounter", params=query))[1] == code


async def test_pages_follow_each_other_and_end(client: Client) -> None:
    whole = await client.found("/Encounter", patient="pat-eligible,pat-eligible-2,pat-eligible-3")
    pages = await client.found("/Encounter", patient="pat-eligible,pat-eligible-2,pat-eligible-3", _count="2")

    assert len(whole) == 7
    assert [visit["id"] for visit in pages] == [visit["id"] for visit in whole]


async def test_from_check_in_to_the_end(client: Client) -> None:
    reported = await client.checked_in("c1")

    begun = await client.create(a_visit("v1", reported))
    again = await client.create(a_visit("v1", reported))

    assert (begun.status_code, again.status_code) == (201, 200)
    assert begun.json() == again.json()
    visit = begun.json()
    assert (visit["status"], visit["class"]["code"]) == ("in-progress", "VR")
    assert [found["id"] for found in await client.found("/Encounter", identifier=f"{wire.VISIT}|v1")] == [visit["id"]]

    ended = visit | {"status": "finished", "period": visit["period"] | {"end": "2026-11-25T07:55:00+08:00"}}
    first, repeat = await client.put(ended), await client.put(ended)

    assert (first.status_code, repeat.status_code) == (200, 200)
    assert first.json() == repeat.json()
    assert first.json()["period"] == {"start": "2026-11-25T07:40:00+08:00", "end": "2026-11-25T07:55:00+08:00"}
    assert (await client.get(f"/Appointment/{reported['id']}"))["status"] == "fulfilled"
    assert await client.remaining() == 5


async def test_check_in_twice_is_done_once(client: Client) -> None:
    booked = await client.booked("c1")

    first = await client.put(booked | {"status": "checked-in"})
    again = await client.put(booked | {"status": "checked-in"})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


async def test_nobody_is_seen_who_has_not_booked_and_reported(client: Client) -> None:
    locked = (await client.lock("c1")).json()
    assert refusal(await client.put(locked | {"status": "checked-in"})) == (409, "not-booked")
    assert refusal(await client.put(locked | {"status": "noshow"})) == (409, "not-booked")
    assert refusal(await client.create(a_visit("v1", locked))) == (409, "not-booked")
    booked = await client.booked("c2", slot=LATER_SLOT)
    assert refusal(await client.create(a_visit("v2", booked))) == (409, "not-booked")


async def test_one_appointment_has_one_visit(client: Client) -> None:
    reported = await client.checked_in("c1")
    await client.create(a_visit("v1", reported))

    assert refusal(await client.create(a_visit("v2", reported))) == (409, "not-booked")


async def test_who_is_in_the_room_is_not_stopped(client: Client) -> None:
    reported = await client.checked_in("c1")
    await client.create(a_visit("v1", reported))
    waiting = await client.checked_in("c2", patient="pat-eligible-2")

    stopped = (await client.http.post(f"/his/desk/slots/{SLOT}/stop")).json()

    assert stopped["cancelled"] == [waiting["id"]]
    assert (await client.get(f"/Appointment/{reported['id']}"))["status"] == "checked-in"


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"status": "finished"}, "Encounter.status"),
        ({"class": {"system": wire.ACT_CODE, "code": "AMB"}}, "Encounter.class"),
        ({"appointment": []}, "Encounter.appointment"),
        ({"subject": {"reference": "Patient/pat-child"}}, "Encounter.subject"),
        ({"period": {"start": "now"}}, "Encounter.period"),
    ],
)
async def test_a_wrong_visit_names_its_element(client: Client, change: Json, element: str) -> None:
    reported = await client.checked_in("c1")

    answer = await client.create(a_visit("v1", reported) | change)

    assert refusal(answer) == (422, "invalid")
    assert answer.json()["issue"][0]["expression"] == [element]


async def test_an_end_from_an_old_version_or_before_the_beginning_is_refused(client: Client) -> None:
    visit = (await client.create(a_visit("v1", await client.checked_in("c1")))).json()

    assert refusal(await client.put(visit | {"status": "finished"}, version="9")) == (412, "version-conflict")
    early = visit | {"status": "finished", "period": {"end": "2026-11-25T07:00:00+08:00"}}
    assert refusal(await client.put(early)) == (422, "invalid")
    assert refusal(await client.put(visit | {"status": "planned"})) == (422, "invalid")


async def test_a_visit_that_had_begun_is_cancelled_once_and_its_place_goes_with_its_money(client: Client, hospital: his.His) -> None:
    reported = await client.checked_in("c1")
    visit = (await client.create(a_visit("v1", reported))).json()
    cancelled = visit | {"status": "cancelled", "period": visit["period"] | {"end": "2026-11-25T07:45:00+08:00"}}

    assert refusal(await client.put(cancelled, version="9")) == (412, "version-conflict")
    first, repeat = await client.put(cancelled), await client.put(cancelled)

    assert (first.status_code, repeat.status_code) == (200, 200)
    assert first.json() == repeat.json()
    assert (first.json()["status"], first.json()["period"]["end"]) == ("cancelled", "2026-11-25T07:45:00+08:00")
    assert [one["status"] for one in await client.found("/Encounter", identifier=f"{wire.VISIT}|v1", status="cancelled")] == ["cancelled"]
    books: dict[str, list[Json]] = hospital.books()  # pyright: ignore[reportAssignmentType]
    assert [(one["visit_no"], one["status"]) for one in books["encounters"]] == [("v1", "cancelled")]
    assert (await client.get(f"/Appointment/{reported['id']}"))["status"] == "checked-in"
    assert refusal(await client.put(first.json() | {"status": "finished"})) == (409, "not-booked")
    assert (await client.create(a_visit("v1", reported))).json() == first.json()

    invoice = invoice_of(reported)["id"]
    assert (await client.reverse(invoice, a_refund("r1"))).is_success
    assert await client.get(f"/Encounter/{visit['id']}") == first.json()


async def test_a_visit_that_is_finished_is_not_cancelled(client: Client) -> None:
    visit = (await client.create(a_visit("v1", await client.checked_in("c1")))).json()
    period = visit["period"] | {"end": "2026-11-25T07:55:00+08:00"}
    ended = (await client.put(visit | {"status": "finished", "period": period})).json()

    assert refusal(await client.put(ended | {"status": "cancelled"})) == (409, "executed")
