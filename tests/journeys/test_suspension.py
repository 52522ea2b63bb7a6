"""停诊 on the whole stack: the HIS stops a slot; who is booked there goes, is refunded and told once, and books anew by the link."""

import asyncio

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused, until
from tests.journeys.visit import Visit

TOLD = "SMS_REVISIT_SUSPENDED"


async def _in(hospital: Hospital, slot: str, state: str) -> Visit:
    visit = await hospital.visit("choosing")
    await visit.act("choose-slot", {"slot_id": slot})
    return await visit.to(state)


async def test_everybody_in_a_stopped_slot_is_refunded_and_told_once(hospital: Hospital) -> None:
    slot = await hospital.slot(capacity=4)
    describing, paying, booked, waiting = [await _in(hospital, slot, state) for state in ("describing", "paying", "booked", "waiting")]
    elsewhere = await hospital.visit("booked")

    stopped = read(await hospital.outside.post(f"/his/desk/slots/{slot}/stop"))
    await asyncio.gather(*(visit.until("suspended") for visit in (describing, paying, booked, waiting)))

    for visit, paid in ((describing, False), (paying, False), (booked, True), (waiting, True)):
        assert (await visit.now())["reason"] == "suspended"
        if paid:
            await until("the money to be back", visit.refunds, lambda found: [one["state"] for one in found] == ["arrived"])
        else:
            assert await visit.refunds() == []
        await until("the text", lambda visit=visit: hospital.texts(visit.patient.card.phone, TOLD), len)
    shown = await until(
        "all of them to have gone",
        lambda: hospital.manager.ask("/v1/suspensions"),
        lambda page: any(one["schedule_version"] == stopped["schedule_version"] and one["state"] == "done" for one in page["items"]),
    )
    [mine] = [
        one for one in shown["items"] if (one["schedule_id"], one["schedule_version"]) == (stopped["schedule"], stopped["schedule_version"])
    ]
    assert (mine["progress"]["stopped"], mine["progress"]["moved"], mine["progress"]["refunded"]) == (4, 4, 2)
    for visit in (describing, paying, booked, waiting):
        assert len(await hospital.texts(visit.patient.card.phone, TOLD)) == 1
    assert (await elsewhere.now())["state"] == "booked"

    again = await booked.patient.ask(f"{booked.path}/again")
    assert again["text"]
    assert slot not in [one["id"] for one in again["slots"]]
    refused(await elsewhere.patient.get(f"{booked.path}/again"), 404, "revisit.missing")
    anew = await hospital.visit("choosing", booked.patient)
    await anew.act("choose-slot", {"slot_id": again["slots"][0]["id"]})
    await hospital.audited(booked, waiting, paying)


async def test_a_doctor_suspended_by_the_hospital_is_resumed(hospital: Hospital) -> None:
    """Once a wish, whoever asks; only the management may."""
    refused(await hospital.doctor.post("/v1/doctors/doc-nobody/suspension", key=key()), 403, "account.forbidden")
    refused(await hospital.manager.post("/v1/doctors/doc-nobody/suspension", key=key()), 404, "doctor.missing")
    refused(await hospital.manager.post("/v1/doctors/doc-nobody/resumption", key=key()), 404, "doctor.missing")
