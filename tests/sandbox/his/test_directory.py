"""Departments, doctors, 就诊单元 and slots as a client mirrors them."""

from typing import Any

from sandbox.his import wire
from tests.sandbox.his.client import FHIR, SLOT, UNIT, Client, Clock, refusal, value_of


async def test_departments_stand_on_two_levels(client: Client) -> None:
    organizations = {found["id"]: found for found in await client.found("/Organization", _count="5")}
    services = await client.found("/HealthcareService")

    def parent(id: str) -> str:
        return organizations[id]["partOf"]["reference"].removeprefix("Organization/")

    assert organizations["org-hospital"]["name"] == "北京燕山胸科医院"
    assert len(services) == 16
    for service in services:
        department = service["providedBy"]["reference"].removeprefix("Organization/")
        assert organizations[department]["name"] == service["name"]
        assert parent(parent(department)) == "org-hospital"
    assert organizations[parent("org-copd")]["name"] == "呼吸与危重症医学科"
    assert [found["id"] for found in await client.found("/HealthcareService", organization="Organization/org-copd")] == ["hcs-copd"]
    first_level = await client.found("/Organization", partof="org-hospital")
    assert {"呼吸与危重症医学科", "胸外科", "结核科", "心内科", "肿瘤内科", "睡眠医学中心", "儿科"} <= {
        found["name"] for found in first_level
    }


async def test_each_doctor_has_a_title_and_a_department(client: Client) -> None:
    roles = await client.found("/PractitionerRole")
    doctors = {found["id"]: found for found in await client.found("/Practitioner")}

    assert len(roles) == len(doctors) == 24
    titles = {role["practitioner"]["reference"].removeprefix("Practitioner/"): role["code"][0]["text"] for role in roles}
    assert set(titles) == set(doctors)
    assert titles["doc-wangjianguo"] == "主任医师"
    [wang] = await client.found("/PractitionerRole", practitioner="doc-wangjianguo")
    assert (wang["organization"]["reference"], wang["healthcareService"][0]["display"]) == ("Organization/org-copd", "慢阻肺门诊")
    assert len(await client.found("/PractitionerRole", service="hcs-copd")) == 3
    assert value_of(doctors["doc-wangjianguo"], wire.GOOD_AT).startswith("慢性阻塞性肺疾病")


async def test_units_of_a_date(client: Client) -> None:
    units = await client.found("/Schedule", date="2026-11-25", actor="Practitioner/doc-wangjianguo")

    horizons = {value_of(unit, wire.PERIOD)["display"]: unit["planningHorizon"] for unit in units}
    assert horizons == {
        "夜间": {"start": "2026-11-25T00:00:00+08:00", "end": "2026-11-25T09:00:00+08:00"},
        "上午": {"start": "2026-11-25T08:00:00+08:00", "end": "2026-11-25T13:00:00+08:00"},
        "下午": {"start": "2026-11-25T12:00:00+08:00", "end": "2026-11-25T19:00:00+08:00"},
        "晚间": {"start": "2026-11-25T18:00:00+08:00", "end": "2026-11-26T02:00:00+08:00"},
    }
    assert {value_of(unit, wire.UNIT_DATE) for unit in units} == {"2026-11-25"}
    assert {value_of(unit, wire.VISIT_TYPE)["display"] for unit in units} == {"专家号"}
    week = await client.found("/Schedule", actor="doc-wangjianguo", date="ge2026-11-25", _count="7")
    assert len(week) == 4 * 8
    assert await client.found("/Schedule", date="2026-11-24") == []


async def test_slots_of_several_units(client: Client) -> None:
    evening = "sch-wangjianguo-20261125-evening"
    slots = await client.found("/Slot", schedule=f"{UNIT},Schedule/{evening}", start="ge2026-11-25T08:00:00+08:00", _count="3")

    assert [slot["start"] for slot in slots] == sorted(slot["start"] for slot in slots)
    assert len(slots) == 1 + 8
    assert {slot["schedule"]["reference"] for slot in slots} == {f"Schedule/{UNIT}", f"Schedule/{evening}"}
    night = slots[0]
    assert (night["id"], night["status"], night["end"]) == (SLOT, "free", "2026-11-25T09:00:00.000+08:00")
    assert [value_of(night, url) for url in (wire.CAPACITY, wire.REMAINING, wire.UNIT_DATE)] == [6, 6, "2026-11-25"]
    assert value_of(night, wire.FEE) == {"value": 50.0, "currency": "CNY"}
    assert value_of(night, wire.PERIOD)["code"] == "night"
    assert night["schedule"]["display"] == "王建国 2026-11-25 夜间"


async def test_some_slots_are_full_and_some_are_stopped(client: Client) -> None:
    slots = await client.found("/Slot", _count="500")

    statuses = {slot["status"] for slot in slots}
    assert statuses == {"free", "busy", "busy-unavailable"}
    assert all(
        (value_of(slot, wire.REMAINING) == 0) == (slot["status"] == "busy") for slot in slots if slot["status"] != "busy-unavailable"
    )
    stopped = await client.found("/Slot", status="busy-unavailable")
    assert {slot["schedule"]["reference"] for slot in stopped} == {
        "Schedule/sch-zhengkai-20261125-afternoon",
        "Schedule/sch-zhengkai-20261202-afternoon",
    }


async def test_a_stop_is_a_new_version_of_slot_and_unit(client: Client, clock: Clock) -> None:
    clock.forward(seconds=10)
    since = f"ge{clock.at.isoformat()}"

    first = (await client.http.post(f"/his/desk/slots/{SLOT}/stop")).json()
    again = (await client.http.post(f"/his/desk/slots/{SLOT}/stop")).json()

    told: dict[str, Any] = {"slot": SLOT, "slot_version": "2", "schedule": UNIT, "schedule_version": "2", "cancelled": []}
    assert (first, again) == (told | {"changed": True}, told | {"changed": False})
    [slot] = await client.found("/Slot", _lastUpdated=since)
    [unit] = await client.found("/Schedule", _lastUpdated=since)
    assert (slot["id"], slot["status"], slot["meta"]["versionId"]) == (SLOT, "busy-unavailable", "2")
    assert (unit["id"], unit["meta"]["versionId"]) == (UNIT, "2")


async def test_a_sold_place_is_no_new_version(client: Client, clock: Clock) -> None:
    clock.forward(seconds=10)
    await client.lock("c1")

    [slot] = await client.found("/Slot", _lastUpdated=f"ge{clock.at.isoformat()}")

    assert (slot["id"], slot["meta"]["versionId"], value_of(slot, wire.REMAINING)) == (SLOT, "1", 5)
    assert await client.found("/Schedule", _lastUpdated=f"ge{clock.at.isoformat()}") == []


async def test_the_same_instant_in_another_zone_is_the_same(client: Client) -> None:
    assert await client.found("/Slot", start="2026-11-25T00:00:00Z", schedule=UNIT) == [await client.get(f"/Slot/{SLOT}")]


async def test_what_is_not_there(client: Client) -> None:
    for kind in (
        "Organization",
        "HealthcareService",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
        "Slot",
        "Encounter",
        "Patient",
        "Appointment",
    ):
        assert refusal(await client.http.get(f"{FHIR}/{kind}/nowhere")) == (404, "not-found")
