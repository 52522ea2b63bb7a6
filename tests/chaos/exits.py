"""The ways that a pathway takes, each to its own end. A way may be cut short by a deadline or a stop: then it ends where that leads."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, Patient, key, read, until
from tests.journeys.prescription import CARRIED, Prescription, written
from tests.journeys.visit import Visit

REFUSED_PARCEL: Final = (*CARRIED[:-1], "refused", "returning", "returned")
UNSEEN: Final = ("consenting", "choosing", "describing", "paying", "booked", "waiting")
DECLINED_FOR: Final = ("not_suited", "in_person", "unreachable", "hospital")


@dataclass(frozen=True, slots=True)
class Walker:
    """One patient, the choices made for them, and a slot that is theirs to be stopped."""

    hospital: Hospital
    patient: Patient
    chance: Random
    slot: str

    async def visit(self, to: str, **opening: str) -> Visit:
        return await Visit(self.hospital, self.patient, await self.patient.open(**opening)).to(to)

    async def drugs(self) -> Prescription:
        """A prescription that is written, signed and queued, of a visit whose record is signed too."""
        mine = await written(await self.visit("entered"))
        await mine.submit()
        await mine.by_doctor()
        await mine.until("queued")
        return mine


async def seen(walker: Walker) -> Visit:
    """The straight way, with the survey answered."""
    return await walker.visit("closed")


async def survey_lapses(walker: Walker) -> Visit:
    """Nobody answers; its deadline closes the visit."""
    return await _ends(await walker.visit("ended"), "closed")


async def left_before_paying(walker: Walker) -> Visit:
    visit = await walker.visit(walker.chance.choice(UNSEEN[:3]))
    await visit.patient.answer(f"{visit.path}/cancel")
    return await _ends(visit, "cancelled")


async def left_while_paying(walker: Walker) -> Visit:
    """Cancelled in the moment in which the money comes, or just before or after."""
    visit = await walker.visit("paying")
    order = await visit.order()
    await asyncio.gather(_paid(walker, order), visit.patient.answer(f"{visit.path}/cancel"))
    return await _ends(visit, "cancelled")


async def left_when_booked(walker: Walker) -> Visit:
    visit = await walker.visit(walker.chance.choice(("booked", "waiting")))
    await visit.patient.answer(f"{visit.path}/cancel")
    return await _ends(visit, "cancelled")


async def never_paid(walker: Walker) -> Visit:
    """Ordered or not; the hold runs out."""
    visit = await walker.visit("paying")
    if walker.chance.random() < 0.5:
        await visit.patient.answer(f"/v1/charges/{await visit.charge_id()}/orders", {"scene": "native"})
    return await _ends(visit, "cancelled")


async def declined(walker: Walker) -> Visit:
    visit = await walker.visit(walker.chance.choice(("waiting", "consulting", "entered")))
    reason = walker.chance.choice(DECLINED_FOR)
    by = walker.hospital.manager if reason == "hospital" else walker.hospital.doctor
    await by.answer(f"{visit.path}/decline", {"reason": reason, "note": None})
    return await _ends(visit, "declined")


async def stopped(walker: Walker) -> Visit:
    """In a slot that the HIS stops, wherever the visit stands by then."""
    visit = await walker.visit("choosing")
    await visit.act("choose-slot", {"slot_id": walker.slot})
    await visit.to(walker.chance.choice(UNSEEN[2:]))
    read(await walker.hospital.outside.post(f"/his/desk/slots/{walker.slot}/stop"))
    return await _ends(visit, "suspended")


async def refilled(walker: Walker) -> Visit:
    """复诊续方: what the HIS has of an earlier prescription is the draft, and its doctor takes it back."""
    [past] = (await walker.patient.ask(f"/v1/patients/{walker.patient.id}/past-prescriptions"))["items"]
    visit = Visit(walker.hospital, walker.patient, await walker.patient.open(past_prescription=past["number"]))
    await visit.until("consenting")
    shown = await visit.patient.ask("/v1/consent-texts/revisit")
    stability = {"version": shown["stability_version"], "answers": dict.fromkeys(shown["stability"], True)}
    await visit.act("self-check", {"symptoms": [], "stability": stability})
    await visit.act("consent", {"text_version": shown["version"], "text_hash": shown["hash"]})
    await visit.to("entered")
    made = await walker.hospital.doctor.act(f"{visit.path}/prescriptions/copy", {"copied_from": past["number"]})
    await walker.hospital.doctor.act(f"/v1/prescriptions/{made['id']}/withdraw")
    return await visit.to("closed")


async def picked_up(walker: Walker) -> Visit:
    mine = await walker.drugs()
    await mine.approved()
    await mine.paid()
    await mine.pharmacy("prepare")
    await mine.until("ready")
    await mine.pharmacy("hand-out")
    await mine.until("completed")
    return await mine.visit.to("closed")


async def not_wanted(walker: Walker) -> Visit:
    """Paid, and given back before anybody has touched it."""
    mine = await walker.drugs()
    await mine.approved()
    await mine.paid()
    return await _given_up(mine)


async def drugs_not_paid(walker: Walker) -> Visit:
    """Priced, and not wanted."""
    mine = await walker.drugs()
    await mine.approved()
    return await _given_up(mine)


async def rejected(walker: Walker) -> Visit:
    """驳回, and its doctor takes it back."""
    mine = await walker.drugs()
    pharmacist, doctor = walker.hospital.pharmacist, walker.hospital.doctor
    await pharmacist.act(f"{mine.path}/claim")
    await pharmacist.act(f"{mine.path}/reject", {"remark": "dose", "text": "请核对用量。"})
    await mine.until("returned")
    await doctor.act(f"{mine.path}/withdraw")
    await mine.until("withdrawn")
    return await mine.visit.to("closed")


async def sent(walker: Walker) -> Visit:
    mine = await _on_its_way(walker)
    await mine.carried(*CARRIED)
    await mine.until("completed")
    return await mine.visit.to("closed")


async def sent_and_refused(walker: Walker) -> Visit:
    """At the door nobody takes it: back at the pharmacy, and the money goes back."""
    mine = await _on_its_way(walker)
    await mine.carried(*REFUSED_PARCEL)
    parcel = (await mine.now())["delivery_id"]
    await _stands(walker, f"/v1/deliveries/{parcel}", "returned")
    await walker.hospital.pharmacist.act(f"/v1/deliveries/{parcel}/decide", {"decision": "refund"})
    return await mine.visit.to("closed")


async def given_back_by_the_management(walker: Walker) -> Visit:
    """Of a visit that took place: the HIS does not let go, and it is withdrawn."""
    visit = await walker.visit("closed")
    hospital = walker.hospital
    begun = read(await hospital.finance.post(f"/v1/charges/{await visit.charge_id()}/refunds", {}, key=key()))
    await visit.refund("stuck")
    await hospital.finance.answer(f"/v1/refunds/{begun['id']}/withdraw")
    await visit.refund("withdrawn")
    return visit


Way = Callable[[Walker], Awaitable[Visit]]
WAYS: Final[dict[str, tuple[Way, int]]] = {
    one.__name__: (one, weight)
    for one, weight in (
        *((seen, 6), (survey_lapses, 1), (left_before_paying, 2), (left_while_paying, 4), (left_when_booked, 4), (never_paid, 2)),
        *((declined, 4), (stopped, 4), (refilled, 2), (picked_up, 3), (not_wanted, 2), (drugs_not_paid, 2), (rejected, 2)),
        *((sent, 3), (sent_and_refused, 2), (given_back_by_the_management, 1)),
    )
}
"""And how often each is chosen, against the others."""


async def _ends(visit: Visit, *states: str) -> Visit:
    await visit.until(*states)
    return visit


async def _paid(walker: Walker, order: str) -> None:
    """At the cashier, who says no when the order is closed by then."""
    await asyncio.sleep(walker.chance.random())
    answer = await walker.hospital.outside.post(f"/wechat/cashier/{order.replace('-', '')}/pay", json={})
    assert answer.status_code < 500, answer.text


async def _given_up(mine: Prescription) -> Visit:
    """Cancelled by the patient; the visit took place all the same."""
    await mine.visit.patient.act(f"{mine.path}/cancel")
    await mine.until("cancelled")
    return await mine.visit.to("closed")


async def _on_its_way(walker: Walker) -> Prescription:
    mine = await walker.drugs()
    await mine.approved()
    await mine.paid("parcel")
    for act in ("prepare", "hand-out"):
        await mine.pharmacy(act)
    await mine.ordered()
    return mine


async def _stands(walker: Walker, path: str, state: str) -> Json:
    return await until(f"{path} to be {state}", lambda: walker.hospital.pharmacist.ask(path), lambda one: one["state"] == state)
