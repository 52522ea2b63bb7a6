"""药品留存药房: a parcel that came back, or never went, and is kept: its patient fetches it at the hospital, as any other drugs."""

from datetime import timedelta
from typing import Final

import pytest

from models.delivery import Decision, DeliveryState, Mark
from models.drug import Dispensing
from models.kernel import ids
from models.message import Template
from models.policy import STANDARD
from models.prescription import Choose, PrescriptionState, Way
from models.stores import delivery as deliveries
from tests.delivery.builders import FORWARD, a_receiver, at_its_desk, decides, seen
from tests.prescription.desk import Case, later, written
from tests.process.desk import DeliveryDesk
from tests.process.hospital import Hospital

S: Final = PrescriptionState
WAYS: Final = {"never sent": (), "returned": (*FORWARD, Mark.REFUSED, Mark.RETURNING, Mark.DELIVERED)}


async def sent(hospital: Hospital, dispensing: Dispensing) -> tuple[Case, DeliveryDesk]:
    """Paid, and prepared for the courier, or in their hand."""
    case = await (await written(hospital)).to(S.CHOOSING)
    address_id = ids.new()
    async with hospital.database.transaction() as db:
        await deliveries.keep_address(db, address_id, case.visit.person.account_id, a_receiver())
    await case.does(Choose, way=Way.PARCEL, address_id=address_id)
    await case.pays()
    await case.pharmacy(dispensing)
    assert (case.state, case.now.delivery_id) == (S.SHIPPING, deliveries.id_of(case.id))
    parcel = await at_its_desk(hospital, deliveries.id_of(case.id))
    await parcel.happens()
    return case, parcel


async def kept(hospital: Hospital, dispensing: Dispensing, marks: tuple[Mark, ...]) -> Case:
    case, parcel = await sent(hospital, dispensing)
    if marks:
        await seen(parcel, *marks)
    later(case, days=1)
    await decides(parcel, Decision.KEEP)
    assert parcel.state is DeliveryState.DECIDED
    await case.desk.news()
    return case


@pytest.mark.parametrize("dispensing", [Dispensing.PREPARED, Dispensing.HANDED_OUT], ids=["prepared", "with the courier"])
@pytest.mark.parametrize("marks", WAYS.values(), ids=WAYS)
async def test_it_waits_to_be_fetched_with_a_code_of_which_its_patient_is_told(
    hospital: Hospital, marks: tuple[Mark, ...], dispensing: Dispensing
) -> None:
    case = await kept(hospital, dispensing, marks)

    assert (case.state, case.now.way) == (S.READY, Way.PICKUP)
    assert case.now.due_at == hospital.clock() + timedelta(seconds=STANDARD.pickup_office_s)
    assert (await hospital.told(case.visit.id)).count(Template.DRUGS_READY) == 1
    assert await hospital.wanted_back(case.now.charge_id) == []


async def test_that_the_courier_had_it_is_not_that_it_was_fetched(hospital: Hospital) -> None:
    """Only what the HIS hands out from now on ends it; who does not come is reminded, and the pharmacy has a task."""
    case = await kept(hospital, Dispensing.HANDED_OUT, WAYS["returned"])
    ends = hospital.clock() + timedelta(seconds=STANDARD.pickup_office_s)

    while hospital.clock() < ends:
        await case.desk.alarm()
    assert (case.state, case.now.due_at) == (S.READY, None)
    assert {Template.DRUGS_WAITING, Template.DRUGS_UNCOLLECTED} <= set(await hospital.told(case.visit.id))

    await case.pharmacy(Dispensing.HANDED_OUT)
    assert (case.state, case.now.wake_at) == (S.COMPLETED, None)
