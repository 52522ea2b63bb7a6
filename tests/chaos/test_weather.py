"""A fault is counted as met when a call has met it, and not before; one that waits for nothing makes room."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from tests.chaos.weather import Fault, Faults, told_of
from tests.sandbox.conftest import running

LOST = Fault("sms", "POST /SendSms", "lost", 0, None)
REFUSED = Fault("his", "GET /fhir/R4/Invoice/{id}", "refused", 0, "not-found")
ANOTHER = Fault("sms", "POST /SendSms", "tampered", 0, None)


@pytest_asyncio.fixture(loop_scope="session")
async def outside(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with running(tmp_path) as address:
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as client:
            yield client


async def test_what_was_met_is_told_from_what_was_only_set(outside: httpx.AsyncClient) -> None:
    faults = Faults(outside)
    for one in (LOST, ANOTHER, REFUSED):
        await faults.add(one)
    assert (faults.asked, faults.met, faults.refusals) == ({"sms lost": 1, "his refused": 1}, {}, set())

    await outside.get("/his/fhir/R4/Invoice/1")
    await faults.look()

    assert (faults.met, faults.refusals) == ({"his refused": 1}, {"his.not-found"})
    assert [one["kind"] for one in (await outside.get("/faults")).json()] == ["lost"]


async def test_one_that_waits_for_nothing_is_taken_back_for_another(outside: httpx.AsyncClient) -> None:
    faults = Faults(outside)
    await faults.add(LOST)

    await faults.look(patience_s=0)
    await faults.add(ANOTHER)

    assert [one["kind"] for one in (await outside.get("/faults")).json()] == ["tampered"]
    assert (faults.asked, faults.met) == ({"sms lost": 1, "sms tampered": 1}, {})


def test_a_refusal_that_another_step_may_meet_is_known_by_the_partys_own_word() -> None:
    """Set for who cancels a prescription, and met by who writes one."""
    call = "PUT /fhir/R4/MedicationRequest/{id}"

    assert told_of(Fault("his", call, "refused", 0, "settled")) == {"prescription.paid", "his.settled"}
    assert told_of(LOST) == set()
