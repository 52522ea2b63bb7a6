"""News for open screens as PostgreSQL tells them (`NOTIFY live`, by triggers), and who may hear them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.live import Topic
from models.stores.database import Database
from models.stores.reader import Reach
from models.tables.charge import ChargeRow
from models.tables.revisit import RevisitRow

CHANNEL = "live"
_CONNECT_S, _ANSWER_S, _CLOSE_S = 5.0, 5.0, 1.0


class _Wire(Protocol):
    """As much of asyncpg's connection as is used here."""

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...

    async def execute(self, query: str, *, timeout: float) -> str: ...

    async def close(self, *, timeout: float) -> None: ...


class Line:
    """A connection of its own that does nothing but listen."""

    def __init__(self, wire: _Wire) -> None:
        self._wire, self._ended = wire, asyncio.Event()
        wire.add_termination_listener(lambda _: self._ended.set())

    async def ended(self, within_s: float) -> bool:
        """Whether it broke within that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def prove(self) -> None:
        """A line that was cut without a word looks like one on which nothing happens: ask, and raise when no answer comes."""
        await self._wire.execute("select 1", timeout=_ANSWER_S)


@asynccontextmanager
async def listening(database: Database, heard: Callable[[str], None]) -> AsyncGenerator[Line]:
    """Calls `heard` with each payload, `<subject>:<id>:<version>`, for as long as the line stands."""
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    wire = cast(_Wire, await cast(Any, asyncpg).connect(url, timeout=_CONNECT_S, server_settings={"application_name": "fuzhen live"}))
    try:
        await wire.add_listener(CHANNEL, lambda _wire, _pid, _channel, payload: heard(payload))
        yield Line(wire)
    finally:
        await wire.close(timeout=_CLOSE_S)


async def allowed(db: AsyncSession, account_id: UUID, topics: Iterable[Topic], *, any_visit: bool) -> frozenset[Topic]:
    """Those of the topics that the account may follow: of its visits as patient or as doctor, or of any."""
    asked = frozenset(topics)
    theirs = Reach(account_id, as_patient=True, as_doctor=True, everywhere=any_visit).condition()
    visits = await db.scalars(select(RevisitRow.id).where(RevisitRow.id.in_({one.id for one in asked if one.subject != "charge"}), theirs))
    of_visits = frozenset(visits)
    charges = await db.scalars(
        select(ChargeRow.id)
        .join(RevisitRow, RevisitRow.id == ChargeRow.visit_id)
        .where(ChargeRow.id.in_({one.id for one in asked if one.subject == "charge"}), theirs)
    )
    of_charges = frozenset(charges)
    return frozenset(one for one in asked if one.id in (of_charges if one.subject == "charge" else of_visits))
