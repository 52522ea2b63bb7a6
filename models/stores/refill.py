"""What the HIS told of a person's past prescriptions: all of them, when they were looked at last; one, as its revisit remembers it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.prescription_his import PastPrescription
from models.refill import Copied, PastPrescriptions, compared
from models.stores import drug as catalogue
from models.stores.database import vault
from models.stores.prescription import content
from models.tables.prescription import PrescriptionRow
from models.tables.refill import PastRow
from models.tables.revisit import RevisitRow

_TOLD, _ONE = "refill_past.told", "revisit.past_prescribed"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was told, and when."""

    told: PastPrescriptions
    seen_at: datetime


async def keep(db: AsyncSession, patient_id: UUID, told: PastPrescriptions, at: datetime) -> None:
    """In place of what was told before; of two that looked at once the later one stands."""
    values = {"told": vault(db).seal(_TOLD, patient_id, told.model_dump_json()), "seen_at": at}
    kept = insert(PastRow).values(patient_id=patient_id, **values)
    await db.execute(kept.on_conflict_do_update(index_elements=[PastRow.patient_id], set_=values, where=PastRow.seen_at <= at))


async def kept(db: AsyncSession, patient_id: UUID) -> Kept | None:
    """None: never looked at."""
    row = await db.get(PastRow, patient_id)
    if row is None:
        return None
    return Kept(PastPrescriptions.model_validate_json(vault(db).open(_TOLD, patient_id, row.told)), row.seen_at)


async def remember(db: AsyncSession, revisit_id: UUID, past: PastPrescription) -> None:
    """The prescription that a revisit begins from, as it is now at the HIS."""
    sealed = vault(db).seal(_ONE, revisit_id, past.model_dump_json())
    await db.execute(update(RevisitRow).where(RevisitRow.id == revisit_id).values(past_prescribed=sealed))


async def remembered(db: AsyncSession, revisit_id: UUID) -> PastPrescription | None:
    """None: the revisit is no refill, or the HIS had no such prescription of this person."""
    sealed = await db.scalar(select(RevisitRow.past_prescribed).where(RevisitRow.id == revisit_id))
    return None if sealed is None else PastPrescription.model_validate_json(vault(db).open(_ONE, revisit_id, sealed))


async def copied(db: AsyncSession, prescription_id: UUID) -> Copied | None:
    """A prescription as it stands against the one that it was copied from; None: it was written anew."""
    found = select(PrescriptionRow.visit_id, PrescriptionRow.content_id).where(
        PrescriptionRow.id == prescription_id, PrescriptionRow.copied_from.is_not(None)
    )
    row = (await db.execute(found)).one_or_none()
    past = await remembered(db, row.visit_id) if row else None
    if row is None or past is None:
        return None
    items = (await content(db, row.content_id)).prescribed.items
    return compared(past, items, await catalogue.catalogue(db, [line.drug_code for line in past.lines]))
