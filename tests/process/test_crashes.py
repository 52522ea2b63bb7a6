"""A worker that dies around every commit of every step: the step is repeated, and nothing is lost or done twice."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from models.kernel.errors import Unknown
from models.kernel.vault import Vault
from models.process import AnyRow, Row, Runs
from models.record import RecordState, RetryFiling
from models.revisit import Cancel, End, Enter, State
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.database import RolledBack
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened, signature_reported

R = TypeVar("R")


class Mortal(RolledBack):
    """A database whose client dies at the `dies_at`-th of the moments right before and right after its commits."""

    def __init__(self, wire: AsyncConnection, vault: Vault) -> None:
        super().__init__(wire, vault)
        self.dies_at, self.deaths = 0, 0

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with super().transaction() as db:
            yield db
            self._live_on()
        self._live_on()

    def _live_on(self) -> None:
        self.dies_at -= 1
        if self.dies_at == 0:
            self.deaths += 1
            raise Unknown("killed")


class Haunted(Hospital):
    """The first attempt of each step dies at its first moment, the second at its second, until one lives through."""

    def __init__(self, database: Mortal, clock: Hands, runs: Runs) -> None:
        super().__init__(database, clock, runs)
        self.mortal, self._attempts = database, Counter[tuple[str, int]]()

    def work(self, activity: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
        hand = super().work(activity)

        async def attempt(now: Any, *args: Any) -> R:
            if isinstance(now, Row):
                step = (activity.__qualname__, cast(AnyRow, now).version)
                self._attempts[step] += 1
                self.mortal.dies_at = self._attempts[step]
            try:
                return await hand(now, *args)
            finally:
                self.mortal.dies_at = 0

        return attempt


@pytest_asyncio.fixture
async def visit(wire: AsyncConnection, vault: Vault, clock: Hands, runs: Runs) -> Visit:
    return await opened(Haunted(Mortal(wire, vault), clock, runs))


async def sound(visit: Visit, *, taken: int) -> None:
    """What must hold however often it died: one lock, one message a cause, no news left over, and books that balance."""
    hospital = cast(Haunted, visit.hospital)
    assert hospital.mortal.deaths > 20
    assert len(hospital.his.appointments) == 1
    assert await hospital.taken(visit.unit.slot_ids[0]) == taken
    assert await hospital.unhandled() == 0
    told = await hospital.told(visit.id)
    assert len(told) == len(set(told))
    assert sum((await hospital.balances()).values()) == 0
    assert len(hospital.his.payments) == sum(order.paid_at is not None for order in hospital.wechat_pay.orders.values())


async def test_a_whole_visit(visit: Visit) -> None:
    await visit.to(State.CLOSED)

    await sound(visit, taken=1)
    assert len(await visit.hospital.story(visit.id)) == len(set(await visit.hospital.story(visit.id)))
    [(number, written)] = visit.hospital.his.records.items()
    [task] = visit.hospital.signature.tasks.values()
    assert (written.number, written.signature) == (number, task.task.signature)
    assert await visit.hospital.story(number) == ["record.open", "record.request", "record.query", "record.file"]


async def test_a_record_that_is_refused_and_signed_again(visit: Visit) -> None:
    hospital = visit.hospital
    await visit.to(State.CONSULTING)
    await visit.does(Enter)
    await hospital.saved(visit.id, visit.unit.doctor_account_id)
    desk = await visit.asks_to_sign()
    await desk.happens()
    hospital.signature.declines(hospital.signature.pending())
    await signature_reported(hospital, desk.id)
    await desk.news()
    for _ in range(2):  # once it is lost with the hand that heard it
        hospital.his.refuses("write_record", "his.invalid")
    second = await visit.signs_record()
    await second.happens(wish(RetryFiling, visit.unit.doctor_account_id))
    await second.happens()
    await visit.does(End)
    await visit.to(State.CLOSED)

    await sound(visit, taken=1)
    assert (desk.state, second.state, list(hospital.his.records)) == (RecordState.REFUSED, RecordState.FILED, [second.id])


async def test_left_before_it_is_paid(visit: Visit) -> None:
    await visit.to(State.PAYING)
    await visit.orders()
    await visit.does(Cancel)
    await visit.charge.news()
    await visit.desk.news()

    await sound(visit, taken=0)
    assert (visit.state, visit.hospital.his.held(visit.unit.slot_ids[0])) == (State.CANCELLED, 0)


async def test_paid_while_it_is_left(visit: Visit) -> None:
    await visit.to(State.PAYING)
    number = await visit.orders()
    await visit.does(Cancel)
    visit.hospital.wechat_pay.pay(number)
    await visit.charge.news()
    await visit.charge.happens()
    await visit.desk.news()

    await sound(visit, taken=0)
    assert visit.state is State.CANCELLED
    assert await visit.hospital.wanted_back(visit.charge.id) == [("patient", FEE_FEN)]


async def test_never_come(visit: Visit) -> None:
    await visit.to(State.BOOKED)
    await visit.desk.alarm()
    await visit.desk.alarm()

    await sound(visit, taken=0)
    assert visit.state is State.ABSENT
    assert await visit.hospital.wanted_back(visit.charge.id) == [("absent", FEE_FEN)]
