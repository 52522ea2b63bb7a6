"""What a parcel's patient is told by SMS: that it was sent, and that it was not handed over; once each, and never what is in it."""

import json

import pytest
from sqlalchemy import select

from models.delivery import Decision, DeliveryState, Mark, TrackEvent, wants_receiver
from models.message import Template
from models.stores import delivery as deliveries
from models.stores.database import vault
from models.tables.message import MessageRow
from sandbox.sms.templates import render
from tests.client import Hands
from tests.delivery.builders import FORWARD, at_its_desk, created, decides, returned, row, seen, wanted
from tests.process.desk import DeliveryDesk
from tests.process.hospital import MORNING, Hospital

SENT, FAILED = Template.DELIVERY_SENT, Template.DELIVERY_FAILED


async def texts(desk: DeliveryDesk) -> list[str]:
    """As they will arrive on the phone of the account that opened the visit, oldest first."""
    async with desk.hospital.database.reading() as db:
        box = vault(db)
        rows = await db.scalars(select(MessageRow).where(MessageRow.visit_id == desk.now.visit_id).order_by(MessageRow.due_at))
        return [render(Template(one.template).code, json.loads(box.open("message.params", one.id, one.params))) for one in rows]


async def test_seen_for_the_first_time_it_is_said_who_carries_it_under_which_number(hospital: Hospital) -> None:
    desk = await created(hospital)
    assert await texts(desk) == []

    await seen(desk, Mark.PICKED_UP)
    waybill = (await row(desk)).waybill
    assert waybill is not None

    [text] = await texts(desk)
    assert "顺丰速运" in text
    assert waybill[-4:] in text
    assert waybill not in text


@pytest.mark.parametrize("first", [Mark.PICKED_UP, Mark.TRANSIT, Mark.OUT])
async def test_whatever_is_seen_of_it_first_it_is_said_once(hospital: Hospital, clock: Hands, first: Mark) -> None:
    desk = await created(hospital)
    for mark in (first, Mark.TRANSIT, Mark.OUT, Mark.DELIVERED):
        clock.forward(hours=1)
        await seen(desk, mark)

    assert await hospital.told(desk.now.visit_id) == [SENT]


async def test_lost_and_found_again_it_was_sent_once(hospital: Hospital, clock: Hands) -> None:
    desk = await created(hospital)
    await seen(desk, Mark.PICKED_UP)
    while desk.state is not DeliveryState.OVERDUE:
        await desk.alarm()
    clock.forward(hours=1)

    await seen(desk, Mark.TRANSIT)

    assert await hospital.told(desk.now.visit_id) == [SENT]


@pytest.mark.parametrize("first", [Mark.FAILED, Mark.REFUSED, Mark.RETURNING])
async def test_not_handed_over_its_patient_is_told_once(hospital: Hospital, clock: Hands, first: Mark) -> None:
    desk = await created(hospital)
    for mark in (*FORWARD, first, Mark.FAILED, Mark.REFUSED, Mark.RETURNING, Mark.DELIVERED):
        clock.forward(hours=1)
        await seen(desk, mark)

    assert desk.state is DeliveryState.RETURNED
    assert await hospital.told(desk.now.visit_id) == [FAILED, SENT]


async def test_tried_again_and_handed_over_meanwhile_nobody_is_alarmed(hospital: Hospital) -> None:
    """Heard of all at once: what is over is not told."""
    desk = await created(hospital)

    await seen(desk, *FORWARD, Mark.FAILED, Mark.OUT)
    assert await hospital.told(desk.now.visit_id) == [SENT]
    await seen(desk, Mark.FAILED, Mark.DELIVERED)

    assert await hospital.told(desk.now.visit_id) == [SENT]


async def test_a_place_that_is_not_reached_is_told(hospital: Hospital) -> None:
    desk = await wanted(hospital)
    hospital.logistics.refuses("create", "logistics.invalid")

    await desk.happens()

    assert desk.state is DeliveryState.UNDELIVERABLE
    assert await hospital.told(desk.now.visit_id) == [FAILED]


async def test_sent_again_it_is_another_parcel_and_told_as_such(hospital: Hospital) -> None:
    desk = await created(hospital)
    for mark in (*FORWARD, Mark.REFUSED, Mark.RETURNING, Mark.DELIVERED):
        await seen(desk, mark)
    await decides(desk, Decision.RESEND)
    again = await at_its_desk(hospital, deliveries.id_of(desk.now.prescription_id, 1))
    await again.happens()

    await seen(again, Mark.PICKED_UP)

    assert await hospital.told(desk.now.visit_id) == [FAILED, SENT, SENT]


async def test_no_text_says_what_is_in_it_or_where_it_goes(hospital: Hospital) -> None:
    desk = await returned(hospital)

    for text in await texts(desk):
        assert not [word for word in ("药品名", "处方", "诊断", "张秀英", "演示路", "13800100001") if word in text]


def scan(mark: Mark, sequence: int) -> TrackEvent:
    return TrackEvent(at=MORNING, sequence=sequence, mark=mark, code=mark, place="", text="")


@pytest.mark.parametrize(
    ("marks", "wanted_"),
    [
        ((), False),
        ((Mark.OUT,), False),
        ((Mark.OUT, Mark.FAILED), True),
        ((Mark.OUT, Mark.FAILED, Mark.OTHER), True),
        ((Mark.OUT, Mark.FAILED, Mark.OUT), False),
    ],
)
def test_what_counts_is_the_last_scan_that_is_understood(marks: tuple[Mark, ...], wanted_: bool) -> None:
    events = [scan(mark, number) for number, mark in enumerate(marks)]

    assert wants_receiver(DeliveryState.OUT_FOR_DELIVERY, events) is wanted_
