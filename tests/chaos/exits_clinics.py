"""The ways of a clinic that changes after people have booked there: another time, another doctor, stopped and resumed.

Each has a 就诊单元 of the coming days, which the hall of everybody else is not in.
"""

from datetime import datetime, timedelta
from typing import Final

from models.kernel.clock import now
from stack.seed import DOCTORS, OTHER_DOCTOR
from tests.chaos.walker import Walker, ends
from tests.journeys.people import read, until
from tests.journeys.visit import Visit

BEGAN_AGO: Final = timedelta(minutes=5)
A_DAY: Final = 24 * 60
"""In minutes: by no more may a clinic be moved at a time."""


async def moved(walker: Walker) -> Visit:
    """Another time: it is held today, right now. Whoever booked it is told, stays, and is seen."""
    visit = await _booked(walker)
    minutes = round((now() - BEGAN_AGO - await _starts_at(visit)) / timedelta(minutes=1))
    while minutes:
        by = max(minutes, -A_DAY)
        await _changed(walker, "move", {"minutes": by})
        minutes -= by

    async def starts_at() -> datetime:
        return await _starts_at(visit)

    await until("the visit to have its new time", starts_at, lambda at: at < now())
    return await visit.to("closed")


async def replaced(walker: Walker) -> Visit:
    """替诊: that doctor is not wanted; who leaves has everything back."""
    visit = await _booked(walker)
    await _changed(walker, "replace", {"doctor": f"doc-{OTHER_DOCTOR}"})
    await until("the visit to have its new doctor", visit.now, lambda seen: seen["doctor"] == DOCTORS[OTHER_DOCTOR])
    await visit.act("cancel")
    await visit.refund("arrived")
    return await ends(visit, "cancelled")


async def resumed(walker: Walker) -> Visit:
    """Stopped, all of it, and resumed; whoever lost their place books it anew."""
    visit = await _booked(walker)
    await _changed(walker, "stop", {})
    await ends(visit, "suspended")
    await visit.refund("arrived")
    await _changed(walker, "resume", {})
    again = await walker.visit("choosing")

    async def has_it() -> bool:
        await walker.hospital.pulled()
        return (await again.patient.answer(f"{again.path}/choose-slot", {"slot_id": walker.slot})).is_success

    await until("a place in what was resumed", has_it, bool)
    await again.to("booked")
    await again.act("cancel")
    await again.refund("arrived")
    return await ends(again, "cancelled")


async def _booked(walker: Walker) -> Visit:
    visit = await walker.visit("choosing")
    await visit.act("choose-slot", {"slot_id": walker.slot})
    return await visit.to("booked")


async def _starts_at(visit: Visit) -> datetime:
    return datetime.fromisoformat((await visit.now())["slot_starts_at"])


async def _changed(walker: Walker, how: str, wish: object) -> None:
    """By the hospital's scheduling office."""
    [schedule] = {one["schedule_id"] for one in (await walker.hospital.his())["slots"] if one["id"] == walker.slot}
    read(await walker.hospital.outside.post(f"/his/desk/schedules/{schedule}/{how}", json=wish))
