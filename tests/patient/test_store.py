"""Patients and bindings in the store."""

import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.kernel.ids import new
from models.patient import PATIENTS_MAX, Patient, Relation
from models.stores import patient as store
from models.stores.database import Database
from models.tables.patient import BindingRow, PatientRow, SupplementRow
from tests.account.builders import a_patient
from tests.client import Hands
from tests.patient.builders import an_id_number


async def test_name_and_number_are_sealed_and_come_back(db: AsyncSession, clock: Hands) -> None:
    number = an_id_number()
    patient = await store.bind(db, await a_patient(db), "张秀英", number, Relation.SELF, clock())

    row = await db.get_one(PatientRow, patient.id)

    assert "张秀英".encode() not in row.name
    assert number.encode() not in row.id_number + row.id_number_bidx
    assert (await store.name(db, patient.id), await store.id_number(db, patient.id)) == ("张秀英", number)


async def test_the_same_person_is_one_patient_of_two_accounts(db: AsyncSession, clock: Hands) -> None:
    number, daughter, mother = an_id_number(), await a_patient(db), await a_patient(db)

    hers = await store.bind(db, mother, "张秀英", number, Relation.SELF, clock())
    bound = await store.bind(db, daughter, "张秀英", number, Relation.PARENT, clock())

    assert hers.id == bound.id
    assert (hers.relation, bound.relation) == (Relation.SELF, Relation.PARENT)


async def test_binding_again_changes_nothing(db: AsyncSession, clock: Hands) -> None:
    number, account_id = an_id_number(), await a_patient(db)
    first = await store.bind(db, account_id, "张秀英", number, Relation.SELF, clock())

    assert await store.bind(db, account_id, "张秀英", number, Relation.OTHER, clock()) == first
    assert (await db.scalars(select(func.count()).select_from(BindingRow))).one() == 1


async def test_another_name_under_a_number_is_another_row_and_in_nobodys_way(db: AsyncSession, clock: Hands) -> None:
    """Only the HIS says who is real; who binds a wrong name first must not keep the real person out, nor learn that they are here."""
    number = an_id_number()

    wrong = await store.bind(db, await a_patient(db), "张秀兰", number, Relation.SELF, clock())
    real = await store.bind(db, await a_patient(db), "张秀英", number, Relation.SELF, clock())

    assert wrong.id != real.id
    assert (await store.name(db, wrong.id), await store.name(db, real.id)) == ("张秀兰", "张秀英")


async def test_eight_patients_are_enough(db: AsyncSession, clock: Hands) -> None:
    account_id = await a_patient(db)
    for _ in range(PATIENTS_MAX):
        await store.bind(db, account_id, "张秀英", an_id_number(), Relation.OTHER, clock())

    with pytest.raises(DomainError, match=r"patient\.too_many"):
        await store.bind(db, account_id, "张秀英", an_id_number(), Relation.OTHER, clock())
    assert len(await store.of_account(db, account_id)) == PATIENTS_MAX


async def test_eight_are_enough_however_many_ask_at_once(own_database: Database, clock: Hands) -> None:
    async with own_database.transaction() as db:
        account_id = await a_patient(db)

    async def bind() -> Patient:
        async with own_database.transaction() as db:
            return await store.bind(db, account_id, "张秀英", an_id_number(), Relation.OTHER, clock())

    answers = await asyncio.gather(*(bind() for _ in range(PATIENTS_MAX + 4)), return_exceptions=True)

    assert [str(no) for no in answers if isinstance(no, BaseException)] == ["patient.too_many"] * 4


async def test_two_who_bind_one_new_person_at_once_make_one_patient(own_database: Database, clock: Hands) -> None:
    number = an_id_number()

    async def bind() -> Patient:
        async with own_database.transaction() as db:
            return await store.bind(db, await a_patient(db), "张秀英", number, Relation.OTHER, clock())

    patients = await asyncio.gather(*(bind() for _ in range(6)))

    assert len({patient.id for patient in patients}) == 1


async def test_others_patients_are_not_there(db: AsyncSession, clock: Hands) -> None:
    mine, theirs = await a_patient(db), await a_patient(db)
    patient = await store.bind(db, theirs, "张秀英", an_id_number(), Relation.SELF, clock())
    await store.bound(db, theirs, patient.id)

    with pytest.raises(DomainError, match=r"patient\.missing"):
        await store.bound(db, mine, patient.id)
    with pytest.raises(DomainError, match=r"patient\.missing"):
        await store.one(db, mine, patient.id)
    with pytest.raises(DomainError, match=r"patient\.missing"):
        await store.bound(db, theirs, new())


async def test_a_supplement_is_sealed_and_of_one_patient(db: AsyncSession, clock: Hands) -> None:
    patient = await store.bind(db, await a_patient(db), "张秀英", an_id_number(), Relation.SELF, clock())
    supplement_id = new()
    await store.supply(db, supplement_id, patient.id, phone="13800138000", address=None, now=clock())

    row = await db.get_one(SupplementRow, supplement_id)

    assert row.phone is not None
    assert b"13800138000" not in row.phone
    assert await store.supplement(db, supplement_id, patient.id) == ("13800138000", None)
    with pytest.raises(DomainError, match=r"patient\.supplement_missing"):
        await store.supplement(db, supplement_id, new())


async def test_the_cards_that_the_hospital_knows_are_kept(db: AsyncSession, clock: Hands) -> None:
    patient = await store.bind(db, await a_patient(db), "张秀英", an_id_number(), Relation.SELF, clock())

    await store.keep_his_ids(db, patient.id, ("p-1", "p-2"))

    assert (await db.scalars(select(PatientRow.his_ids).where(PatientRow.id == patient.id))).one() == ["p-1", "p-2"]
