"""The second half of a whole visit: its prescription, written, signed by both, paid, carried to the door; each step when all is quiet."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID

from tests.journeys.people import read, until
from tests.journeys.prescription import Prescription, written
from tests.journeys.visit import Visit

SCANS: Final = {"picked_up": "picked_up", "transit": "in_transit", "out_for_delivery": "out_for_delivery", "signed": "signed"}
"""Each is pushed, and asked for: the least that a parcel which arrives is seen, and where it stands then."""
PLACE: Final = {"province": "北京市", "city": "北京市", "county": "通州区", "detail": "北马厂149号"}


async def signed(visit: Visit, quiet: Callable[[], Awaitable[None]]) -> Prescription:
    """Of a patient in the room; confirmed on the doctor's phone."""
    mine = await written(visit)
    await quiet()
    await mine.submit()
    await quiet()
    await mine.by_doctor()
    await mine.until("queued")
    await quiet()
    return mine


async def delivered(mine: Prescription, quiet: Callable[[], Awaitable[None]]) -> None:
    """Taken by a pharmacist, approved, paid online, prepared, and signed for at the door."""
    hospital, patient = mine.hospital, mine.visit.patient
    taken = await hospital.pharmacist.act("/v1/reviews/next")
    if taken["id"] != mine.id:
        raise ValueError("another prescription waits here")
    await quiet()
    await hospital.pharmacist.act(f"{mine.path}/approve")
    await quiet()
    await mine.by_pharmacist()
    await mine.until("choosing")
    await quiet()
    receiver = PLACE | {"name": patient.card.name, "phone": patient.card.phone}
    await patient.act(f"{mine.path}/choose", {"way": "parcel", "receiver": receiver})
    charge = (await mine.until("paying"))["charge_id"]
    await quiet()
    ordered = await patient.act(f"/v1/charges/{charge}/orders", {"scene": "native"})
    await quiet()
    await hospital.pay(ordered["charge"]["orders"][-1]["order_id"])
    await mine.until("dispensing")
    await quiet()
    await mine.pharmacy("prepare")
    parcel = UUID((await mine.until("shipping"))["delivery_id"])
    await mine.pharmacy("hand-out")
    await quiet()
    for scan, state in SCANS.items():
        read(await hospital.outside.post(f"/logistics/desk/parcels/{parcel.hex}/moves", json={"move": scan}))
        await until(f"the parcel to be {state}", partial(patient.ask, f"/v1/deliveries/{parcel}"), lambda now, to=state: now["state"] == to)
        await quiet()
    await mine.until("completed")
