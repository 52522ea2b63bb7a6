"""What the CA tells over HTTP: kept once for the prescription whose task it is, believed in nothing, refused when it is not the CA's."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from structlog.testing import capture_logs

from models.kernel import ids
from models.stores import prescription as prescriptions
from models.stores import signature as signatures
from models.stores.database import Database
from models.stores.signature import Signer, ToSign
from models.tables.prescription import PrescriptionRow
from models.tables.process import InboxRow
from tests.client import Hands
from tests.gateways.signature.test_inbound import TOLD
from tests.gateways.signature.test_inbound import signed as signed_by
from tests.prescription.builders import a_prescription
from tests.record.builders import a_visit_of_people
from tests.settings import settings

PATH = "/webhooks/signature"
ACCOUNT = settings().signature
SECRET = ACCOUNT.app_secret.get_secret_value()
Kept = tuple[str, UUID | None, str, str | None, str | None]


@pytest_asyncio.fixture
async def prescription_id(database: Database, clock: Hands) -> UUID:
    return await a_prescription(database, clock, await a_visit_of_people(database, clock))


@pytest_asyncio.fixture
async def task(database: Database, prescription_id: UUID) -> UUID:
    """The doctor was asked to sign it."""
    number = ids.new()
    async with database.transaction() as db:
        now = await prescriptions.load(db, prescription_id)
        account_id = (await prescriptions.facts(db, prescription_id)).account_id
        signer = Signer(account_id, await signatures.staff_id(db, account_id))
        of = {"prescription_id": now.id, "content_id": now.content_id}
        await signatures.asked(db, number, ToSign(signer=signer, side="doctor", title="处方签名", text="{}", **of))
    return number


def a_notify(number: UUID | str, **changes: Any) -> bytes:
    told = number if isinstance(number, str) else number.hex
    return json.dumps(TOLD | {"number": told} | changes).encode()


def signed(body: bytes, clock: Hands, *, seconds_off: int = 0) -> dict[str, str]:
    """As the CA does it."""
    return signed_by(body, clock() + timedelta(seconds=seconds_off), secret=SECRET, app_id=ACCOUNT.app_id)


async def tells(api: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
    answer = await api.post(PATH, content=body, headers=headers)
    return answer.status_code, answer.json()["code"] if answer.content else None


async def kept(database: Database) -> list[Kept]:
    async with database.reading() as db:
        return [(row.process, row.process_id, row.kind, row.party, row.external_id) for row in await db.scalars(select(InboxRow))]


async def test_it_is_kept_once_for_its_prescription_and_moves_nothing(
    api: httpx.AsyncClient, database: Database, clock: Hands, prescription_id: UUID, task: UUID
) -> None:
    body = a_notify(task)

    assert [await tells(api, body, signed(body, clock)) for _ in range(3)] == [(204, None)] * 3
    clock.forward(seconds=60)
    assert await tells(api, body, signed(body, clock)) == (204, None), "the CA repeats it, signed anew"

    assert await kept(database) == [("prescription", prescription_id, "signature_reported", "signature", "N1")]
    async with database.reading() as db:
        row = await db.get_one(PrescriptionRow, prescription_id)
    assert (row.state, row.version, row.queued_at) == ("drafting", 0, None)


async def test_another_notify_of_the_same_task_is_another_reason_to_ask(
    api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID
) -> None:
    for name in ("N1", "N2"):
        body = a_notify(task, notify_id=name)
        assert await tells(api, body, signed(body, clock)) == (204, None)

    assert sorted(str(one[-1]) for one in await kept(database)) == ["N1", "N2"]


async def test_what_it_says_is_not_kept(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID) -> None:
    body = a_notify(task, state="REFUSED", signer="王建国")
    await tells(api, body, signed(body, clock))

    async with database.reading() as db:
        row = (await db.scalars(select(InboxRow))).one()
    assert row.handled_at is None
    assert not any(word in json.dumps(row.event, ensure_ascii=False) for word in ("REFUSED", "T1", "王建国"))


@pytest.mark.parametrize("forgery", ["secret", "app_id"])
async def test_what_is_forged_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID, forgery: str) -> None:
    body = a_notify(task)
    claimed = {"secret": SECRET, "app_id": ACCOUNT.app_id} | {forgery: "another"}
    with capture_logs() as lines:
        answer = await tells(api, body, signed_by(body, clock(), **claimed))

    assert answer == (401, "signature.notify_forged")
    assert await kept(database) == []
    assert [(one["event"], one["log_level"]) for one in lines if one["event"].startswith("signature.")] == [
        ("signature.notify_refused", "warning")
    ]


async def test_what_was_changed_on_the_way_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID) -> None:
    body = a_notify(task)
    headers = signed(body, clock)

    for changed, claimed in ((body + b" ", headers), (body, headers | {"X-Nonce": "m"}), (body, {})):
        assert await tells(api, changed, claimed) == (401, "signature.notify_forged")
    assert await kept(database) == []


@pytest.mark.parametrize("seconds_off", [-301, 301])
async def test_what_is_stale_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID, seconds_off: int) -> None:
    body = a_notify(task)

    assert await tells(api, body, signed(body, clock, seconds_off=seconds_off)) == (401, "signature.notify_forged")
    assert await kept(database) == []


async def test_a_good_one_sent_again_too_late_is_refused(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID) -> None:
    body = a_notify(task)
    headers = signed(body, clock)
    clock.forward(seconds=301)

    assert await tells(api, body, headers) == (401, "signature.notify_forged")
    assert await kept(database) == []


async def test_of_a_task_that_is_not_ours_nothing_is_kept(api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID) -> None:
    """It is answered, so that it does not come for ever, and a person is told."""
    body = a_notify(ids.new())
    with capture_logs() as lines:
        answer = await tells(api, body, signed(body, clock))

    assert answer == (204, None)
    assert await kept(database) == []
    assert [(one["event"], one["log_level"]) for one in lines if one["event"].startswith("signature.")] == [
        ("signature.unknown_task", "error")
    ]


@pytest.mark.parametrize("changes", [{"state": "PENDING"}, {"number": "1"}, {"notify_id": ""}, {"ended_at": "yesterday"}])
async def test_what_is_the_cas_and_unreadable_is_malformed(
    api: httpx.AsyncClient, database: Database, clock: Hands, task: UUID, changes: dict[str, str]
) -> None:
    body = a_notify(changes.pop("number", task), **changes)

    assert await tells(api, body, signed(body, clock)) == (400, "signature.notify_malformed")
    assert await kept(database) == []
