"""Temporal's file deleted under visits in every state, API and worker dead: the rows are enough, and each goes on to where it should."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.journeys.aftermath import all_is_well
from tests.journeys.backstage import backstage
from tests.journeys.hospital import Hospital
from tests.journeys.rows import STANDS, put
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long
WITHIN_S = 60.0

ENDS = {
    "completing": ("cancelled", "timed_out"),
    "unpaid": ("cancelled", "unpaid"),
    "closing": ("cancelled", "patient"),
    "closing and paid": ("cancelled", "patient"),
    "absent": ("absent", "absent"),
    "not accepted": ("declined", "not_accepted"),
    "ended": ("closed", None),
}
"""Where the hospital alone brings it, and why it was left."""
GIVEN_BACK = {
    "requested": ("patient", "cancelled"),
    "cleared": ("patient", "cancelled"),
    "accepted": ("patient", "cancelled"),
    "closing and paid": ("patient", "cancelled"),
    "absent": ("absent", "noshow"),
    "not accepted": ("not_accepted", "cancelled"),
}
"""For what cause, and what becomes of the place at the HIS."""
BOOKED = ("not heard of", "not settled", "not booked")
WAIT = {
    "consenting": "consenting",
    "choosing": "choosing",
    "describing": "describing",
    "paying": "paying",
    "booked": "booked",
    "waiting": "waiting",
    "called": "consulting",
    "entered": "consulting",
}
"""For a person, who then finds them as they left them."""


@pytest_asyncio.fixture(scope="module")
async def visits(hospital: Hospital) -> AsyncIterator[dict[str, Visit]]:
    """Standing in every state that is no end, when the machines died and the engine's file was gone."""
    patients = dict(zip(STANDS, await asyncio.gather(*(hospital.patient() for _ in STANDS)), strict=True))
    await all_is_well(hospital)  # what the histories tell of the journeys so far goes with them
    for part in ("api", "worker", "temporal"):
        await hospital.stack.kill(part)
    shutil.rmtree(hospital.data / "temporal")
    async with backstage(hospital) as behind:
        stand = await put(behind, patients)
    for part in ("temporal", "worker", "api"):
        await hospital.stack.start_part(part)
    yield stand


async def test_every_open_row_is_begun_by_the_sweep(hospital: Hospital, visits: dict[str, Visit]) -> None:
    assert len(visits) >= 20

    await asyncio.gather(*(visit.until(state, within_s=WITHIN_S) for name, state in WAIT.items() for visit in [visits[name]]))
    await asyncio.gather(*(visits[name].until("booked", within_s=WITHIN_S) for name in BOOKED))
    await visits["checking"].until("consenting", within_s=WITHIN_S)

    begun = {line["id"] for line in hospital.lines("worker", "run.begun_again")}
    assert {visits[name].id for name in WAIT} <= begun
    assert {(await visits[name].charge_id()) for name in ("paying", "unpaid", "not heard of", "not settled", "closing")} <= begun
    assert {(await visits[name].refunds())[0]["id"] for name in ("requested", "cleared", "accepted", "stuck")} <= begun


async def test_what_the_hospital_has_to_do_is_done(visits: dict[str, Visit]) -> None:
    for name, (state, reason) in ENDS.items():
        assert (await visits[name].until(state, within_s=WITHIN_S))["reason"] == reason, name
    for name, (cause, place) in GIVEN_BACK.items():
        await visits[name].given_back(cause, place=place, within_s=WITHIN_S)
    for name in ("unpaid", "closing"):
        [order] = (await visits[name].charge())["orders"]
        assert [one["state"] for one in (await visits[name].hospital.bank(order["order_id"]))["orders"]] == ["CLOSED"], name


async def test_who_has_something_to_do_goes_on(hospital: Hospital, visits: dict[str, Visit]) -> None:
    await asyncio.gather(*(visits[name].act("cancel") for name in ("checking", "choosing")))
    await asyncio.gather(*(visits[name].to("closed") for name in (*WAIT, *BOOKED) if name != "choosing"))
    task = (await visits["stuck"].refund("stuck"))["id"]
    await hospital.finance.decide(task, "retry")
    assert (await visits["stuck"].refund())["id"] == task


async def test_nothing_differs_and_nothing_is_unfinished(hospital: Hospital, visits: dict[str, Visit]) -> None:
    await hospital.audited(*visits.values())
