"""Books that are right: nothing is found, whichever way the visits went."""

import pytest

from tests.auditor import assert_nothing_differs
from tests.auditor.hospital import Hospital

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
