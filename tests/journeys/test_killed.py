"""Parts are killed with -9 at the worst moment and started again: the visit goes on, and nothing was done twice.

In the middle of paying and refunding: `test_killed_with_money.py`.
"""

import asyncio
from uuid import UUID

import httpx
import pytest

from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read, refused, until

LOCK = "POST /fhir/R4/Appointment"


@pytest.mark.long
async def test_a_worker_killed_between_two_steps_finds_what_people_asked_meanwhile(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    await hospital.stack.kill("worker")

    asking = asyncio.create_task(visit.act("check-in"))  # taken while nobody is there to carry it out
    await hospital.stack.start_part("worker")

    assert (await asking)["state"] == "waiting"
    await visit.to("closed")
    await visit.took_place_once()


@pytest.mark.long
async def test_a_worker_killed_while_the_his_locks_leaves_one_lock(hospital: Hospital) -> None:
    """Asked once and answered 202: what was taken is carried out, whoever stays to look."""
    visit, mine = await hospital.visit("choosing"), key()
    async with hospital.fault("his", LOCK, "slow", seconds=1) as met:
        asking = asyncio.create_task(visit.attempt("choose-slot", {"slot_id": hospital.hall}, under=mine))
        await met()
        await hospital.stack.kill("worker")  # the HIS grants it, and nobody hears that
        await hospital.stack.start_part("worker")

        taken = await asking
    assert taken.status_code in {200, 202}
    assert taken.json()["done"] == (taken.status_code == 200)
    await visit.until("describing")
    assert (await visit.attempt("choose-slot", {"slot_id": hospital.hall}, under=mine)).json()["state"] == "describing"
    assert [one["status"] for one in await visit.appointments()] == ["pending"]
    await visit.to("closed")
    await visit.took_place_once()


@pytest.mark.long
async def test_an_api_killed_while_a_wish_is_under_way_answers_it_when_it_is_back(hospital: Hospital) -> None:
    visit, mine = await hospital.visit("choosing"), key()
    async with hospital.fault("his", LOCK, "slow", seconds=1) as met:
        asking = asyncio.create_task(visit.attempt("choose-slot", {"slot_id": hospital.hall}, under=mine))
        await met()
        await hospital.stack.kill("api")
        with pytest.raises(httpx.TransportError):
            await asking
        await hospital.stack.start_part("api")

    answer = await visit.attempt("choose-slot", {"slot_id": hospital.hall}, under=mine)
    assert read(answer)["state"] == "describing"
    refused(await visit.attempt("choose-slot", {"slot_id": "slot-1"}, under=mine), 422, "request.key_reused")
    assert [one["status"] for one in await visit.appointments()] == ["pending"]
    await visit.to("closed")
    await visit.took_place_once()


async def test_an_api_killed_when_money_comes_is_told_again_and_books(hospital: Hospital) -> None:
    visit = await hospital.visit("paying")
    order = await visit.order()
    await hospital.stack.kill("api")
    await hospital.pay(order)

    async def notify() -> tuple[int, str | None]:
        [told] = (await hospital.bank(order))["notifies"]
        return told["attempts"], told["delivered_at"]

    await until("a notify that nobody takes", notify, lambda told: told[0] > 0)
    await hospital.stack.start_part("api")
    await visit.until("booked")

    assert (await until("the notify to be taken", notify, lambda told: told[1] is not None))[0] > 1
    before = await visit.steps()
    await hospital.outside.post(f"/wechat/cashier/{UUID(order).hex}/notify")  # once more, when it is long booked
    await until("the notify once more", notify, lambda told: told[0] > 2)
    assert await visit.steps() == before
    await visit.to("closed")
    await visit.took_place_once()


@pytest.mark.parametrize("part", [pytest.param("temporal", marks=pytest.mark.long), "postgres"])
async def test_without_temporal_or_database_nothing_is_half_done_and_the_same_key_goes_on(hospital: Hospital, part: str) -> None:
    visit, mine = await hospital.visit("booked"), key()
    await hospital.stack.kill("temporal" if part == "temporal" else "postgres")

    answer = await visit.attempt("check-in", under=mine)
    reading = await visit.patient.get(visit.path)
    await hospital.stack.start_part("temporal" if part == "temporal" else "postgres")

    assert refused(answer, 503, "service.unavailable")["params"]["retry_after_s"] == int(answer.headers["Retry-After"])
    if part == "temporal":
        assert read(reading)["state"] == "booked"
    else:
        refused(reading, 503, "service.unavailable")

    async def again() -> int:
        return (await visit.attempt("check-in", under=mine)).status_code

    await until("the same wish to be granted", again, lambda status: status == 200)
    await visit.to("closed")
    await visit.took_place_once()
