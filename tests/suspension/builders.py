"""What the scheduling office of the HIS does to a 就诊单元, and a suspension at its desk."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from activities.suspension import SuspensionActivities
from models.message import Template
from models.refund import Cause
from models.revisit import Reason, State
from models.schedule import HisSchedule, HisSlot, Period, SlotState
from models.stores import directory, suspension_timeline
from models.stores import suspension as suspensions
from models.suspension import Suspension, SuspensionState, is_newer
from models.tables.directory import ScheduleRow, SlotRow
from tests.builders import FEE_FEN, Unit
from tests.process.desk import StandIn
from tests.process.hospital import Hospital
from tests.process.visit import Visit, opened
from workflows.suspension import SuspensionWorkflow

POLICY = "test-1"
STOPPABLE = [State.DESCRIBING, State.PAYING, State.BOOKED, State.WAITING]


class SuspensionDesk(StandIn[Suspension], SuspensionWorkflow):
    """A suspension at its desk."""

    @property
    def state(self) -> SuspensionState:
        return self.now.state


async def the_his_has(
    hospital: Hospital,
    unit: Unit,
    version: str,
    *,
    stopped: Sequence[str] = (),
    doctor_id: str | None = None,
    later: timedelta = timedelta(),
) -> None:
    """From now on the HIS has the 就诊单元 so: some slots stopped, another doctor, another time."""
    async with hospital.database.reading() as db:
        row = await db.get_one(ScheduleRow, unit.id)
        slots = list(await db.scalars(select(SlotRow).where(SlotRow.schedule_id == unit.id).order_by(SlotRow.starts_at)))
    clinic = HisSchedule(
        id=row.id,
        doctor_id=doctor_id or row.doctor_id,
        department_id=row.department_id,
        on=row.on,
        period=Period(row.period),
        starts_at=row.starts_at + later,
        ends_at=row.ends_at + later,
        version=version,
    )
    hospital.his.clinics[unit.id] = clinic, tuple(_slot(one, version, stopped=one.id in stopped, later=later) for one in slots)


def _slot(row: SlotRow, version: str, *, stopped: bool, later: timedelta) -> HisSlot:
    return HisSlot(
        id=row.id,
        schedule_id=row.schedule_id,
        starts_at=row.starts_at + later,
        ends_at=row.ends_at + later,
        capacity=row.capacity,
        remaining=row.his_remaining,
        fee_fen=row.fee_fen,
        state=SlotState.STOPPED if stopped else SlotState.OPEN,
        version=version,
    )


async def begun(hospital: Hospital, unit: Unit, version: str) -> UUID | None:
    """As webhook and pull begin one: of a version that is newer than our copy's."""
    async with hospital.database.transaction() as db:
        ours = await directory.version(db, unit.id)
        if ours is not None and not is_newer(version, than=ours):
            return None
        return await suspensions.begin(db, unit.id, version, hospital.clock(), policy=POLICY)


async def suspended(hospital: Hospital, unit: Unit, version: str = "2") -> SuspensionDesk:
    """One just begun, at its desk."""
    id = await begun(hospital, unit, version)
    assert id is not None, "that version is known"
    return await at_its_desk(hospital, id)


async def at_its_desk(hospital: Hospital, id: UUID) -> SuspensionDesk:
    desk = SuspensionDesk(hospital, id, SuspensionActivities.load)
    await desk.begin()
    return desk


async def runs_through(desk: SuspensionDesk, *visits: Visit) -> None:
    """It looks, tells, and looks again; its visits act on what they are told, and their charges on what they ask."""
    await desk.happens()
    while desk.state is SuspensionState.CLEARING:
        await desk.alarm()
        for visit in visits:
            await acts(visit)


async def acts(visit: Visit) -> None:
    """Whatever waits in the inboxes of a visit and its charge is acted on, until nothing does."""
    hospital = visit.hospital
    while True:
        mine = visit.desk.PATHWAY.get(visit.state) and await hospital.waiting(visit.id)
        charge = visit.charge if visit.has_charge else None
        its = charge and charge.PATHWAY.get(charge.state) and await hospital.waiting(charge.id)
        if mine:
            await visit.desk.happens(mine[0])
        elif charge and its:
            await charge.happens(its[0])
        else:
            return


async def progress(hospital: Hospital, id: UUID) -> suspension_timeline.Progress:
    async with hospital.database.reading() as db:
        return (await suspension_timeline.told(db, id)).progress


async def at(hospital: Hospital, unit: Unit, state: State) -> Visit:
    """Somebody's visit in that clinic, in that state."""
    return await (await opened(hospital, unit=unit)).to(state)


async def suspended_once(visit: Visit, *, refunded: bool) -> None:
    hospital, row = visit.hospital, await visit.hospital.row(visit.id)
    assert (row.state, row.reason) == (State.SUSPENDED, Reason.SUSPENDED)
    assert (await hospital.told(visit.id)).count(Template.REVISIT_SUSPENDED) == 1
    assert await hospital.wanted_back(row.charge_id) == ([(Cause.SUSPENDED, FEE_FEN)] if refunded else [])
