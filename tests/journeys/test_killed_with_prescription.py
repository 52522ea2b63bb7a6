"""Each part killed with -9 in the middle of what a prescription asks outside: nothing is signed, written, paid or sent twice."""

from typing import Final

import pytest

from stack.supervisor import PartName
from tests.journeys.hospital import Hospital
from tests.journeys.prescription import CARRIED, Prescription, queued, written
from tests.journeys.test_killed_with_money import killed, parts

CHECK, ASK, PROVE = ("review", "POST /v1/checks"), ("signature", "POST /v1/tasks"), ("signature", "GET /v1/tasks/{number}")
WRITE, DISPENSED = ("his", "POST /fhir/R4/MedicationRequest"), ("his", "GET /fhir/R4/MedicationDispense")
ORDER, ROUTES = ("logistics", "POST /EXP_RECE_CREATE_ORDER"), ("logistics", "POST /EXP_RECE_SEARCH_ROUTES")
pytestmark = pytest.mark.spare
AGAIN_S: Final = 60.0
"""What was under way is taken up again when the hand that held it cannot be at work any more."""


@parts()
async def test_killed_in_the_middle_of_reviewing_signing_and_dispensing(hospital: Hospital, part: PartName) -> None:
    """Of one prescription, five times."""
    mine = await written(await hospital.visit("entered"))

    async with killed(hospital, part, CHECK):
        await mine.submit()
    async with killed(hospital, part, PROVE):
        await mine.by_doctor()
    await mine.until("queued", within_s=AGAIN_S)
    await hospital.pharmacist.act(f"{mine.path}/claim")
    async with killed(hospital, part, ASK):
        await hospital.pharmacist.act(f"{mine.path}/approve")
    async with killed(hospital, part, WRITE):
        await mine.by_pharmacist()
    await mine.until("choosing", within_s=AGAIN_S)
    await mine.paid()
    async with killed(hospital, part, DISPENSED):
        await mine.pharmacy("prepare")
    await mine.until("ready", within_s=AGAIN_S)
    await mine.pharmacy("hand-out")
    await mine.until("completed", within_s=AGAIN_S)

    assert len(await mine.filed()) == 1
    await _is_well(mine)


@parts("postgres")
async def test_killed_while_the_carrier_takes_an_order(hospital: Hospital, part: PartName) -> None:
    """It takes it, and nobody hears that: the order exists there once."""
    mine = await queued(await hospital.visit("entered"))
    await mine.approved()
    await mine.paid("parcel")

    async with killed(hospital, part, ORDER):
        await mine.pharmacy("prepare")
    await mine.pharmacy("hand-out")
    await mine.ordered(within_s=AGAIN_S)
    await mine.carried(*CARRIED)
    await mine.until("completed", within_s=AGAIN_S)

    assert len(await mine.orders()) == 1
    await _is_well(mine)


@parts()
async def test_killed_while_the_carrier_says_where_a_parcel_is(hospital: Hospital, part: PartName) -> None:
    mine = await (await queued(await hospital.visit("entered"))).handed_over()
    await mine.ordered()

    async with killed(hospital, part, ROUTES):
        await mine.carried(*CARRIED)

    await mine.until("completed", within_s=AGAIN_S)
    await _is_well(mine)


async def _is_well(mine: Prescription) -> None:
    """The visit closes too, and all books agree."""
    await mine.visit.to("closed")
    await mine.hospital.audited(mine.visit)
