"""Charges of visits that are about to be paid."""

from models.charge import OrderState, Scene, TradeState
from models.revisit import ChargeEnded, State
from models.stores import charge as charges
from tests.builders import FEE_FEN
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened
from tests.process.wechat_pay import Placed


async def paying(hospital: Hospital) -> Visit:
    return await (await opened(hospital)).to(State.PAYING)


async def orders(hospital: Hospital, visit: Visit) -> list[OrderState]:
    """How the channel orders of its charge stand, sorted."""
    async with hospital.database.reading() as db:
        return sorted(one.state for one in (await charges.facts(db, visit.charge.id)).orders)


async def says(hospital: Hospital, visit: Visit) -> list[str]:
    """What the charge told its visit about its end."""
    return [one.outcome for one in await hospital.waiting(visit.id) if isinstance(one, ChargeEnded)]


def is_paid(hospital: Hospital, number: str, *, amount_fen: int = FEE_FEN) -> None:
    """The channel took money all the same, whatever it had said before, or for an order that is not ours."""
    placed = Placed(number, Scene.NATIVE, amount_fen, hospital.clock())
    placed.state, placed.transaction_id, placed.paid_at = TradeState.PAID, f"42{number}", hospital.clock()
    hospital.wechat_pay.orders[number] = placed
