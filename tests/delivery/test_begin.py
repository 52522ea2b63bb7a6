"""A parcel's rows: begun once for a prescription and attempt, its receiver and its scans sealed."""

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from models.delivery import DeliveryState, Mark, TrackEvent
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import delivery as deliveries
from models.tables.delivery import DeliveryAddressRow, DeliveryRow, DeliveryTrackRow
from tests.builders import a_visit, rules
from tests.delivery.builders import PHARMACY, a_delivery, a_receiver, an_address
from tests.process.hospital import MORNING


async def test_asked_for_again_it_is_the_same_parcel(db: AsyncSession) -> None:
    policy, visit_id, address_id, prescription_id = await rules(db), await a_visit(db), await an_address(db), ids.new()
    wish: dict[str, Any] = {"prescription_id": prescription_id, "visit_id": visit_id, "address_id": address_id}
    first, again = [await deliveries.begin(db, **wish, policy=policy.version, at=MORNING, request=one) for one in ("req-1", "req-2")]

    assert first == again
    assert (first.id, first.visit_id, first.row.state) == (deliveries.id_of(prescription_id), visit_id, DeliveryState.CREATING)
    [row] = await db.scalars(select(DeliveryRow).where(DeliveryRow.prescription_id == prescription_id))
    assert (row.state, row.attempt, row.version, row.request) == (DeliveryState.CREATING, 0, 0, "req-1")


async def test_of_a_prescription_one_parcel_is_under_way(db: AsyncSession) -> None:
    policy, prescription_id = await rules(db), ids.new()
    await a_delivery(db, policy, prescription_id=prescription_id)
    again: dict[str, Any] = {"prescription_id": prescription_id, "visit_id": await a_visit(db), "address_id": await an_address(db)}

    with pytest.raises(IntegrityError, match="uq_delivery_running"):
        async with db.begin_nested():
            await deliveries.begin(db, **again, policy=policy.version, at=MORNING, attempt=1)


async def test_without_an_address_it_does_not_begin(db: AsyncSession) -> None:
    nowhere: dict[str, Any] = {"prescription_id": ids.new(), "visit_id": ids.new(), "address_id": ids.new()}

    with pytest.raises(DomainError, match=r"^delivery\.address_missing$"):
        await deliveries.begin(db, **nowhere, policy="test-1", at=MORNING)
    assert await db.scalar(select(func.count()).select_from(DeliveryRow)) == 0


async def test_who_lives_where_is_sealed(db: AsyncSession) -> None:
    address_id = ids.new()
    for detail in ("演示路2号", "演示路9号"):
        await deliveries.keep_address(db, address_id, PHARMACY, a_receiver(detail=detail))

    assert await deliveries.receiver(db, address_id) == a_receiver(), "kept once under its id"
    row = await db.get_one(DeliveryAddressRow, address_id)
    stored = str((row.name, row.phone, row.place))
    assert not any(word.encode() in b"".join((row.name, row.phone, row.place)) for word in ("张秀英", "13800100001", "东城区"))
    assert "张秀英" not in stored


async def test_a_scan_is_kept_once_and_sealed(db: AsyncSession) -> None:
    begun = await a_delivery(db, await rules(db))
    event = TrackEvent(at=MORNING, sequence=0, mark=Mark.OUT, code="44", place="北京市", text="李强 13911110000")
    for told in (event, event.model_copy(update={"text": "told otherwise"})):
        await deliveries.keep_tracks(db, begun.id, [told], MORNING)

    assert await deliveries.tracks(db, begun.id) == (event,)
    [row] = await db.scalars(select(DeliveryTrackRow).where(DeliveryTrackRow.delivery_id == begun.id))
    assert "李强".encode() not in row.text
    assert b"13911110000" not in row.text


async def test_a_push_is_for_a_parcel_of_ours_by_both_numbers(db: AsyncSession) -> None:
    begun = await a_delivery(db, await rules(db))
    assert await deliveries.of_push(db, begun.id.hex, "SF9") == begun.id, "the carrier's answer is still on its way"
    await db.execute(text("update delivery set waybill = 'SF1'"))

    assert await deliveries.of_push(db, begun.id.hex, "SF1") == begun.id
    for order_no, waybill in ((begun.id.hex, "SF2"), (ids.new().hex, "SF1"), ("no number", "SF1"), ("", "")):
        assert await deliveries.of_push(db, order_no, waybill) is None


@pytest.mark.parametrize(
    "statement",
    [
        "update delivery set state = 'flown'",
        "update delivery set decision = 'refund'",
        "update delivery set state = 'decided'",
        "update delivery set state = 'decided', decision = 'burn'",
    ],
)
async def test_the_database_lets_no_other_state_in(db: AsyncSession, statement: str) -> None:
    await a_delivery(db, await rules(db))

    with pytest.raises(IntegrityError, match="ck_delivery"):
        async with db.begin_nested():
            await db.execute(text(statement))
