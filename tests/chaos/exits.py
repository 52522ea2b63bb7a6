"""The ways of a visit, each to its own end. A way may be cut short by a deadline or the weather: then it ends where that leads."""

import asyncio
from typing import Final

import httpx

from tests.chaos.walker import Walker, described, ends, looked_back, paid_soon, talked
from tests.journeys.people import Patient, key, read
from tests.journeys.visit import STRAIGHT, Visit

UNSEEN: Final = ("consenting", "choosing", "describing", "paying", "booked", "waiting")
DECLINED_FOR: Final = ("not_suited", "in_person", "unreachable", "hospital")


async def seen(walker: Walker) -> Visit:
    """The straight way: a picture is described and they talk, the survey is answered, and it is read again."""
    visit = await described(await walker.visit("describing"))
    await talked(await visit.to("entered"))
    return await looked_back(await visit.to("closed"))


async def survey_lapses(walker: Walker) -> Visit:
    """Nobody answers; its deadline closes the visit."""
    return await ends(await walker.visit("ended"), "closed")


async def out_of_window(walker: Walker) -> Visit:
    """Last seen too long ago."""
    return await ends(await walker.opened(), "refused")


async def no_record(walker: Walker) -> Visit:
    """Never seen at this hospital."""
    return await ends(await walker.opened(), "refused")


async def too_young(walker: Walker) -> Visit:
    """By the law a child is seen in person."""
    return await ends(await walker.opened(), "refused")


async def emergency(walker: Walker) -> Visit:
    """The self-check finds what is no matter for a screen."""
    visit = await walker.visit("consenting")
    await visit.act("self-check", {"symptoms": ["chest_pain"]})
    return await ends(visit, "refused")


async def left_before_paying(walker: Walker) -> Visit:
    visit = await walker.visit(walker.chance.choice(UNSEEN[:3]))
    await visit.patient.answer(f"{visit.path}/cancel")
    return await ends(visit, "cancelled")


async def left_while_paying(walker: Walker) -> Visit:
    """Cancelled in the moment in which the money comes, or just before or after."""
    visit = await walker.visit("paying")
    order = await visit.order()
    await asyncio.gather(paid_soon(walker, order), visit.patient.answer(f"{visit.path}/cancel"))
    return await ends(visit, "cancelled")


async def left_when_booked(walker: Walker) -> Visit:
    """With a picture in the intake."""
    visit = await described(await walker.visit("describing"))
    await visit.to(walker.chance.choice(("booked", "waiting")))
    await visit.patient.answer(f"{visit.path}/cancel")
    return await ends(visit, "cancelled")


async def left_standing(walker: Walker) -> Visit:
    """Somebody goes away in the middle; what waits for nobody but a deadline goes on."""
    return await walker.visit(walker.chance.choice(STRAIGHT[:-1]))


async def never_paid(walker: Walker) -> Visit:
    """Ordered or not; the hold runs out."""
    visit = await walker.visit("paying")
    if walker.chance.random() < 0.5:
        await visit.patient.answer(f"/v1/charges/{await visit.charge_id()}/orders", {"scene": "native"})
    return await ends(visit, "cancelled")


async def contended(walker: Walker) -> Visit:
    """More people than places choose one slot at once. Who comes too late goes to the hall; all stay booked, to be seen."""
    people = (walker.patient, *walker.rivals)
    visits = await asyncio.gather(*(_choosing(walker, one) for one in people))
    answers = await asyncio.gather(*(one.patient.answer(f"{one.path}/choose-slot", {"slot_id": walker.slot}) for one in visits))
    assert all(_had_or_sold_out(one) for one in answers), [one.text[:200] for one in answers]
    await asyncio.gather(*(one.to("booked") for one in visits))
    return visits[0]


async def absent(walker: Walker) -> Visit:
    """Booked, and never checked in."""
    assert walker.stood
    return await ends(walker.stood, "absent")


async def declined(walker: Walker) -> Visit:
    visit = await walker.visit(walker.chance.choice(("waiting", "consulting", "entered")))
    reason = walker.chance.choice(DECLINED_FOR)
    by = walker.hospital.manager if reason == "hospital" else walker.hospital.doctor
    await by.answer(f"{visit.path}/decline", {"reason": reason, "note": None})
    return await ends(visit, "declined")


async def stopped(walker: Walker) -> Visit:
    """In a slot that the HIS stops, wherever the visit stands by then."""
    visit = await walker.visit("choosing")
    await visit.act("choose-slot", {"slot_id": walker.slot})
    await visit.to(walker.chance.choice(UNSEEN[2:]))
    read(await walker.hospital.outside.post(f"/his/desk/slots/{walker.slot}/stop"))
    return await ends(visit, "suspended")


async def refilled(walker: Walker) -> Visit:
    """复诊续方: what the HIS has of an earlier prescription is the draft, and its doctor takes it back."""
    [past] = (await walker.patient.ask(f"/v1/patients/{walker.patient.id}/past-prescriptions"))["items"]
    visit = await walker.opened(past_prescription=past["number"])
    await visit.until("consenting")
    shown = await visit.patient.ask("/v1/consent-texts/revisit")
    stability = {"version": shown["stability_version"], "answers": dict.fromkeys(shown["stability"], True)}
    await visit.act("self-check", {"symptoms": [], "stability": stability})
    await visit.act("consent", {"text_version": shown["version"], "text_hash": shown["hash"]})
    await visit.to("entered")
    made = await walker.hospital.doctor.act(f"{visit.path}/prescriptions/copy", {"copied_from": past["number"]})
    await walker.hospital.doctor.act(f"/v1/prescriptions/{made['id']}/withdraw")
    return await visit.to("closed")


async def given_back_at_last(walker: Walker) -> Visit:
    """The bank closes the refund of who has left; finance has it tried again."""
    visit = await walker.visit("booked")
    await walker.hospital.will("CLOSED", (await visit.charge())["orders"][-1]["order_id"])
    await visit.act("cancel")
    refund = (await visit.refund("stuck"))["id"]
    await walker.hospital.finance.answer(f"/v1/refunds/{refund}/retry")
    await visit.refund("arrived")
    return await ends(visit, "cancelled")


async def given_back_by_the_management(walker: Walker) -> Visit:
    """Of a visit that took place: the HIS does not let go, and it is withdrawn."""
    visit, refund = await _given_back_after_all(walker)
    await walker.hospital.finance.answer(f"/v1/refunds/{refund}/withdraw")
    await visit.refund("withdrawn")
    return visit


async def undone_at_the_window(walker: Walker) -> Visit:
    """Of a visit that took place: a window undoes its execution, and the fee goes back."""
    visit, refund = await _given_back_after_all(walker)
    read(await walker.hospital.outside.post(f"/his/desk/invoices/{(await visit.his_bill())['id']}/undo-execution"))
    await walker.hospital.finance.answer(f"/v1/refunds/{refund}/retry")
    await visit.refund("arrived")
    return visit


async def _given_back_after_all(walker: Walker) -> tuple[Visit, str]:
    visit, finance = await walker.visit("closed"), walker.hospital.finance
    begun = read(await finance.post(f"/v1/charges/{await visit.charge_id()}/refunds", {}, key=key()))
    await visit.refund("stuck")
    return visit, begun["id"]


async def _choosing(walker: Walker, person: Patient) -> Visit:
    return await Visit(walker.hospital, person, await person.open()).to("choosing")


def _had_or_sold_out(answer: httpx.Response) -> bool:
    return answer.is_success or answer.json()["code"] == "slot.sold_out"
