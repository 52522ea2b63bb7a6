"""Charges of visits that are about to be paid."""

from models.charge import OrderState
from models.revisit import ChargeEnded, State
from models.stores import charge as charges
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened


async def paying(hospital: Hospital) -> Visit:
    return await (await opened(hospital)).to(State.PAYING)


async def orders(hospital: Hospital, visit: Visit) -> list[OrderState]:
    """How the channel orders of its charge stand, sorted."""
    async with hospital.database.reading() as db:
        return sorted(one.state for one in (await charges.facts(db, visit.charge.id)).orders)


async def says(hospital: Hospital, visit: Visit) -> list[str]:
    """What the charge told its visit about its end."""
    return [one.outcome for one in await hospital.waiting(visit.id) if isinstance(one, ChargeEnded)]
