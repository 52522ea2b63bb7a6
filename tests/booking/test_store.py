"""Claims in the store: none oversold, one a patient and 就诊单元, given back once (P-2.3)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import ClaimState, Lock
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import booking as store
from models.stores.database import Database
from models.tables.directory import SlotRow
from models.tables.patient import PatientRow
from models.tables.revisit import ClaimRow, RevisitRow
from tests.builders import Person, Unit, a_person, a_unit, a_visit
from tests.process.hospital import MORNING

PLACES, PEOPLE = 150, 500
AN_HOUR = timedelta(hours=1)


async def claim(db: AsyncSession, unit: Unit, person: Person, visit_id: UUID, *, claim_id: UUID | None = None, slot: int = 0) -> UUID:
    claim_id = claim_id or ids.new()
    await store.claim(db, claim_id, visit_id, person.patient_id, unit.slot_ids[slot], MORNING, holds_max=5)
    return claim_id


async def taken(db: AsyncSession, unit: Unit, slot: int = 0) -> int:
    return (await db.scalars(select(SlotRow.taken).where(SlotRow.id == unit.slot_ids[slot]))).one()


async def in_a_draft(db: AsyncSession) -> tuple[Person, UUID]:
    person = await a_person(db)
    return person, await a_visit(db, person=person)


async def test_a_claim_takes_one_place_and_names_it(db: AsyncSession) -> None:
    unit, (person, visit_id) = await a_unit(db, MORNING + AN_HOUR), await in_a_draft(db)

    held = await store.of_id(db, await claim(db, unit, person, visit_id))

    assert (held.state, held.slot_id, held.schedule_id, held.doctor_id) == (ClaimState.HELD, unit.slot_ids[0], unit.id, unit.doctor_id)
    assert (held.starts_at, held.unit_ends_at, held.appointment_id) == (unit.starts_at, unit.ends_at, None)
    assert await taken(db, unit) == 1


async def test_the_same_claim_again_takes_no_second_place(db: AsyncSession) -> None:
    unit, (person, visit_id) = await a_unit(db, MORNING + AN_HOUR, capacity=2), await in_a_draft(db)
    claim_id = await claim(db, unit, person, visit_id)

    await claim(db, unit, person, visit_id, claim_id=claim_id)

    assert await taken(db, unit) == 1


async def test_one_connection_claims_more_often_than_postgresql_plans_anew(db: AsyncSession) -> None:
    """From the sixth run on a statement is planned without its parameters."""
    unit = await a_unit(db, MORNING + AN_HOUR, capacity=12)
    for _ in range(12):
        await claim(db, unit, *await in_a_draft(db))

    assert await taken(db, unit) == 12


async def test_what_was_locked_stands_beside_the_claim(db: AsyncSession) -> None:
    unit, (person, visit_id) = await a_unit(db, MORNING + AN_HOUR), await in_a_draft(db)
    claim_id = await claim(db, unit, person, visit_id)

    await store.locked(db, claim_id, Lock(appointment_id="apt-1", invoice_id="inv-1", fee_fen=5000, expires_at=MORNING + AN_HOUR))

    held = await store.of_id(db, claim_id)
    assert (held.appointment_id, held.invoice_id, held.fee_fen) == ("apt-1", "inv-1", 5000)


async def test_a_place_is_given_back_once(db: AsyncSession) -> None:
    unit = await a_unit(db, MORNING + AN_HOUR, capacity=2)
    claims = [await claim(db, unit, *await in_a_draft(db)) for _ in range(2)]

    for _ in range(3):
        await store.release(db, claims[0])

    assert await taken(db, unit) == 1
    assert [(await store.of_id(db, one)).state for one in claims] == [ClaimState.RELEASED, ClaimState.HELD]


async def test_a_released_claim_is_not_confirmed_and_a_used_one_not_released(db: AsyncSession) -> None:
    unit = await a_unit(db, MORNING + AN_HOUR, capacity=2)
    released, used = [await claim(db, unit, *await in_a_draft(db)) for _ in range(2)]
    await store.release(db, released)
    await store.confirm(db, released)
    await store.confirm(db, used)
    await store.fulfil(db, used)
    await store.release(db, used)

    assert [(await store.of_id(db, one)).state for one in (released, used)] == [ClaimState.RELEASED, ClaimState.FULFILLED]
    assert await taken(db, unit) == 1


async def test_a_withdrawn_claim_never_was(db: AsyncSession) -> None:
    unit, (person, visit_id) = await a_unit(db, MORNING + AN_HOUR), await in_a_draft(db)
    claim_id = await claim(db, unit, person, visit_id)

    await store.withdraw(db, claim_id)

    with pytest.raises(DomainError, match=r"^booking\.missing$"):
        await store.of_id(db, claim_id)
    assert await claim(db, unit, person, visit_id, claim_id=claim_id) == claim_id
    assert await taken(db, unit) == 1


async def test_who_was_seen_may_book_in_the_same_unit_again(db: AsyncSession) -> None:
    unit, (person, visit_id) = await a_unit(db, MORNING + AN_HOUR, slots=2), await in_a_draft(db)
    first = await claim(db, unit, person, visit_id)
    await store.confirm(db, first)
    with pytest.raises(DomainError, match=r"^booking\.held_already$"):
        async with db.begin_nested():
            await claim(db, unit, person, visit_id, slot=1)

    await store.fulfil(db, first)

    await claim(db, unit, person, visit_id, slot=1)


async def test_of_five_hundred_who_want_a_hundred_and_fifty_places_so_many_get_one(own_database: Database) -> None:
    async with own_database.transaction() as db:
        unit = await a_unit(db, MORNING + AN_HOUR, capacity=PLACES)
        people = await crowd(db, PEOPLE)

    at_once = asyncio.Semaphore(
        20
    )  # as many as the pool has: a crowd that waits for a connection proves nothing more, and may wait too long

    async def ask(person: Person, visit_id: UUID) -> str:
        try:
            async with at_once, own_database.transaction() as db:
                await claim(db, unit, person, visit_id)
        except DomainError as refused:
            return refused.code
        return "claimed"

    answers = Counter(await asyncio.gather(*(ask(*one) for one in people)))

    assert answers == {"claimed": PLACES, "slot.sold_out": PEOPLE - PLACES}
    async with own_database.reading() as db:
        live = select(func.count(), func.count(ClaimRow.patient_id.distinct())).where(ClaimRow.state == ClaimState.HELD)
        assert (await db.execute(live)).one() == (PLACES, PLACES)
        assert await taken(db, unit) == PLACES


async def test_while_places_are_given_back_none_is_sold_twice(own_database: Database) -> None:
    async with own_database.transaction() as db:
        unit = await a_unit(db, MORNING + AN_HOUR, capacity=3)
        people = await crowd(db, 40)

    async def take_and_give_back(person: Person, visit_id: UUID) -> None:
        claim_id = ids.new()
        try:
            async with own_database.transaction() as db:
                await claim(db, unit, person, visit_id, claim_id=claim_id)
        except DomainError:
            return
        async with own_database.transaction() as db:
            await store.release(db, claim_id)

    await asyncio.gather(*(take_and_give_back(*one) for one in people))

    async with own_database.reading() as db:
        assert await taken(db, unit) == 0


async def test_of_one_patients_many_wishes_at_once_one_is_granted(own_database: Database) -> None:
    async with own_database.transaction() as db:
        unit = await a_unit(db, MORNING + AN_HOUR, slots=4, capacity=5)
        person, visit_id = await in_a_draft(db)

    async def ask(slot: int) -> UUID:
        async with own_database.transaction() as db:
            return await claim(db, unit, person, visit_id, slot=slot % 4)

    answers = await asyncio.gather(*(ask(slot) for slot in range(16)), return_exceptions=True)

    assert sorted(str(one) for one in answers if isinstance(one, BaseException)) == ["booking.held_already"] * 15
    async with own_database.reading() as db:
        assert sum([await taken(db, unit, slot) for slot in range(4)]) == 1


async def test_of_one_claims_many_hands_at_once_one_takes_the_place(own_database: Database) -> None:
    async with own_database.transaction() as db:
        unit = await a_unit(db, MORNING + AN_HOUR, capacity=5)
        person, visit_id = await in_a_draft(db)
    claim_id = ids.new()

    async def ask() -> UUID:
        async with own_database.transaction() as db:
            return await claim(db, unit, person, visit_id, claim_id=claim_id)

    await asyncio.gather(*(ask() for _ in range(8)), return_exceptions=True)

    async with own_database.reading() as db:
        assert await taken(db, unit) == 1


async def crowd(db: AsyncSession, number: int) -> Sequence[tuple[Person, UUID]]:
    """Many patients of one account: rows beside each other, since nobody reads their names here."""
    first, visit_id = await in_a_draft(db)
    mould, draft = await db.get_one(PatientRow, first.patient_id), await db.get_one(RevisitRow, visit_id)
    people = [(Person(first.account_id, ids.new(), ""), ids.new()) for _ in range(number)]
    columns = {column.key: getattr(mould, column.key) for column in PatientRow.__table__.columns}
    for person, _ in people:
        db.add(PatientRow(**columns | {"id": person.patient_id, "id_number_bidx": person.patient_id.bytes}))
    await db.flush()
    for person, id in people:
        db.add(RevisitRow(id=id, state=draft.state, policy=draft.policy, account_id=first.account_id, patient_id=person.patient_id))
    await db.flush()
    return people
