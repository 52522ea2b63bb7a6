"""Places of one slot that everybody wants: claimed in the store as often a second as the bare UPDATE, and by 500 people over HTTP."""

import asyncio
import contextlib
import logging
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx
import structlog
from sqlalchemy import func, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bench.bare import claims as bare
from bench.bare.claims import Sold
from bench.billing import opened_hospital
from bench.copies import copies
from bench.result import Result
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError
from models.revisit import State
from models.stores import account as accounts
from models.stores import booking
from models.stores.database import Database
from models.tables.directory import SlotRow
from models.tables.revisit import ClaimRow
from stack.data import DataFolder
from stack.ports import free_ports
from stack.postgres import PostgreSQL
from stack.programs import program
from tests.builders import a_person, a_unit, a_visit
from tests.journeys.hospital import Hospital
from tests.journeys.people import key
from tests.journeys.visit import Visit
from tests.settings import settings
from workflows.runs import Runs

AT_ONCE = 16
ROUNDS = 5
STORE_PEOPLE, STORE_PLACES = 600, 500
PEOPLE, PLACES = 500, 150
ANSWERED_WITHIN_S = 110.0
ASK_AGAIN_S = 1.0


async def measure() -> list[Result]:
    return [*await _in_the_store(), *await _over_http()]


# In the store


async def _in_the_store() -> list[Result]:
    """By turns on one PostgreSQL that waits for the disk, as `make run` has it; the median round of each counts."""
    ours: list[Sold] = []
    theirs: list[Sold] = []
    async with _database() as url:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        database = Database(url, settings().vault(), pool=AT_ONCE)
        try:
            for _ in range(ROUNDS):
                ours.append(await _sold(database))
                theirs.append(await bare.sold(plain, people=STORE_PEOPLE, places=STORE_PLACES, at_once=AT_ONCE))
        finally:
            await database.close()
    for one in (*ours, *theirs):
        if (one.granted, one.left) != (STORE_PLACES, 0):
            raise AssertionError(f"of {STORE_PLACES} places {one.granted} were granted, and {one.left} are left")
    return [
        Result.of("slot claims in the store a second", _rate(ours), bare=_rate(theirs), at_least=0.5),
        Result.of("oversold in the store", max(one.granted for one in ours) - STORE_PLACES, at_most=0),
    ]


def _rate(rounds: Sequence[Sold]) -> float:
    return STORE_PEOPLE / statistics.median(one.seconds for one in rounds)


@asynccontextmanager
async def _database() -> AsyncGenerator[str]:
    with TemporaryDirectory(prefix="bench-") as folder:
        data = DataFolder(Path(folder) / "data")
        with data.held():
            server = PostgreSQL(data, free_ports(1)[0])
            try:
                await server.start()
                migrations = program(
                    "Migrations", data.log("migrations"), ["alembic", "upgrade", "head"], {"FUZHEN_DATABASE_URL": server.url}
                )
                await migrations.run()
                yield server.url
            finally:
                await server.stop()


async def _sold(database: Database) -> Sold:
    """A new slot for a new crowd, whose visits are at their end: nobody looks after them."""
    at = now()
    patients, visits = [[ids.new() for _ in range(STORE_PEOPLE)] for _ in range(2)]
    async with database.transaction() as db:
        unit, person = await a_unit(db, at, capacity=STORE_PLACES), await a_person(db)
        visit_id = await a_visit(db, State.CANCELLED, person=person)
        wire = await db.connection()
        await copies(wire, "patient", person.patient_id, [{"id": one, "id_number_bidx": one.bytes} for one in patients])
        told = [{"id": one, "patient_id": whose} for one, whose in zip(visits, patients, strict=True)]
        await copies(wire, "revisit", visit_id, told)
    asking = iter(list(zip(patients, visits, strict=True)))
    granted = 0

    async def hand() -> None:
        nonlocal granted
        for patient_id, visit_id in asking:
            with contextlib.suppress(DomainError):  # counted by what was granted
                async with database.transaction() as db:
                    await booking.claim(db, ids.new(), visit_id, patient_id, unit.slot_ids[0], at, holds_max=5)
                granted += 1

    began = time.perf_counter()
    await asyncio.gather(*(hand() for _ in range(AT_ONCE)))
    seconds = time.perf_counter() - began
    async with database.reading() as db:
        claims = await db.scalar(select(func.count()).where(ClaimRow.slot_id == unit.slot_ids[0])) or 0
        left = (await db.scalars(select(SlotRow.capacity - SlotRow.taken).where(SlotRow.id == unit.slot_ids[0]))).one()
    if claims != granted:
        raise AssertionError(f"{granted} were told that they have a place, {claims} have one")
    return Sold(granted, seconds, left)


# Over HTTP


async def _over_http() -> list[Result]:
    """500 browsers at once, the HIS asked for a lock for each that gets a place; the books of the HIS are read at the end."""
    async with opened_hospital() as hospital:
        slot = await hospital.slot(capacity=PLACES)
        crowd = await _choosing(hospital)
        began = time.perf_counter()
        answers = await _all_at_once(hospital, crowd, slot)
        seconds = time.perf_counter() - began
        told = Counter((answer.status_code, answer.json().get("code", answer.json().get("state"))) for answer in answers)
        if told != {(200, "describing"): PLACES, (409, "slot.sold_out"): PEOPLE - PLACES}:
            raise AssertionError(f"{PEOPLE} people were told {told}")
        held = {one.card for one, answer in zip(crowd, answers, strict=True) if answer.is_success}
        his = await hospital.his()
        locks = [one for one in his["appointments"] if one["slot_id"] == slot and one["status"] == "pending"]
        if {one["patient_id"] for one in locks} != held:
            raise AssertionError("the HIS keeps places for others than those who were told that they have one")
        left = [one["remaining"] for one in his["slots"] if one["id"] == slot]
    return [
        Result.of(f"places of {PLACES} held by {PEOPLE} people over HTTP", len(held), at_least=PLACES),
        Result.of("oversold over HTTP, by the HIS's books", len(locks) - PLACES - min(left), at_most=0),
        Result.of(f"until all {PEOPLE} were answered, s", seconds),
    ]


@dataclass(frozen=True, slots=True)
class _Person:
    card: str
    """At the HIS."""
    visit_id: UUID
    headers: dict[str, str]


async def _choosing(hospital: Hospital) -> list[_Person]:
    """One walked there, and so many like them: registered at the HIS, with an account, a session, a patient and a visit of their own."""
    first = await hospital.visit("choosing")
    cards: list[str] = []
    for _ in range(0, PEOPLE, AT_ONCE):
        wanted = range(min(AT_ONCE, PEOPLE - len(cards)))
        cards += [card.id for card in await asyncio.gather(*(hospital.register() for _ in wanted))]
    engine = create_async_engine(hospital.stack.addresses.database_url)
    try:
        async with engine.begin() as wire:
            crowd = await _like(wire, first, cards)
    finally:
        await engine.dispose()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # a line for each run begun
    runs, beginning = Runs(await hospital.temporal()), iter(crowd)

    async def begin() -> None:
        for one in beginning:
            await runs.begin("revisit", one.visit_id, one.visit_id)

    await asyncio.gather(*(begin() for _ in range(AT_ONCE)))
    return crowd


async def _like(wire: AsyncConnection, first: Visit, cards: Sequence[str]) -> list[_Person]:
    """Their names are sealed copies of the first one's: nobody reads them here."""
    mould = (await wire.execute(_MOULD, {"visit": first.id})).one()
    numbers = [[ids.new() for _ in range(5)] for _ in cards]
    tokens = [ids.new().hex for _ in cards]
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for card, token, (account, session, patient, binding, visit) in zip(cards, tokens, numbers, strict=True):
        rows["account"].append({"id": account, "phone_bidx": account.bytes})
        rows["account_session"].append({"id": session, "account_id": account, "token_hash": accounts.token_hash(token)})
        rows["patient"].append({"id": patient, "id_number_bidx": patient.bytes})
        rows["patient_binding"].append({"id": binding, "account_id": account, "patient_id": patient})
        rows["revisit"].append({"id": visit, "account_id": account, "patient_id": patient, "his_patient_id": card})
    for table, like in zip(rows, mould, strict=True):
        await copies(wire, table, like, rows[table])
    grants = [{"account": account} for account, *_ in numbers]
    await wire.execute(text("insert into account_grant (account_id, role) values (:account, 'patient')"), grants)
    return [
        _Person(card, visit, {"Authorization": f"Bearer {token}"}) for card, token, (*_, visit) in zip(cards, tokens, numbers, strict=True)
    ]


_MOULD = text("""
select r.account_id, (select id from account_session s where s.account_id = r.account_id limit 1), r.patient_id, b.id, r.id
from revisit r join patient_binding b on b.patient_id = r.patient_id and b.account_id = r.account_id where r.id = :visit
""")


async def _all_at_once(hospital: Hospital, crowd: Sequence[_Person], slot: str) -> list[httpx.Response]:
    """Each repeats one wish under its key until its answer is definite."""
    limits = httpx.Limits(max_connections=None)
    ends = time.monotonic() + ANSWERED_WITHIN_S
    async with httpx.AsyncClient(base_url=hospital.stack.addresses.api, timeout=ANSWERED_WITHIN_S, limits=limits, trust_env=False) as http:

        async def choose(one: _Person) -> httpx.Response:
            headers = one.headers | {"Idempotency-Key": key()}
            while True:
                answer = await http.post(f"/v1/revisits/{one.visit_id}/choose-slot", json={"slot_id": slot}, headers=headers)
                if answer.status_code not in {202, 503} or time.monotonic() > ends:
                    return answer
                await asyncio.sleep(ASK_AGAIN_S)

        return await asyncio.gather(*(choose(one) for one in crowd))
