"""What the HIS tells of a 就诊单元: one suspension for a version, an older one changes nothing, and what is forged begins none."""

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, text, update

from models.stores import suspension as suspensions
from models.stores.database import Database
from models.tables.process import InboxRow
from models.tables.suspension import SuspensionRow
from tests.builders import Unit, a_unit, rules
from tests.client import Hands
from tests.prescription.test_his_webhook import PATH, a_message, signed, tell, webhook
from tests.suspension.builders import POLICY

__all__ = ["webhook"]


def schedule(unit: Unit, version: str) -> dict[str, object]:
    return {"resourceType": "Schedule", "id": unit.id, "meta": {"versionId": version}}


@pytest_asyncio.fixture
async def unit(database: Database, clock: Hands) -> Unit:
    """That our copy has in version 1."""
    async with database.transaction() as db:
        await rules(db)
        return await a_unit(db, clock())


async def begun(database: Database) -> list[tuple[str | None, str | None]]:
    async with database.reading() as db:
        rows = await db.execute(select(SuspensionRow.schedule_id, SuspensionRow.schedule_version))
        return [(schedule_id, version) for schedule_id, version in rows]


@pytest.mark.parametrize("event", ["stop", "replace", "time-moved", "resume"])
async def test_a_newer_version_begins_one_however_often_it_is_told(
    webhook: httpx.AsyncClient, database: Database, unit: Unit, event: str
) -> None:
    assert [(await tell(webhook, a_message(event, schedule(unit, "2")))).status_code for _ in range(3)] == [204] * 3

    assert await begun(database) == [(unit.id, "2")]


async def test_a_version_that_is_known_or_older_is_noted_and_begins_none(
    webhook: httpx.AsyncClient, database: Database, unit: Unit
) -> None:
    assert (await tell(webhook, a_message("stop", schedule(unit, "1")))).status_code == 204

    assert await begun(database) == []
    async with database.reading() as db:
        assert list(await db.scalars(select(InboxRow.outcome))) == ["noted"]


async def test_a_clinic_that_we_do_not_have_is_looked_for(webhook: httpx.AsyncClient, database: Database, unit: Unit) -> None:
    """Its suspension ends as unknown when the HIS has none either."""
    other = {"resourceType": "Schedule", "id": "sch-elsewhere", "meta": {"versionId": "7"}}
    assert (await tell(webhook, a_message("stop", other))).status_code == 204

    assert await begun(database) == [("sch-elsewhere", "7")]


@pytest.mark.parametrize("id", ["a/../b", "", "x" * 65, "a b"])
async def test_an_id_that_is_none_is_refused(webhook: httpx.AsyncClient, database: Database, unit: Unit, id: str) -> None:
    refused = await tell(webhook, a_message("stop", {"resourceType": "Schedule", "id": id, "meta": {"versionId": "7"}}))

    assert (refused.status_code, refused.json()["code"]) == (400, "his.malformed")
    assert await begun(database) == []


async def test_the_link_of_the_message_says_to_whoever_opens_it_what_to_do(webhook: httpx.AsyncClient) -> None:
    pages = [await webhook.get(f"/again/{number}") for number in ("4" * 32, "0" * 32)]

    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].headers["content-type"] == "text/html; charset=utf-8"
    assert "请登录后再次预约" in pages[0].text
    assert pages[0].text == pages[1].text, "of a visit it names nothing, not even whether there is one"
    assert (await webhook.get("/again/4444")).status_code == 404


async def test_what_is_forged_begins_none(webhook: httpx.AsyncClient, database: Database, unit: Unit) -> None:
    body = a_message("stop", schedule(unit, "2"))
    refused = await webhook.post(PATH, content=body, headers=signed(body, "69" * 32))

    assert (refused.status_code, refused.json()["code"]) == (401, "his.signature")
    assert await begun(database) == []


async def test_a_pull_that_holds_a_clinic_waits_for_nobody_who_looks_at_it(own_database: Database, clock: Hands) -> None:
    """A look has its own row first and the clinic after, a pull the other way round: waiting for one another, one of them would be lost."""
    async with own_database.transaction() as db:
        await rules(db)
        unit = await a_unit(db, clock())
        assert await suspensions.begin(db, unit.id, "2", clock(), policy=POLICY)
    async with own_database.transaction() as looking, own_database.transaction() as pulling:
        await looking.execute(update(SuspensionRow).values(looks=1))
        await pulling.execute(text("set local lock_timeout = '5s'"))

        assert await suspensions.begin(pulling, unit.id, "2", clock(), policy=POLICY) is None
