"""When the weather is over: whoever was left on the way is brought to an end by those whose turn it is, as people would."""

from typing import Final

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, until
from tests.journeys.prescription import CARRIED, Prescription
from tests.journeys.visit import EXITS, Visit

ROUNDS: Final = 30
"""Each brings a visit one step further; the longest way has fewer."""
BY_DOCTOR: Final = ("drafting", "returned", "questioned", "queued")
BY_PATIENT: Final = ("choosing", "paying", "at_hospital")
MOVING: Final = ("checking", "signing", "countersigning", "pricing", "closing")
"""Somebody is at it, or a deadline of seconds is."""
STATES: Final = (*BY_DOCTOR, *BY_PATIENT, *MOVING, "dispensing", "ready", "shipping")
A_WHILE_S: Final = 90.0


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


async def refunds_retried(hospital: Hospital) -> None:
    """What was refused in bad weather finance asks for again; what a window must undo first stays with its office."""
    for one in await hospital.finance.refunds():
        if "retry" in one["allowed"] and one["trouble"] != "his.executed":
            await hospital.finance.answer(f"/v1/refunds/{one['id']}/retry")


async def _further(visit: Visit, state: str) -> None:
    written = await visit.hospital.doctor.ask(f"{visit.path}/prescriptions")
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
        await mine.visit.patient.answer(f"{mine.path}/cancel")
    elif state in MOVING:
        await until(f"the prescription not to be {state}", mine.now, lambda now: now["state"] != state, A_WHILE_S)
    elif state == "shipping":
        await _carried(mine)
    else:
        await _fetched(mine)


async def _fetched(mine: Prescription) -> None:
    """At the counter, or on to the carrier."""
    number = (await mine.now())["number"]
    for act in ("prepare", "hand-out"):
        await mine.hospital.outside.post(f"/his/desk/prescriptions/{number}/{act}", json={})
    await until("the pharmacy to be heard", mine.now, lambda now: now["state"] not in {"dispensing", "ready"}, A_WHILE_S)


async def _carried(mine: Prescription) -> None:
    await mine.ordered(A_WHILE_S)
    number = await mine.parcel()
    for move in CARRIED:
        await mine.hospital.outside.post(f"/logistics/desk/parcels/{number}/moves", json={"move": move})
    await until("the parcel to be signed for", mine.now, lambda now: now["state"] != "shipping", A_WHILE_S)
