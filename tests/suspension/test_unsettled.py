"""Money that comes for a clinic which the HIS has stopped, before the visit hears of the stop."""

from sqlalchemy import select

from models.revisit import Reason, State
from models.tables.message import MessageRow
from tests.charge.builders import paying
from tests.process.hospital import Hospital


async def test_what_the_his_refuses_since_the_clinic_is_stopped_is_a_stopped_clinic_to_the_patient(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.refuses("settle", "his.slot-stopped")

    await visit.pays()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason) == (State.SUSPENDED, Reason.SUSPENDED)
    async with hospital.database.reading() as db:
        told = list(await db.scalars(select(MessageRow.template).where(MessageRow.visit_id == visit.id)))
    assert told.count("revisit_suspended") == 1
    assert "revisit_cancelled" not in told


async def test_what_it_refuses_for_another_reason_is_not(hospital: Hospital) -> None:
    visit = await paying(hospital)
    hospital.his.refuses("settle", "his.amount-differs")

    await visit.pays()

    row = await hospital.row(visit.id)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.UNSETTLED)
