"""Patients, who may act for them, and what they supply for the hospital's data."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.kernel.errors import DomainError
from models.kernel.text import check_id_number
from models.patient import PATIENTS_MAX, Patient, Relation
from models.stores import audit
from models.stores.database import vault
from models.tables.account import AccountRow
from models.tables.patient import BindingRow, PatientRow, SupplementRow

_NAME, _ID_NUMBER = "patient.name", "patient.id_number"
_PHONE, _ADDRESS = "patient_supplement.phone", "patient_supplement.address"


async def bind(db: AsyncSession, account_id: UUID, name: str, id_number: str, relation: Relation, now: datetime) -> Patient:
    """The account may act for this person from now on; asked again for the same person it answers what stands.

    A wrong name under a number binds a person whom the HIS does not know, and never stands in the way of the real one.
    Raises `patient.id_number` and `patient.too_many`.
    """
    birth_on = check_id_number(id_number)
    await db.execute(select(AccountRow.id).where(AccountRow.id == account_id).with_for_update(key_share=True))  # counted one at a time
    number_index, name_index, patient_id = vault(db).index(_ID_NUMBER, id_number), vault(db).index(_NAME, name), ids.new()
    made = await db.scalar(
        insert(PatientRow)
        .values(
            id=patient_id,
            name=vault(db).seal(_NAME, patient_id, name),
            id_number=vault(db).seal(_ID_NUMBER, patient_id, id_number),
            id_number_bidx=number_index,
            name_bidx=name_index,
            birth_on=birth_on,
            his_ids=[],
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["id_number_bidx", "name_bidx"])
        .returning(PatientRow.id)
    )
    if made is None:
        known = select(PatientRow.id).where(PatientRow.id_number_bidx == number_index, PatientRow.name_bidx == name_index)
        patient_id = (await db.scalars(known)).one()
    standing = (await db.execute(_bound_to(account_id).where(PatientRow.id == patient_id))).one_or_none()
    if standing is not None:
        return _patient(db, *standing)
    if (await db.scalars(select(func.count()).where(BindingRow.account_id == account_id))).one() >= PATIENTS_MAX:
        raise DomainError("patient.too_many", "conflict", at_most=PATIENTS_MAX)
    binding = BindingRow(id=ids.new(), account_id=account_id, patient_id=patient_id, relation=relation, created_at=now)
    db.add(binding)
    await db.flush()
    await audit.record(db, account_id, "patient:bind", "patient", patient_id, relation=relation)
    return Patient(id=patient_id, name=name, id_number=id_number, birth_on=birth_on, relation=relation)


async def of_account(db: AsyncSession, account_id: UUID) -> list[Patient]:
    """Whom the account may act for, in the order of binding; never more than `PATIENTS_MAX`."""
    rows = await db.execute(_bound_to(account_id).order_by(BindingRow.created_at, BindingRow.id))
    return [_patient(db, *row) for row in rows]


async def one(db: AsyncSession, account_id: UUID, patient_id: UUID) -> Patient:
    """Raises `patient.missing` for a patient of others, as for one that is not there."""
    row = (await db.execute(_bound_to(account_id).where(PatientRow.id == patient_id))).one_or_none()
    if row is None:
        raise DomainError("patient.missing", "missing")
    return _patient(db, *row)


async def bound(db: AsyncSession, account_id: UUID, patient_id: UUID) -> None:
    """The account may act for the patient, or `patient.missing` is raised."""
    binding = select(BindingRow.id).where(BindingRow.account_id == account_id, BindingRow.patient_id == patient_id)
    if await db.scalar(binding) is None:
        raise DomainError("patient.missing", "missing")


async def proved(db: AsyncSession, account_id: UUID, patient_id: UUID) -> bool:
    """Whether the account's relation to the patient was proved: a name and a number are known to many."""
    binding = select(BindingRow.verified_at).where(BindingRow.account_id == account_id, BindingRow.patient_id == patient_id)
    return await db.scalar(binding) is not None


async def name(db: AsyncSession, patient_id: UUID) -> str:
    """In full, for the HIS and for staff in charge."""
    sealed = (await db.scalars(select(PatientRow.name).where(PatientRow.id == patient_id))).one()
    return vault(db).open(_NAME, patient_id, sealed)


async def id_number(db: AsyncSession, patient_id: UUID) -> str:
    """In full, for the HIS."""
    sealed = (await db.scalars(select(PatientRow.id_number).where(PatientRow.id == patient_id))).one()
    return vault(db).open(_ID_NUMBER, patient_id, sealed)


async def keep_his_ids(db: AsyncSession, patient_id: UUID, his_ids: tuple[str, ...] | list[str]) -> None:
    """The patient's card records at the HIS, as it told them last."""
    await db.execute(update(PatientRow).where(PatientRow.id == patient_id).values(his_ids=list(his_ids)))


async def supply(db: AsyncSession, supplement_id: UUID, patient_id: UUID, *, phone: str | None, address: str | None, now: datetime) -> None:
    """Store what the regulator's standard asks for and the HIS has not; a step sends it there."""
    box = vault(db)
    db.add(
        SupplementRow(
            id=supplement_id,
            patient_id=patient_id,
            phone=box.seal(_PHONE, supplement_id, phone) if phone else None,
            address=box.seal(_ADDRESS, supplement_id, address) if address else None,
            created_at=now,
        )
    )
    await db.flush()


async def supplement(db: AsyncSession, supplement_id: UUID, patient_id: UUID) -> tuple[str | None, str | None]:
    """Phone and address as supplied for this patient; raises `patient.supplement_missing` for any other."""
    row = await db.scalar(select(SupplementRow).where(SupplementRow.id == supplement_id, SupplementRow.patient_id == patient_id))
    if row is None:
        raise DomainError("patient.supplement_missing", "missing")
    box = vault(db)
    return (
        box.open(_PHONE, row.id, row.phone) if row.phone else None,
        box.open(_ADDRESS, row.id, row.address) if row.address else None,
    )


def _bound_to(account_id: UUID) -> Select[PatientRow, str]:
    return (
        select(PatientRow, BindingRow.relation)
        .join(BindingRow, BindingRow.patient_id == PatientRow.id)
        .where(BindingRow.account_id == account_id)
    )


def _patient(db: AsyncSession, row: PatientRow, relation: str) -> Patient:
    box = vault(db)
    return Patient(
        id=row.id,
        name=box.open(_NAME, row.id, row.name),
        id_number=box.open(_ID_NUMBER, row.id, row.id_number),
        birth_on=row.birth_on,
        relation=Relation(relation),
    )
