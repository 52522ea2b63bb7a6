"""When the weather is over: whoever was left on the way is brought to an end by those whose turn it is, as people would."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, until
from tests.journeys.prescription import CARRIED, Prescription
from tests.journeys.visit import EXITS, Visit

ROUNDS: Final = 30
"""Each brings a visit one step further; the longest way has fewer."""
AT_THE_DOCTORS: Final = ("waiting", "consulting", "ended")
"""Where there may be prescriptions: the doctor sees the visit."""
BY_DOCTOR: Final = ("drafting", "returned", "questioned", "queued")
BY_PATIENT: Final = ("choosing", "paying", "at_hospital")
MOVING: Final = ("checking", "signing", "countersigning", "pricing", "closing")
"""Somebody is at it, or a deadline of seconds is."""
STATES: Final = (*BY_DOCTOR, *BY_PATIENT, *MOVING, "dispensing", "ready", "shipping")
BY_PHARMACY: Final = ("undeliverable", "returned", "overdue")
"""Where a parcel waits for a person."""
A_WHILE_S: Final = 90.0
REFUNDS_END: Final = ("arrived", "paid_out", "withdrawn", "stuck")
TRIES: Final = 4


async def brought_to_an_end(visit: Visit) -> str:
    """How it has ended; or how it stands, when nobody can bring it further."""
    try:
        for _ in range(ROUNDS):
            now = await visit.now()
            if now["state"] in EXITS:
                break
            await _further(visit, now["state"])
    except AssertionError as stands:
        return f"{(await visit.now())['state']}: {stands}"
    return str((await visit.now())["state"])


async def refunds_settled(hospital: Hospital, visits: Sequence[Visit]) -> list[str]:
    """What is stuck is done by finance: asked for again, or withdrawn where the visit took place. Answers those that stay stuck.

    Of who was given back while the HIS had the visit as finished a window undoes that first: the end had landed late.
    """
    by_id = {one.id: one for one in visits}
    for _ in range(TRIES):
        for one in await hospital.finance.refunds():
            how = "withdraw" if "withdraw" in one["allowed"] else "retry"
            visit = by_id.get(one["revisit_id"])
            if visit and how == "retry" and one["trouble"] == "his.executed":
                bill = await visit.his_bill()
                await hospital.outside.post(f"/his/desk/invoices/{bill['id']}/undo-execution")
            await hospital.finance.answer(f"/v1/refunds/{one['id']}/{how}")
            await _refund_ends(hospital, one["id"])
    left = await hospital.finance.refunds()
    return [f"refund={one['id']} stays stuck: {one['trouble']}, may be {one['allowed']}" for one in left]


async def _refund_ends(hospital: Hospital, id: str) -> None:
    async def look() -> Json:
        return await hospital.finance.ask(f"/v1/refunds/{id}")

    await until(f"refund {id} to end", look, lambda one: one["state"] in REFUNDS_END, A_WHILE_S)


async def _further(visit: Visit, state: str) -> None:
    written = await _written(visit) if state in AT_THE_DOCTORS else []
    open_ = [one for one in written if one["state"] in STATES]
    for one in open_:
        await _drugs(Prescription(visit, one["id"]), one["state"])
    match state:
        case "consulting" if not open_ and any(one["state"] == "completed" for one in written):
            await _ended(visit)  # it took place
        case "waiting" | "consulting":
            await visit.hospital.manager.answer(f"{visit.path}/decline", {"reason": "hospital", "note": None})
        case "ended" if open_:
            pass
        case "ended" | "checking" | "closing":
            await _moved(visit, state)
        case _:
            await visit.patient.answer(f"{visit.path}/cancel")


async def _written(visit: Visit) -> list[Json]:
    return await visit.hospital.doctor.ask(f"{visit.path}/prescriptions")


async def _ended(visit: Visit) -> None:
    """The record is filed already when it was only the end that the weather spoilt."""
    signing = (await visit.hospital.doctor.get(f"{visit.path}/record")).json().get("signing")
    if signing and signing["state"] == "filed":
        await visit.hospital.doctor.act(f"{visit.path}/end")
        await visit.until("ended")
    else:
        await visit.end()


async def _moved(visit: Visit, state: str) -> None:
    async def look() -> Json:
        return await visit.now()

    await until(f"the visit not to be {state}", look, lambda now: now["state"] != state, A_WHILE_S)


async def _drugs(mine: Prescription, state: str) -> None:
    if state in BY_DOCTOR:
        await mine.hospital.doctor.answer(f"{mine.path}/withdraw")
    elif state in BY_PATIENT:
        await mine.visit.patient.answer(f"{mine.path}/cancel")  # refused where a window has the money: that is heard then
        await until(f"the prescription not to be {state}", mine.now, lambda now: now["state"] != state, A_WHILE_S)
    elif state in MOVING:
        await until(f"the prescription not to be {state}", mine.now, lambda now: now["state"] != state, A_WHILE_S)
    elif state == "shipping":
        await _carried(mine)
    else:
        await _fetched(mine)


async def _fetched(mine: Prescription) -> None:
    """At the counter, or on to the carrier. What was kept after its parcel came back is taken in first, if nobody has done that."""
    now = await mine.now()
    number = now["number"]
    if now["delivery_id"] and now["state"] == "ready":
        await mine.hospital.outside.post(f"/his/desk/prescriptions/{number}/take-back", json={})
    for act in ("prepare", "hand-out"):
        await mine.hospital.outside.post(f"/his/desk/prescriptions/{number}/{act}", json={})
    await until("the pharmacy to be heard", mine.now, lambda now: now["state"] not in {"dispensing", "ready"}, A_WHILE_S)


async def _carried(mine: Prescription) -> None:
    """To the door; or the pharmacy decides about what came back, or never went."""
    outside, pharmacist = mine.hospital.outside, mine.hospital.pharmacist
    number = await mine.parcel()
    desk, path = f"/logistics/desk/parcels/{number}", f"/v1/deliveries/{UUID(number)}"

    async def look() -> Json:
        parcel = await pharmacist.ask(path)
        if parcel["state"] == "creating":
            await outside.post(f"{desk}/look", json={"deliverable": True})  # refused where nobody has to
        return parcel

    parcel = await until("the parcel to be ordered", look, lambda one: one["state"] != "creating", A_WHILE_S)
    if parcel["state"] not in BY_PHARMACY:
        for move in CARRIED:
            await outside.post(f"{desk}/moves", json={"move": move})
        parcel = await until("the parcel to arrive", look, lambda one: one["state"] in {"signed", *BY_PHARMACY}, A_WHILE_S)
    if parcel["state"] in BY_PHARMACY:
        await mine.pharmacy("take-back")
        await pharmacist.answer(f"{path}/decide", {"decision": "refund"})
    await until("the prescription to hear of it", mine.now, lambda now: now["state"] != "shipping", A_WHILE_S)
