"""Prescriptions as rows, as if their process had led there."""

from typing import Any
from uuid import UUID

from sqlalchemy import update

from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.prescription import PrescriptionState
from models.stores import prescription as prescriptions
from models.stores.database import Database
from models.tables.prescription import PrescriptionRow
from tests.client import Hands
from tests.prescription.desk import content
from tests.record.builders import Visit


async def a_prescription(
    database: Database, clock: Hands, visit: Visit, state: PrescriptionState = PrescriptionState.DRAFTING, **columns: Any
) -> UUID:
    """Of a visit that is in 问诊中, by its doctor."""
    prescription_id, doctor, due_at = ids.new(), visit.unit.doctor_account_id, end_of(business_day(clock()))
    async with database.transaction() as db:
        await prescriptions.begin(db, prescription_id, visit.id, doctor, content(), policy="test-1", at=clock(), due_at=due_at)
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == prescription_id).values(state=state, **columns))
    return prescription_id
