"""The ways of a prescription, of a visit that took place: fetched, sent, sent again, given back, not wanted, asked about."""

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from tests.chaos.walker import Walker, paid_soon
from tests.journeys.people import Json, read, until
from tests.journeys.prescription import PLACE, WEEK, Prescription
from tests.journeys.visit import Visit

_ON_THE_WAY: Final = {"picked_up": "picked_up", "transit": "in_transit", "out_for_delivery": "out_for_delivery"}
SIGNED: Final = _ON_THE_WAY | {"signed": "signed"}
RETURNED: Final = _ON_THE_WAY | {"refused": "refused", "returning": "returning", "returned": "returned"}
"""What the carrier does, and as what we know it then."""
BY_HAND: Final = "人工核实"
"""In an address: somebody at the carrier looks at it first."""


async def picked_up(walker: Walker) -> Visit:
    return await _picked_up(await walker.drugs())


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


async def answered(walker: Walker) -> Visit:
    """质疑, and its doctor says why it is right: approved as it is, and fetched."""
    mine = await _questioned(walker)
    await walker.hospital.doctor.act(f"{mine.path}/answer", {"text": "肺功能稳定，按原剂量使用。"})
    await mine.until("queued")
    return await _picked_up(mine)


async def amended(walker: Walker) -> Visit:
    """质疑, and its doctor writes it anew and signs again: fetched as it is then."""
    return await _amended(walker, await _questioned(walker))


async def paid_at_the_window(walker: Walker) -> Visit:
    """到院缴费, with the insurance's card: prepared and fetched there."""
    mine = await walker.drugs()
    await mine.approved()
    await _chosen(mine, "at_hospital")
    await mine.until("at_hospital")
    await mine.pharmacy("pay")
    return await _fetched(mine)


async def chosen_otherwise(walker: Walker) -> Visit:
    """Another way while it is being paid, and another again instead of the window: paid online, and fetched."""
    mine = await walker.drugs()
    await mine.approved()
    await _chosen(mine, "pickup")
    await mine.until("paying")
    await mine.visit.patient.act(f"{mine.path}/choose-again")
    await mine.until("choosing")
    await _chosen(mine, "at_hospital")
    await mine.until("at_hospital")
    await mine.paid()
    return await _fetched(mine)


async def left_for_no_window(walker: Walker) -> Visit:
    """到院缴费, and never paid there: not wanted."""
    mine = await walker.drugs()
    await mine.approved()
    await _chosen(mine, "at_hospital")
    await mine.until("at_hospital")
    return await _given_up(mine)


async def drugs_left_while_paying(walker: Walker) -> Visit:
    """Cancelled in the moment in which the money comes, or just before or after."""
    mine = await walker.drugs()
    await mine.approved()
    await _chosen(mine, "pickup")
    charge = (await mine.until("paying"))["charge_id"]
    ordered = await mine.visit.patient.act(f"/v1/charges/{charge}/orders", {"scene": "native"})
    order = ordered["charge"]["orders"][-1]["order_id"]
    await asyncio.gather(paid_soon(walker, order), mine.visit.patient.answer(f"{mine.path}/cancel"))
    if (await mine.until("cancelled", "dispensing"))["state"] == "dispensing":
        return await _given_up(mine)
    return await mine.visit.to("closed")


async def written_anew(walker: Walker) -> Visit:
    """驳回, and its doctor writes it anew and signs again: fetched as it is then."""
    mine, pharmacist = await walker.drugs(), walker.hospital.pharmacist
    await pharmacist.act(f"{mine.path}/claim")
    await pharmacist.act(f"{mine.path}/reject", {"remark": "dose", "text": "请核对用量。"})
    await mine.until("returned")
    return await _amended(walker, mine)


async def sent(walker: Walker) -> Visit:
    mine = await _handed_over(walker)
    await mine.ordered()
    return await _delivered(mine)


async def sent_and_refused(walker: Walker) -> Visit:
    """At the door nobody takes it: back at the pharmacy, which takes the drugs in again, and the money goes back."""
    mine = await _decided(walker, "refund")
    await mine.until("cancelled")
    await mine.visit.refund("arrived")
    return await mine.visit.to("closed")


async def kept(walker: Walker) -> Visit:
    """Nobody took the parcel; the drugs wait at the pharmacy, and their patient fetches them there."""
    mine = await _decided(walker, "keep")
    await mine.until("ready")
    await mine.pharmacy("hand-out")
    await mine.until("completed")
    return await mine.visit.to("closed")


async def sent_again(walker: Walker) -> Visit:
    """The carrier looks at the address and does not go there; the pharmacy sends it to another."""
    mine = await _handed_over(walker, detail=f"北马厂{BY_HAND}149号")
    number, outside = await mine.parcel(), walker.hospital.outside

    async def ordered() -> int:
        return (await outside.get(f"/logistics/desk/parcels/{number}")).status_code

    await until("the carrier to have its order", ordered, lambda status: status == 200)
    read(await outside.post(f"/logistics/desk/parcels/{number}/look", json={"deliverable": False}))
    parcel = await _parcel_stands(mine, "undeliverable")
    await walker.hospital.pharmacist.ask(f"/v1/deliveries/{parcel['id']}/receiver")
    card = mine.visit.patient.card
    again = {"decision": "resend", "receiver": PLACE | {"name": card.name, "phone": card.phone}}
    await walker.hospital.pharmacist.act(f"/v1/deliveries/{parcel['id']}/decide", again)
    await mine.ordered()
    return await _delivered(mine)


async def _questioned(walker: Walker) -> Prescription:
    mine, pharmacist = await walker.drugs(), walker.hospital.pharmacist
    await pharmacist.act(f"{mine.path}/claim")
    await pharmacist.ask(mine.path)
    await pharmacist.act(f"{mine.path}/question", {"text": "请说明用法。"})
    await mine.until("questioned")
    return mine


async def _picked_up(mine: Prescription) -> Visit:
    await mine.approved()
    await mine.paid()
    return await _fetched(mine)


async def _fetched(mine: Prescription) -> Visit:
    """Paid for: at the counter."""
    await mine.pharmacy("prepare")
    await mine.until("ready")
    await mine.pharmacy("hand-out")
    await mine.until("completed")
    return await mine.visit.to("closed")


async def _amended(walker: Walker, mine: Prescription) -> Visit:
    await walker.hospital.doctor.act(f"{mine.path}/amend", WEEK | {"advice": "每日同一时间吸入。"})
    await mine.submit()
    await mine.by_doctor()
    await mine.until("queued")
    return await _picked_up(mine)


async def _chosen(mine: Prescription, way: str) -> None:
    await mine.visit.patient.act(f"{mine.path}/choose", {"way": way})


async def _given_up(mine: Prescription) -> Visit:
    """Cancelled by the patient; the visit took place all the same."""
    await mine.visit.patient.act(f"{mine.path}/cancel")
    await mine.until("cancelled")
    return await mine.visit.to("closed")


async def _handed_over(walker: Walker, **place: str) -> Prescription:
    """To the courier; its parcel is wanted."""
    return await (await walker.drugs()).handed_over(**place)


async def _delivered(mine: Prescription) -> Visit:
    await _seen(mine, SIGNED)
    await mine.until("completed")
    return await mine.visit.to("closed")


async def _decided(walker: Walker, decision: str) -> Prescription:
    """Of a parcel that nobody took, when it is back and the drugs are taken in again."""
    mine = await _handed_over(walker)
    await mine.ordered()
    await _seen(mine, RETURNED)
    parcel = await _parcel_stands(mine, "returned")
    await mine.pharmacy("take-back")
    await walker.hospital.pharmacist.act(f"/v1/deliveries/{parcel['id']}/decide", {"decision": decision})
    return mine


async def _seen(mine: Prescription, moves: Mapping[str, str]) -> None:
    """One after the other, each when the one before is known."""
    for move, state in moves.items():
        await mine.carried(move)
        await _parcel_stands(mine, state)


async def _parcel_stands(mine: Prescription, state: str) -> Json:
    """The last one of the prescription, as the pharmacy reads it."""
    path = f"/v1/deliveries/{UUID(await mine.parcel())}"
    return await until(f"{path} to be {state}", lambda: mine.hospital.pharmacist.ask(path), lambda one: one["state"] == state)
