"""Many people at once: registered at the HIS, with accounts and sessions of their own, and visits put where a test wants them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from models.account import AccountKind
from models.kernel.clock import now
from models.kernel.errors import Unknown
from models.kernel.vault import Vault
from models.patient import Relation
from models.stores import account as accounts
from models.stores import patient as patients
from models.stores import policy as policies
from tests.journeys.backstage import Backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import Patient, read, until
from tests.journeys.rows import Case, Stand
from tests.journeys.visit import Visit

AT_ONCE: Final = 6
TRIES: Final = 5
AN_HOUR: Final = timedelta(hours=1)
T = TypeVar("T")


async def crowd(behind: Backstage, count: int, **wish: Any) -> list[Patient]:
    """Each signed in on a phone of their own, and bound; as the API would have written it, sealed under the house's own keys.

    `wish`: what differs from how people are usually registered at the HIS.
    """
    hospital = behind.hospital
    people = [Patient(hospital.http, card) for card in await _some_at_once([partial(hospital.register, **wish)] * count)]
    async with _sealing(behind) as db:
        at = now()
        for one in people:
            account_id = await accounts.patient_account(db, one.card.phone)
            one.id = str((await patients.bind(db, account_id, one.card.name, one.card.id_number, Relation.SELF, at)).id)
            session = await accounts.open_session(db, account_id, AccountKind.PATIENT, at)
            hospital.private.add(session.token)
            one.headers = {"Authorization": f"Bearer {session.token}"}
    return people


async def stand(
    behind: Backstage,
    people: Sequence[Patient],
    how: Stand,
    slot: str,
    *,
    line: Literal["standard", "test"] = "test",
    lasts: timedelta = AN_HOUR,
) -> list[Visit]:
    """A visit of each, all alike in one slot; API and worker must be away, or they would meet half of it."""
    async with behind.transaction() as db:
        policy = await policies.in_force(db, line, now())
    cases = [Case(behind, one, how, now(), policy, slot=slot, lasts=lasts) for one in people]
    await _some_at_once([partial(_outside, one) for one in cases])
    async with behind.transaction() as db:
        for one in cases:
            await one.rows(db)
    return [Visit(behind.hospital, one.patient, str(one.id)) for one in cases]


@asynccontextmanager
async def away(hospital: Hospital) -> AsyncGenerator[None]:
    """API and worker are killed, and come back after the block."""
    for part in ("api", "worker"):
        await hospital.stack.kill(part)
    yield
    for part in ("worker", "api"):
        await hospital.stack.start_part(part)


async def notified(hospital: Hospital, within_s: float = 120.0) -> None:
    """Whatever the bank had to tell is taken: nothing of it comes later."""

    async def look() -> int:
        return sum(one["due_at"] is not None for one in read(await hospital.outside.get("/books/wechat_pay"))["notifies"])

    await until("the bank's notifies to be taken", look, lambda left: not left, within_s)


async def _outside(case: Case, tries: int = TRIES) -> None:
    """Asked again under the same numbers when a busy machine has not answered in time."""
    try:
        await case.outside()
    except Unknown:
        if not tries:
            raise
        await _outside(case, tries - 1)


async def _some_at_once(works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What they answered, in their order; so many are under way at any time."""
    hands = asyncio.Semaphore(AT_ONCE)

    async def one(work: Callable[[], Awaitable[T]]) -> T:
        async with hands:
            return await work()

    return list(await asyncio.gather(*map(one, works)))


@asynccontextmanager
async def _sealing(behind: Backstage) -> AsyncGenerator[AsyncSession]:
    """A transaction that seals columns as the house does."""
    secrets = behind.hospital.data / "secrets"
    keys = {key_id: bytes.fromhex(key) for key_id, key in behind.hospital.column_keys.items()}
    vault = Vault(keys, next(iter(keys)), bytes.fromhex((secrets / "index-key").read_text()))
    async with AsyncSession(behind.engine, expire_on_commit=False, info={"vault": vault}) as db, db.begin():
        yield db
