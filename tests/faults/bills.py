"""The e-bills of a visit, whichever of its charges they are of: each at its desk, whenever it has something to do."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from sqlalchemy import select

from activities.invoice import InvoiceActivities
from models.invoice import MOVES, InvoiceState, RetryInvoice
from models.tables.invoice import InvoiceRow
from tests.faults.hospital import Hospital
from tests.process.desk import InvoiceDesk
from tests.process.hospital import wish

STEPS: Final = {
    InvoiceState.REVERSING: "invoice.reverse",
    InvoiceState.ISSUING: "invoice.issue",
    InvoiceState.FETCHING: "invoice.fetch",
}


class Bills:
    """Of one visit; what the issuer does not do is tried again by 财务处."""

    def __init__(self, hospital: Hospital, visit_id: UUID, finance: UUID) -> None:
        self._hospital, self._visit_id, self._finance = hospital, visit_id, finance

    async def next(self) -> tuple[str, Callable[[], Awaitable[object]]] | None:
        """What happens next of them; None when all are at their end."""
        running = InvoiceRow.state.not_in([str(end) for end in MOVES.ends()])
        async with self._hospital.database.reading() as db:
            found = await db.scalar(select(InvoiceRow.id).where(InvoiceRow.visit_id == self._visit_id, running).limit(1))
        if found is None:
            return None
        desk = InvoiceDesk(self._hospital, found, InvoiceActivities.load)
        await desk.begin()
        if desk.state is InvoiceState.REFUSED:
            return "invoice.retry", lambda: desk.happens(wish(RetryInvoice, self._finance))
        return STEPS[desk.state], desk.happens
