"""A settled charge, its bills at their desks, and what stands at the issuer."""

from uuid import UUID

from activities.invoice import InvoiceActivities
from models.invoice import MOVES, InvoiceState, RetryInvoice, Split
from models.refund import RefundState
from models.revisit import Cancel, State
from models.stores import invoice as invoices
from models.tables.invoice import InvoiceRow
from tests.builders import FEE_FEN
from tests.process.desk import InvoiceDesk
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened
from tests.refund.builders import FINANCE, goes_to, wanted_by_management

FEE = Split(cash_fen=FEE_FEN)


async def booked(hospital: Hospital) -> Visit:
    """Paid and settled: its bill is begun."""
    return await (await opened(hospital)).to(State.BOOKED)


async def bill(hospital: Hospital, visit: Visit, sequence: int = 0) -> InvoiceDesk:
    """The desk of one of a visit's bills."""
    desk = InvoiceDesk(hospital, invoices.id_of(visit.charge.id, sequence), InvoiceActivities.load)
    await desk.begin()
    return desk


async def rows(hospital: Hospital, charge_id: UUID) -> list[InvoiceRow]:
    """All of a charge, in order."""
    async with hospital.database.reading() as db:
        found = [await db.get(InvoiceRow, invoices.id_of(charge_id, sequence)) for sequence in range(9)]
    return [one for one in found if one is not None]


async def walks(desk: InvoiceDesk) -> InvoiceState:
    """As far as it comes without a person."""
    while desk.state not in MOVES.ends() and desk.state is not InvoiceState.REFUSED:
        await desk.happens()
    return desk.state


async def all_walk(hospital: Hospital, visit: Visit) -> list[InvoiceState]:
    """Every bill of the visit, those that the last of them begins too."""
    ended: list[InvoiceState] = []
    while len(ended) < len(await rows(hospital, visit.charge.id)):
        ended.append(await walks(await bill(hospital, visit, len(ended))))
    return ended


async def refused(hospital: Hospital, visit: Visit) -> InvoiceDesk:
    """For want of numbers at the issuer: a task of 财务处."""
    hospital.issuer.refuses("issue", "invoice.E0104")
    desk = await bill(hospital, visit)
    assert await walks(desk) is InvoiceState.REFUSED
    return desk


async def cancelled(visit: Visit) -> None:
    """退号, and the fee is on its way back to the end."""
    await visit.does(Cancel)
    await visit.is_given_back()


async def retried(desk: InvoiceDesk) -> None:
    """财务处 tries again."""
    await desk.happens(wish(RetryInvoice, FINANCE))


async def lets_go(hospital: Hospital, visit: Visit, amount_fen: int) -> None:
    """The HIS lets go of so much of the fee, on its way back to the patient."""
    desk = await wanted_by_management(hospital, visit, amount_fen)
    await desk.happens()


async def gives_back(hospital: Hospital, visit: Visit, amount_fen: int) -> None:
    """So much of the fee goes back, to the end."""
    await goes_to(await wanted_by_management(hospital, visit, amount_fen), RefundState.ARRIVED)


def stands(hospital: Hospital) -> int:
    """Issued less red at the issuer, in fen."""
    return hospital.issuer.stands().total_fen
