"""The ways of money: paid twice, late, another sum, or for nothing that we know; transferred by the hospital; a part given back."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from models.charge import OrderState
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.stores.outage import SUSPECTS
from tests.chaos.walker import Walker, ends
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.people import Json, key, read, until
from tests.journeys.visit import Visit

FEE_FEN: Final = 5000
PART_FEN: Final = 2000


async def paid_late(walker: Walker) -> Visit:
    """Left, its charge closed; then money comes after all, and goes back."""
    visit = await walker.visit("paying")
    await visit.order()
    await visit.act("cancel")
    await ends(visit, "cancelled")
    await walker.hospital.pay(await _second_order(walker, visit, OrderState.CLOSED))
    await _goes_back(visit, "late")
    return visit


async def paid_twice(walker: Walker) -> Visit:
    """On two orders: the visit goes on, and the second money goes back."""
    visit = await walker.visit("booked")
    await walker.hospital.pay(await _second_order(walker, visit, OrderState.CLOSED))
    await _goes_back(visit, "second")
    return await visit.to("closed")


async def paid_another_sum(walker: Walker) -> Visit:
    """Not what the charge asks for: it goes back, and what is asked for is paid as well."""
    visit = await walker.visit("paying")
    order = await visit.order()
    other = await _second_order(walker, visit, OrderState.OPEN, FEE_FEN - 100)
    await walker.hospital.pay(other)
    await walker.hospital.pay(order)
    await ends(visit, "booked")
    await _goes_back(visit, "other_amount")
    return await visit.to("closed")


async def paid_for_nothing(walker: Walker) -> Visit:
    """At the bank, under our merchant's number, for an order that we know nothing of."""
    visit, order = await walker.visit("consenting"), await _ordered_behind(walker, ids.new(), FEE_FEN)
    await walker.hospital.pay(order)
    number = UUID(order).hex

    async def ended() -> list[Json]:
        return [one for one in await walker.hospital.finance.refunds("ended") if one["order_no"] == number]

    await until("the money for nothing to go back", ended, bool)
    await visit.patient.answer(f"{visit.path}/cancel")
    return await ends(visit, "cancelled")


async def paid_out(walker: Walker) -> Visit:
    """The bank closes the refund; finance hands it over to 门诊办, which has it transferred by the hospital itself."""
    visit, hospital = await walker.visit("booked"), walker.hospital
    await hospital.will("CLOSED", (await visit.charge())["orders"][-1]["order_id"])
    await visit.act("cancel")
    refund = (await visit.refund("stuck"))["id"]
    await hospital.finance.decide(refund, "hand-over", {"office": "outpatient"})
    await hospital.manager.decide(refund, "pay-out", {"voucher": f"HZ-2026-{walker.chance.randrange(10**6):06}"})
    await visit.refund("paid_out")
    return await ends(visit, "cancelled")


async def partly_given_back(walker: Walker) -> Visit:
    """Of a visit that took place, once a window has undone its execution; then the rest. Its e-bill is made anew for what is left."""
    visit, hospital = await walker.visit("closed"), walker.hospital
    await visit.billed()
    path = f"/v1/charges/{await visit.charge_id()}/refunds"
    part = read(await hospital.finance.post(path, {"amount_fen": PART_FEN}, key=key()))
    await visit.refund("stuck")
    read(await hospital.outside.post(f"/his/desk/invoices/{(await visit.his_bill())['id']}/undo-execution"))
    await hospital.finance.answer(f"/v1/refunds/{part['id']}/retry")
    await visit.refund("arrived")
    await _billed_anew(visit)
    if walker.chance.random() < 0.5:
        read(await hospital.finance.post(path, {}, key=key()))
        await visit.refund("arrived", of=2)
    return visit


async def _goes_back(visit: Visit, cause: str) -> None:
    assert (await visit.refund())["cause"] == cause


async def _billed_anew(visit: Visit) -> None:
    """Red and issued again."""

    async def bills() -> list[Json]:
        return (await visit.patient.ask(f"/v1/patients/{visit.patient.id}/invoices"))["items"]

    await until("its e-bill for what is left", bills, lambda found: {one["state"] for one in found} == {"issued", "reversed"})


async def _second_order(walker: Walker, visit: Visit, state: OrderState, amount_fen: int = FEE_FEN) -> str:
    """Another order of the visit's charge, which can be paid at the bank whatever our books say of it."""
    order_id, charge_id = ids.new(), await visit.charge_id()
    await _behind(walker, lambda behind: behind.known_order(charge_id, order_id, state, amount_fen))
    return await _ordered_behind(walker, order_id, amount_fen)


async def _ordered_behind(walker: Walker, order_id: UUID, amount_fen: int) -> str:
    expires_at = now() + timedelta(minutes=9)
    await _behind(walker, lambda behind: behind.order(order_id=order_id, amount_fen=amount_fen, expires_at=expires_at))
    return str(order_id)


async def _behind(walker: Walker, does: Callable[[Backstage], Awaitable[object]]) -> None:
    """Behind the product's back, through the same weather: again, under the same number, until it is done."""
    async with backstage(walker.hospital) as behind:

        async def done() -> bool:
            try:
                await does(behind)
            except (*SUSPECTS, DomainError, Unknown):
                return False
            return True

        await until("what is done behind the scenes", done, bool)
