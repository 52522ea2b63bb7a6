"""The locks that the HIS holds under our numbers, all of them and no others; and how one comes to be held that nobody wants."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from structlog.typing import EventDict

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.port import Held
from models.kernel import ids
from models.kernel.clock import business_day, now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.conftest import Misbehaving, answering, request_head
from tests.gateways.his.hospital import Hospital, payment
from tests.sandbox.conftest import running

Fault = Callable[..., None]
LOCK = "POST /fhir/R4/Appointment"
OURS = "https://fuzhen.example/ids/claim"
TOKEN = answering(200, {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600})


def appointment(number: str, *, id: str = "apt-1", status: str = "pending", system: str = OURS) -> dict[str, object]:
    return {"resourceType": "Appointment", "id": id, "status": status, "identifier": [{"system": system, "value": number}]}


def page(*appointments: dict[str, object], onward: str | None = None) -> bytes:
    link = [{"relation": "next", "url": onward}] if onward else []
    return answering(
        200, {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": [{"resource": one} for one in appointments]}
    )


async def listed(misbehaving: Misbehaving, pages: Callable[[str], list[bytes]]) -> tuple[tuple[Held, ...], list[str]]:
    """What is made of the pages that a server at this address gives, and what it was asked."""
    script, asked = list[bytes](), list[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        if head.startswith("post /token"):
            writer.write(TOKEN)
        else:
            asked.append(head.partition(" http/")[0])
            writer.write(script.pop(0))
        await writer.drain()

    async with misbehaving(serve) as address:
        script += pages(address)
        his = FhirHIS(HisAccount(base_url=address, client_id="fuzhen", client_secret="s3cret"), limit_s=20)
        try:
            return await his.locks(), asked
        finally:
            await his.aclose()


async def test_the_locks_that_we_hold_are_listed_under_our_numbers(hospital: Hospital, his: FhirHIS) -> None:
    claims = [ids.new() for _ in range(3)]
    held = [Held(claim, (await hospital.locked(claim_id=claim)).appointment_id) for claim in claims]

    assert set(held) <= set(await his.locks())


async def test_what_was_released_or_paid_is_not_listed(hospital: Hospital, his: FhirHIS) -> None:
    released, booked, held = [await hospital.locked() for _ in range(3)]
    await his.release(released.appointment_id)
    await his.settle(booked.invoice_id, payment())

    listed = {one.appointment_id for one in await his.locks()}

    assert held.appointment_id in listed
    assert not {released.appointment_id, booked.appointment_id} & listed


async def test_all_pages_are_read(misbehaving: Misbehaving) -> None:
    first, second = ids.new(), ids.new()

    found, asked = await listed(
        misbehaving,
        lambda address: [
            page(appointment(first.hex), onward=f"{address}/fhir/R4/Appointment?_cursor=2"),
            page(appointment(second.hex, id="apt-2")),
        ],
    )

    assert found == (Held(first, "apt-1"), Held(second, "apt-2"))
    assert asked[0].startswith("get /fhir/r4/appointment?status=pending&identifier=https%3a%2f%2ffuzhen.example%2fids%2fclaim%7c&")
    assert asked[1] == "get /fhir/r4/appointment?_cursor=2"


@pytest.mark.long
async def test_of_more_locks_than_a_page_holds_none_is_missing(tmp_path: Path) -> None:
    """On a sandbox of its own: people in every 就诊单元 of the coming week."""
    with running(tmp_path) as address, httpx.Client(base_url=address, trust_env=False) as outside:
        credentials = await asyncio.to_thread(outside.get, "/credentials")
        his = FhirHIS(HisAccount(**credentials.raise_for_status().json()["his"]), limit_s=60)
        hospital, gate = Hospital(outside, his), asyncio.Semaphore(20)
        days = tuple(business_day(now()) + timedelta(days=ahead) for ahead in range(1, 8))
        slots = sorted(await his.slots(tuple(unit.id for unit in await his.schedules(days))), key=lambda one: one.schedule_id)
        units = [[one.id for one in of_unit] for _, of_unit in itertools.groupby(slots, lambda one: one.schedule_id)]

        async def lock(slot_id: str, patient: str) -> Held:
            async with gate:
                return Held(claim := ids.new(), (await his.lock(claim, slot_id, patient)).appointment_id)

        people = [hospital.patient()["id"] for _ in range(6)]
        wishes = [lock(unit[number % len(unit)], person) for unit in units for number, person in enumerate(people)]
        answers = await asyncio.gather(*wishes, return_exceptions=True)
        locked = {one for one in answers if isinstance(one, Held)}
        listed = await his.locks()
        await his.aclose()

    assert len(locked) > 500
    assert set(listed) == locked
    assert len(listed) == len(locked)


async def test_a_server_that_ignores_what_it_is_asked_gives_us_nobody_elses_places(
    misbehaving: Misbehaving, lines: list[EventDict]
) -> None:
    """FHIR allows a server to overlook a parameter: then all appointments of the hospital come back."""
    mine = ids.new()
    others: list[dict[str, object]] = [
        appointment(ids.new().hex, id="apt-2", status="booked"),
        appointment(ids.new().hex, id="apt-3", system="urn:oid:2.999.7"),
        appointment("window-17", id="apt-4"),
        {"resourceType": "Appointment", "id": "apt-5", "status": "pending"},
    ]

    found, _ = await listed(misbehaving, lambda _: [page(appointment(mine.hex), *others)])

    assert found == (Held(mine, "apt-1"),)
    assert [(line["event"], line["outcome"], line["locks"], line["not_ours"]) for line in lines] == [("his.locks", "done", 1, 4)]


async def test_a_list_that_nobody_answered_is_unknown(his: FhirHIS, fault: Fault) -> None:
    fault("his", "GET /fhir/R4/Appointment", "lost", 0.05)
    with pytest.raises(Unknown):
        await his.locks()


async def test_a_lock_that_lands_after_we_gave_it_up_is_listed_blocks_the_patient_and_can_be_released(
    hospital: Hospital, his: FhirHIS, fault: Fault
) -> None:
    """What we send is held up on the way; asked again, the HIS refuses; then the first one arrives all the same."""
    claim, slot, patient = ids.new(), hospital.slot(), hospital.patient()["id"]
    fault("his", LOCK, "late", 0.5)
    hospital.outside.post("/faults", json={"system": "his", "call": LOCK, "kind": "refused", "code": "slot-full"}).raise_for_status()
    with pytest.raises(Unknown):
        await his.lock(claim, slot, patient)
    with pytest.raises(DomainError, match=r"^his\.slot-full$"):
        await his.lock(claim, slot, patient)
    assert await his.find_lock(claim) is None, "nothing is there, so our claim is withdrawn"

    stray = await _arrived(his, claim)

    with pytest.raises(DomainError, match=r"^his\.duplicate-booking$"):
        await his.lock(ids.new(), slot, patient)
    await his.release(stray.appointment_id)
    assert claim not in {one.claim_id for one in await his.locks()}
    assert (await his.lock(ids.new(), slot, patient)).live


async def _arrived(his: FhirHIS, claim: UUID) -> Held:
    """The lock of this number, as soon as it is there."""
    async with asyncio.timeout(30):
        while True:
            if held := next((one for one in await his.locks() if one.claim_id == claim), None):
                return held
            await asyncio.sleep(0.05)
