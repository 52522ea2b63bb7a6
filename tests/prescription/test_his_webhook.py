"""What the HIS tells over HTTP: kept before it is answered, once, for the prescription that it is about; the rest is noted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import select

from models.kernel import ids
from models.stores import prescription as prescriptions
from models.stores.database import Database
from models.tables.process import InboxRow
from tests.client import speaking, wiring
from tests.gateways.his.test_inbound import KEY, NUMBER, a_bill, a_dispense, a_message, a_schedule, signed
from tests.prescription.desk import content
from tests.settings import settings

PATH = "/webhooks/his"


@pytest_asyncio.fixture
async def webhook(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An API that knows the HIS's key."""
    nowhere = settings()
    trusting = nowhere.model_copy(update={"his": nowhere.his.model_copy(update={"webhook_key": SecretStr(KEY)})})
    async with speaking(replace(await wiring(database), settings=trusting)) as client:
        yield client


async def kept(database: Database) -> list[InboxRow]:
    async with database.reading() as db:
        return list(await db.scalars(select(InboxRow)))


async def tell(webhook: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await webhook.post(PATH, content=body, headers=signed(body))


@pytest.mark.parametrize(("event", "focus"), [("dispensed", a_dispense()), ("paid-at-window", a_bill())])
async def test_it_is_kept_once_for_its_prescription(
    webhook: httpx.AsyncClient, database: Database, event: str, focus: dict[str, Any]
) -> None:
    body, prescription_id = a_message(event, focus), ids.new()
    async with database.transaction() as db:  # the number at the HIS is that of what was written
        await prescriptions.keep_content(db, NUMBER, prescription_id, ids.new(), content())

    assert [(await tell(webhook, body)).status_code for _ in range(3)] == [204] * 3

    [row] = await kept(database)
    assert (row.process, row.process_id, row.kind, row.party) == ("prescription", prescription_id, "drugs_reported", "his")
    assert (row.external_id, row.handled_at) == ("m-1", None)


@pytest.mark.parametrize(
    ("event", "focus", "about"),
    [
        ("refunded-at-window", a_bill("urn:other"), "inv-1"),
        ("dispensed", a_dispense(None), ""),
        ("report-ready", {"resourceType": "DiagnosticReport", "id": "rep-1"}, "rep-1"),
    ],
)
async def test_what_nobody_waits_for_yet_is_noted(
    webhook: httpx.AsyncClient, database: Database, event: str, focus: dict[str, Any], about: str
) -> None:
    assert [(await tell(webhook, a_message(event, focus))).status_code for _ in range(2)] == [204] * 2

    [row] = await kept(database)
    assert (row.process, row.process_id, row.outcome, row.handled_at is None) == ("his", None, "noted", False)
    assert (row.event["event"], row.event["about"]) == (event, about)


async def test_what_is_forged_is_a_problem_and_nothing_is_kept(webhook: httpx.AsyncClient, database: Database) -> None:
    body = a_message("stop", a_schedule())

    refused = await webhook.post(PATH, content=body, headers=signed(body, "69" * 32))

    assert (refused.status_code, refused.json()["code"]) == (401, "his.signature")
    assert await kept(database) == []


async def test_an_event_that_nobody_knows_is_a_clear_problem(webhook: httpx.AsyncClient, database: Database) -> None:
    refused = await tell(webhook, a_message("closed", a_schedule()))

    assert (refused.status_code, refused.json()["code"]) == (422, "his.unknown_event")
    assert await kept(database) == []


async def test_what_is_unreadable_is_malformed(webhook: httpx.AsyncClient, database: Database) -> None:
    refused = await tell(webhook, b"{}")

    assert (refused.status_code, refused.json()["code"]) == (400, "his.malformed")
    assert await kept(database) == []
