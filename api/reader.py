"""Reading what belongs to a visit's record: one's own read-only, another's after the audit row that says who read it and why."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.act import as_pharmacist, reach_of
from api.wiring import Wiring
from models.account import Principal
from models.kernel.errors import DomainError
from models.revisit import State
from models.stores import audit, timeline
from models.stores import prescription_timeline as prescriptions
from models.stores import reader as readers
from models.stores.reader import Reader

Side = Literal["patient", "doctor", "pharmacist"]


@asynccontextmanager
async def read_of(
    wiring: Wiring, me: Principal, revisit_id: UUID, action: str, *, talking: bool = False, **detail: object
) -> AsyncGenerator[tuple[AsyncSession, Reader]]:
    """A read-only session for one of the visit's two sides, and which side it is. Raises `revisit.missing`.

    The audit row of a doctor or a relative is committed before anything is read, in a transaction of its own. Who is `talking` while
    问诊中 leaves none: a line of the conversation says it, and a screen reads it again with each new one.
    """
    async with wiring.database.reading() as db:
        reader = await readers.of_visit(db, revisit_id, reach_of(me))
        if reader.purpose is None or (talking and reader.state is State.CONSULTING):
            yield db, reader
            return
    async with wiring.database.transaction() as db:
        await audit.record(db, me.account_id, action, "revisit", revisit_id, reader.purpose, **detail)
    async with wiring.database.reading() as db:
        yield db, reader


@asynccontextmanager
async def prescription_of(wiring: Wiring, me: Principal, prescription_id: UUID) -> AsyncGenerator[tuple[AsyncSession, Side]]:
    """A read-only session for who may read a prescription, and on which side they stand. Raises `prescription.missing`.

    The patient's side sees it once the doctor has signed, a pharmacist as the doctor signed it. Everybody but the patient leaves an audit
    row first.
    """
    async with wiring.database.reading() as db:
        side, purpose = await _side_of(db, me, prescription_id)
        if side != "doctor" and not await prescriptions.shown(db, prescription_id, to_patient=side == "patient"):
            raise DomainError("prescription.missing", "missing")
    if purpose:
        async with wiring.database.transaction() as db:
            await audit.record(db, me.account_id, "prescription:read", "prescription", prescription_id, purpose)
    async with wiring.database.reading() as db:
        yield db, side


async def _side_of(db: AsyncSession, me: Principal, prescription_id: UUID) -> tuple[Side, str | None]:
    """A pharmacist who is its doctor too reads it as its doctor."""
    try:
        where = await timeline.prescription(db, prescription_id, reach_of(me))
        reader = await readers.of_visit(db, where.visit_id, reach_of(me))
    except DomainError:
        if not me.may("review:act"):
            raise
        await timeline.prescription(db, prescription_id, as_pharmacist(me))
        return "pharmacist", "review"
    return reader.side, reader.purpose
