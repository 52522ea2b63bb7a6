"""The ways of who is called more than once, lacks data, has family, or a phone that is off; and of a record that is signed anew."""

import asyncio

from stack.seed import DOCTOR
from tests.chaos.walker import Walker, ends
from tests.journeys.people import Patient, read, until
from tests.journeys.visit import Visit


async def called_again(walker: Walker) -> Visit:
    """Not in the room after the first call; after the second."""
    visit = await walker.visit("consulting")
    await until("the second call", visit.steps, lambda steps: "queue.call_again" in steps)
    await visit.act("enter")
    return await visit.to("closed")


async def passed_over(walker: Walker) -> Visit:
    """过号: back in the queue, and accepted anew."""
    visit = await walker.visit("consulting")
    await until("the visit to be passed over", visit.now, lambda now: now["passed_over"] and now["state"] == "waiting")
    return await visit.to("closed")


async def data_wanting(walker: Walker) -> Visit:
    """Neither phone nor address at the HIS: completed, and seen."""
    visit = await walker.opened()
    await visit.until("completing")
    whole = {"phone": visit.patient.card.phone, "address": "北京市东城区蓬莱胡同7号"}
    supplied = await visit.patient.act(f"/v1/patients/{visit.patient.id}/supplements", whole)
    await visit.act("complete", {"supplement_id": supplied["supplement_id"]})
    return await visit.to("closed")


async def left_while_data_is_wanting(walker: Walker) -> Visit:
    visit = await walker.opened()
    await visit.until("completing")
    await visit.act("cancel")
    return await ends(visit, "cancelled")


async def of_one_account(walker: Walker) -> Visit:
    """One account sees to two people, side by side."""
    other = Patient(walker.hospital.http, await walker.hospital.register())
    other.headers = walker.patient.headers
    await other.bind("other")
    walker.family.append(other)
    theirs = Visit(walker.hospital, other, await other.open())
    visit, _ = await asyncio.gather(walker.visit("closed"), theirs.to("closed"))
    return visit


async def not_reached(walker: Walker) -> Visit:
    """The phone is off when its visit is cancelled; 门诊办 has it said again when it is on."""
    visit, manager = await walker.visit("booked"), walker.hospital.manager
    await _phone(visit, "off")
    await visit.act("cancel")
    await visit.refund("arrived")

    async def unreached() -> list[str]:
        listed = await manager.ask("/v1/messages", visit_id=visit.id, unreached="true")
        return [one["id"] for one in listed["items"] if one["template"] == "revisit_cancelled"]

    [message] = await until("the words that nobody got", unreached, bool)
    await _phone(visit, "on")
    await manager.act(f"/v1/messages/{message}/resend")
    assert await visit.told("SMS_REVISIT_CANCELLED")
    return await ends(visit, "cancelled")


async def record_signed_anew(walker: Walker) -> Visit:
    """Its doctor withdraws a signing, refuses the next on the phone, and signs in the end."""
    visit, doctor = await walker.visit("entered"), walker.hospital.doctor
    read(await doctor.record(visit.id))
    signing = await doctor.act(f"{visit.path}/record/sign")
    await doctor.act(f"/v1/records/{signing['id']}/withdraw")
    await _refused_on_the_phone(visit)
    read(await doctor.record(visit.id))
    await doctor.act(f"{visit.path}/record/sign")
    await _refused_on_the_phone(visit)
    await visit.until_record("refused")
    return await visit.to("closed")


async def _refused_on_the_phone(visit: Visit) -> None:
    await visit.hospital.answer_on_phone(f"doc-{DOCTOR}", visit.id, "refuse")


async def _phone(visit: Visit, state: str) -> None:
    switched = await visit.hospital.outside.post("/console/phones", data={"phone": visit.patient.card.phone, "state": state})
    assert switched.status_code < 400, switched.text
