"""What SF pushes over HTTP: kept for the parcel that both numbers are of, believed in nothing, and refused whole when it is not ours."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from models.kernel import ids
from models.tables.delivery import DeliveryRow, DeliveryTrackRow
from models.tables.process import InboxRow
from tests.builders import rules
from tests.delivery.builders import a_delivery

PATH = "/webhooks/sf"
OK = {"return_code": "0000", "return_msg": "OK"}


async def a_parcel(db: AsyncSession, waybill: str | None = "SF1") -> UUID:
    begun = await a_delivery(db, await rules(db))
    await db.execute(update(DeliveryRow).where(DeliveryRow.id == begun.id).values(waybill=waybill))
    return begun.id


def a_route(delivery_id: UUID, **changes: Any) -> dict[str, Any]:
    seen = {"acceptTime": "2026-03-02 10:00:00", "acceptAddress": "北京市", "remark": "已签收", "opCode": "80"}
    return {"id": "1", "mailno": "SF1", "orderid": delivery_id.hex} | seen | changes


async def pushes(api: httpx.AsyncClient, *routes: dict[str, Any]) -> tuple[int, dict[str, str]]:
    answer = await api.post(PATH, content=json.dumps({"Body": {"WaybillRoute": routes}}))
    return answer.status_code, answer.json()


async def kept(db: AsyncSession) -> list[tuple[str, UUID | None, str]]:
    return [(one.process, one.process_id, one.kind) for one in await db.scalars(select(InboxRow))]


async def nothing_else(db: AsyncSession, delivery_id: UUID) -> None:
    """Whatever a push says, the parcel stands where it stood."""
    row = await db.get_one(DeliveryRow, delivery_id, populate_existing=True)
    assert (row.state, row.version) == ("creating", 0)
    assert list(await db.scalars(select(DeliveryTrackRow))) == []


async def test_a_push_is_kept_once_for_its_parcel_and_moves_nothing(api: httpx.AsyncClient, db: AsyncSession) -> None:
    delivery_id = await a_parcel(db)

    assert [await pushes(api, a_route(delivery_id)) for _ in range(3)] == [(200, OK)] * 3
    assert await kept(db) == [("delivery", delivery_id, "delivery_pushed")]
    await nothing_else(db, delivery_id)


async def test_nothing_of_what_it_says_is_kept(api: httpx.AsyncClient, db: AsyncSession) -> None:
    await pushes(api, a_route(await a_parcel(db), remark="签收人：张秀英"))

    [row] = await db.scalars(select(InboxRow))
    assert set(row.event) == {"id", "seen", "request", "kind"}


async def test_before_the_carriers_answer_is_known_our_number_is_enough(api: httpx.AsyncClient, db: AsyncSession) -> None:
    delivery_id = await a_parcel(db, waybill=None)

    assert await pushes(api, a_route(delivery_id, mailno="SF7")) == (200, OK)
    assert len(await kept(db)) == 1


@pytest.mark.parametrize("changes", [{"mailno": "SF2"}, {"orderid": "0" * 32}, {"orderid": "nobody"}, {"orderid": ""}, {"mailno": ""}])
async def test_a_push_that_does_not_fit_is_refused(api: httpx.AsyncClient, db: AsyncSession, changes: dict[str, str]) -> None:
    """Forged, another system's, or changed on the way."""
    delivery_id = await a_parcel(db)
    with capture_logs() as lines:
        answer = await pushes(api, a_route(delivery_id, **changes))

    assert answer == (404, {"return_code": "1000", "return_msg": "logistics.unknown_waybill"})
    assert await kept(db) == []
    assert [(line["event"], line["log_level"]) for line in lines if line["event"].startswith("logistics.")] == [
        ("logistics.push_refused", "warning")
    ]
    await nothing_else(db, delivery_id)


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b'{"Body": {"WaybillRoute": []}}', b'{"Body": {"WaybillRoute": [{"id": 1}]}}'])
async def test_what_is_no_push_is_refused(api: httpx.AsyncClient, db: AsyncSession, body: bytes) -> None:
    answer = await api.post(PATH, content=body)

    assert (answer.status_code, answer.json()) == (400, {"return_code": "1000", "return_msg": "logistics.malformed"})
    assert await kept(db) == []


async def test_of_many_at_once_ours_are_kept(api: httpx.AsyncClient, db: AsyncSession) -> None:
    first, second = await a_parcel(db), await a_parcel(db, "SF2")
    routes = (a_route(first), a_route(second, mailno="SF2", id="2"), a_route(first, id="3"), a_route(ids.new(), id="4"))

    assert await pushes(api, *routes) == (200, OK)
    assert sorted(await kept(db), key=str) == sorted([("delivery", one, "delivery_pushed") for one in (first, second)], key=str)
