"""Reading what belongs to a visit's record: one's own read-only, another's after the audit row that says who read it and why."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.act import reach_of
from api.wiring import Wiring
from models.account import Principal
from models.revisit import State
from models.stores import audit
from models.stores import reader as readers
from models.stores.reader import Reader


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
