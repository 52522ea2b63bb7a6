"""Books that are right: nothing is found, whichever way the visits went."""

import pytest

from models.kernel.ids import new
from tests.auditor import assert_nothing_differs
from tests.auditor.hospital import Hospital
from tests.auditor.pharmacy import STAGES, Pharmacy
from tests.auditor.story import stepped

WAYS_BACK = (
    ("requested",),
    ("requested", "cleared"),
    ("requested", "cleared", "accepted"),
    ("requested", "cleared", "accepted", "arrived"),
    ("requested", "cleared", "accepted", "stuck"),
    ("requested", "cleared", "accepted", "stuck", "paid_out"),
    ("requested", "stuck", "withdrawn"),
)


async def test_nobody_was_there(hospital: Hospital) -> None:
    assert await hospital.audit() == []


async def test_visits_that_ended_in_every_way(hospital: Hospital) -> None:
    went_well = await hospital.visit("closed")
    await stepped(hospital, went_well.id, "queue.remind", "closed", "closed")
    for template in ("revisit_booked", "revisit_reminder", "revisit_called", "revisit_ended"):
        await hospital.message(went_well, template)
    await hospital.visit("unpaid")
    for stage in ("cancelled", "declined", "absent"):
        await hospital.given_back(await hospital.visit(stage), "requested", "cleared", "accepted", "arrived")
    await hospital.given_back(await hospital.visit("unsettled"), "cleared", "accepted", "arrived", cause="unsettled")
    for stage, cause in (("unpaid", "late"), ("closed", "second")):
        visit = await hospital.visit(stage)
        payment_id = await hospital.unwanted(visit, cause)
        await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause=cause)
    payment_id = await hospital.unwanted(None, "unknown_order")
    await hospital.given_back(None, "cleared", "accepted", "arrived", payment_id=payment_id, cause="unknown_order")

    await assert_nothing_differs(hospital.database_url, hospital.sandbox_url)


@pytest.mark.parametrize("states", WAYS_BACK, ids="-".join)
async def test_a_refund_at_every_point_of_its_way(hospital: Hospital, states: tuple[str, ...]) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), *states)

    assert await hospital.audit(standing={f"refund.{states[-1]}"}) == []


@pytest.mark.parametrize("stage", ["paying", "booked", "waiting", "consulting"])
async def test_a_visit_that_stands_where_it_may(hospital: Hospital, stage: str) -> None:
    await hospital.visit(stage)

    assert await hospital.audit(standing={f"revisit.{stage}", "charge.open"}) == []


async def test_all_of_the_fee_of_a_visit_that_took_place_was_given_back_by_management(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.given_back(visit, "requested", "stuck", "requested", "cleared", "accepted", "arrived", cause="management")

    assert await hospital.audit() == []


async def test_part_of_the_fee_was_given_back_by_management(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    await hospital.given_back(visit, "requested", "cleared", "accepted", "arrived", cause="management", fen=1200)
    await hospital.given_back(visit, "requested", "cleared", "accepted", "arrived", cause="management", fen=800)

    assert await hospital.audit(standing={"revisit.booked"}) == []


async def test_prescriptions_that_stand_where_they_may(pharmacy: Pharmacy) -> None:
    """Each of a visit of its own; what was given back comes below."""
    stages = [stage for stage in STAGES if stage not in {"given back", "returned"}]
    for stage in stages:
        await pharmacy.prescription(stage)

    assert (
        await pharmacy.hospital.audit(standing={f"prescription.{STAGES[one].moves[-1]}" for one in stages} | {"delivery.picked_up"}) == []
    )


@pytest.mark.parametrize(("stage", "cause"), [("given back", "patient"), ("returned", "returned")])
async def test_drugs_whose_money_went_back(pharmacy: Pharmacy, stage: str, cause: str) -> None:
    """The drugs came back first, or had never left."""
    await pharmacy.hospital.given_back(
        (await pharmacy.prescription(stage)).money, "requested", "cleared", "accepted", "arrived", cause=cause
    )

    assert await pharmacy.hospital.audit() == []


async def test_two_prescriptions_of_one_visit_tell_one_phone_twice(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    for _ in range(2):
        prescription = await pharmacy.prescription("choosing", visit)
        await pharmacy.hospital.do("alter table timeline disable trigger never_changed")
        await pharmacy.hospital.do("update timeline set name = 'drug.price' where process_id = $1 and after = 'choosing'", prescription.id)
        await pharmacy.hospital.message(visit, "prescription_approved")

    assert await pharmacy.hospital.audit(standing={"prescription.choosing"}) == []


async def test_a_parcel_that_went_a_second_time(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("delivered")
    await pharmacy.hospital.do("update delivery set attempt = 1")
    first = ("decided", ("picked_up", "refused", "returned"), "resend")
    await pharmacy.parcel(prescription.money, prescription.id, first_id := new(), *first)
    await pharmacy.hospital.do("update prescription set delivery_id = $1", first_id)

    assert await pharmacy.hospital.audit() == []
