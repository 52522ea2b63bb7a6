"""配送 to where the carrier does not go is said when it is chosen, before any money (P-8)."""

from uuid import UUID

import pytest

from models.kernel import ids
from models.prescription import Choose, PrescriptionState, Way
from models.stores import delivery as deliveries
from tests.delivery.builders import a_receiver
from tests.prescription.desk import Case, written
from tests.process.hospital import Hospital, wish
from tests.process.visit import refused

S = PrescriptionState


async def choosing(hospital: Hospital) -> Case:
    return await (await written(hospital)).to(S.CHOOSING)


async def address(case: Case, city: str = "北京市", account_id: UUID | None = None) -> UUID:
    """The patient's own unless said."""
    address_id = ids.new()
    async with case.hospital.database.transaction() as db:
        await deliveries.keep_address(db, address_id, account_id or case.visit.person.account_id, a_receiver(city=city))
    return address_id


async def parcel(case: Case, address_id: UUID) -> object:
    return await case.does(Choose, way=Way.PARCEL, address_id=address_id)


async def test_a_place_out_of_reach_is_refused_and_nothing_is_half_done(hospital: Hospital) -> None:
    case = await choosing(hospital)
    before = case.now

    assert await refused(parcel(case, await address(case, hospital.logistics.far))) == "delivery.unreachable"

    assert (case.now, case.now.charge_id, hospital.logistics.parcels) == (before, None, {})
    await parcel(case, await address(case))
    assert (case.state, case.now.way) == (S.PAYING, Way.PARCEL)


@pytest.mark.parametrize("unsure", [True, False], ids=["unsure", "silent"])
async def test_a_carrier_that_cannot_say_refuses_nobody(hospital: Hospital, *, unsure: bool) -> None:
    case = await choosing(hospital)
    if not unsure:
        hospital.logistics.silent("reaches")

    await parcel(case, await address(case, hospital.logistics.unclear if unsure else hospital.logistics.far))

    assert case.state is S.PAYING
    assert hospital.logistics.asked == ["reaches"]


async def test_what_was_chosen_is_not_turned_away_when_it_is_asked_again(hospital: Hospital) -> None:
    """The answer to the step was lost, and the carrier has changed its mind meanwhile."""
    case = await choosing(hospital)
    before, asked = case.now, wish(Choose, case.visit.person.account_id, way=Way.PARCEL, address_id=await address(case))
    after = await case.desk.happens(asked)
    hospital.logistics.far = "北京市"

    case.desk.now = before
    assert await case.desk.happens(asked) == after


async def test_the_carrier_is_asked_of_ones_own_address_alone(hospital: Hospital) -> None:
    case = await choosing(hospital)

    assert await refused(parcel(case, await address(case, account_id=ids.new()))) == "delivery.address_missing"
    await case.does(Choose, way=Way.PICKUP)

    assert hospital.logistics.asked == []
