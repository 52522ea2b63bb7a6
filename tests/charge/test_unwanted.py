"""Money that no charge wanted: late, on a second order, for an order that nobody knows. Into suspense, back, and told (A-6)."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from activities.payment import UNPAID_AFTER_KNOCKS
from models.charge import ChargeState, Close, Scene, TradeState
from models.kernel import ids
from models.ledger import Account
from models.message import Template
from models.refund import CHANNEL_REASONS, Cause, RefundState
from models.revisit import State
from models.stores import ledger
from models.stores.database import Database
from models.tables.process import InboxRow
from tests.builders import FEE_FEN
from tests.charge.builders import is_paid, paying
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard
from tests.process.visit import Visit, opened, reported
from tests.refund.builders import at_its_desk, goes_to

IN_SUSPENSE = {Account.WECHAT_PAY: FEE_FEN, Account.SUSPENSE: -FEE_FEN}
TAKEN = {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN}
"""What the charge itself wanted."""


async def closed(hospital: Hospital) -> tuple[Visit, str]:
    """A charge that the channel confirmed closed, and the number of its order."""
    visit = await paying(hospital)
    number = await visit.orders()
    await visit.charge.happens(Close(id=ids.new()))
    assert visit.charge.state is ChargeState.CLOSED
    return visit, number


async def outcomes(hospital: Hospital) -> list[str | None]:
    """How the reports of money were closed, oldest first."""
    async with hospital.database.reading() as db:
        found = await db.scalars(select(InboxRow.outcome).where(InboxRow.kind == "reported").order_by(InboxRow.created_at, InboxRow.id))
        return list(found)


async def unwanted(hospital: Hospital) -> list[tuple[str | None, int, UUID | None]]:
    """Sums that no charge wanted: why, fen, and whose charge."""
    return [(one.unwanted, one.amount_fen, one.charge_id) for one in await hospital.payments() if one.unwanted]


async def goes_back(hospital: Hospital, refund_id: UUID) -> None:
    desk = await goes_to(await at_its_desk(hospital, refund_id), RefundState.ARRIVED)
    assert hospital.his.times("reverse") == 0, "the HIS knows nothing of it"
    assert (await hospital.story(desk.id))[0] == "refund.apply"


def errors(lines: Sequence[Any], event: str) -> list[Any]:
    return [line for line in lines if line["event"] == event and line["log_level"] == "error"]


async def test_paid_after_the_channel_had_confirmed_the_close_it_goes_into_suspense_and_back(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    await reported(hospital, visit.charge.id, number)

    await hospital.relays()

    assert await unwanted(hospital) == [("late", FEE_FEN, visit.charge.id)]
    assert (await hospital.balances(), await outcomes(hospital)) == (IN_SUSPENSE, ["unwanted"])
    assert (await visit.charge.begin()).state is ChargeState.CLOSED, "it stays closed"

    [refund_id] = await hospital.refund_ids(visit.charge.id)
    await goes_back(hospital, refund_id)
    assert (await hospital.balances(), hospital.wechat_pay.given_back_fen) == ({}, FEE_FEN)
    assert hospital.wechat_pay.refunds[refund_id.hex].reason == CHANNEL_REASONS[Cause.LATE]


async def test_who_paid_late_is_told_once_that_it_comes_back_and_once_that_it_came(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    for _ in range(3):
        await reported(hospital, visit.charge.id, number)
        await hospital.relays()
    assert (await hospital.told(visit.id)).count(Template.REFUND_REQUESTED) == 1

    [refund_id] = await hospital.refund_ids()
    await goes_back(hospital, refund_id)

    told = await hospital.told(visit.id)
    assert (told.count(Template.REFUND_REQUESTED), told.count(Template.REFUND_ARRIVED)) == (1, 1)


async def test_each_sum_that_came_late_is_told_and_goes_back(hospital: Hospital) -> None:
    """Two orders of one charge, for two scenes: closed at the channel, and both paid all the same."""
    visit = await paying(hospital)
    numbers = [await visit.orders(scene) for scene in Scene]
    await visit.charge.happens(Close(id=ids.new()))
    for number in numbers:
        is_paid(hospital, number)
        await reported(hospital, visit.charge.id, number)

    await hospital.relays()

    assert await unwanted(hospital) == [("late", FEE_FEN, visit.charge.id)] * 2
    assert (await hospital.told(visit.id)).count(Template.REFUND_REQUESTED) == 2
    for refund_id in await hospital.refund_ids():
        await goes_back(hospital, refund_id)
    assert (await hospital.balances(), hospital.wechat_pay.given_back_fen) == ({}, 2 * FEE_FEN)
    assert (await hospital.told(visit.id)).count(Template.REFUND_ARRIVED) == 2


async def test_a_person_is_called_once_with_what_is_needed_to_find_it(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)

    with capture_logs() as lines:
        for _ in range(2):
            await reported(hospital, visit.charge.id, number)
            await hospital.relays()

    [payment] = await hospital.payments()
    [line] = errors(lines, "payment.unwanted")
    assert {key: line[key] for key in ("payment_id", "order_no", "cause", "amount_fen")} == {
        "payment_id": str(payment.id),
        "order_no": number,
        "cause": "late",
        "amount_fen": FEE_FEN,
    }


async def test_its_run_is_begun_at_once(hospital: Hospital, runs: Unheard) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    await reported(hospital, visit.charge.id, number)

    await hospital.relays()

    [refund_id] = await hospital.refund_ids()
    assert runs.begun[-1] == ("refund", refund_id)


async def paid_twice(hospital: Hospital, *, found_later: bool) -> tuple[Visit, str, str]:
    """Two orders of one charge, for two scenes, and both were paid: the channel's close of the first came to nothing."""
    visit = await paying(hospital)
    first, second = await visit.orders(Scene.NATIVE), await visit.orders(Scene.JSAPI)
    clock = hospital.clock
    assert isinstance(clock, Hands)
    hospital.wechat_pay.pay(second)
    clock.forward(seconds=5)
    if not found_later:
        is_paid(hospital, first)
    await visit.is_reported()
    await visit.charge.happens()
    if found_later:
        is_paid(hospital, first)
    return visit, first, second


async def test_paid_on_two_orders_and_found_in_one_question_the_first_is_the_charges_own(hospital: Hospital) -> None:
    with capture_logs() as lines:
        visit, first, second = await paid_twice(hospital, found_later=False)

    assert {one.order_no: one.unwanted for one in await hospital.payments()} == {second: None, first: "second"}, "the later one"
    assert visit.charge.state is ChargeState.SETTLED
    assert await hospital.balances() == {Account.WECHAT_PAY: 2 * FEE_FEN, Account.HOSPITAL_INCOME: -FEE_FEN, Account.SUSPENSE: -FEE_FEN}
    assert [line["cause"] for line in errors(lines, "payment.unwanted")] == ["second"]

    [refund_id] = await hospital.refund_ids()
    await goes_back(hospital, refund_id)
    assert (await hospital.balances(), hospital.wechat_pay.given_back_fen) == (TAKEN, FEE_FEN)
    assert [one.order_no for one in hospital.wechat_pay.refunds.values()] == [first]


async def test_a_second_payment_found_by_its_own_report_goes_back_too(hospital: Hospital) -> None:
    visit, first, _ = await paid_twice(hospital, found_later=True)
    await visit.desk.news()
    await reported(hospital, visit.charge.id, first)

    await hospital.relays()

    assert await unwanted(hospital) == [("second", FEE_FEN, visit.charge.id)]
    [refund_id] = await hospital.refund_ids()
    await goes_back(hospital, refund_id)
    assert (await hospital.balances(), (await visit.desk.begin()).state) == (TAKEN, State.BOOKED), "the visit is as booked as before"
    assert (await hospital.told(visit.id)).count(Template.REFUND_REQUESTED) == 1


async def test_a_second_payment_reported_after_it_was_found_is_the_same(hospital: Hospital) -> None:
    visit, first, second = await paid_twice(hospital, found_later=False)
    for number in (first, second, first):
        await reported(hospital, visit.charge.id, number)
        await hospital.relays()

    assert (len(await hospital.refund_ids()), await outcomes(hospital)) == (1, ["done"] * 4)


async def test_money_for_an_order_that_nobody_knows_goes_back_to_who_paid_it(hospital: Hospital) -> None:
    """Nobody is told, for nobody is known."""
    await hospital.opens()
    number = ids.new().hex
    is_paid(hospital, number, amount_fen=1200)
    await reported(hospital, None, number)

    await hospital.relays()

    assert await unwanted(hospital) == [("unknown_order", 1200, None)]
    assert await hospital.balances() == {Account.WECHAT_PAY: 1200, Account.SUSPENSE: -1200}
    [refund_id] = await hospital.refund_ids()
    await goes_back(hospital, refund_id)
    assert (await hospital.balances(), await hospital.told(refund_id)) == ({}, [])


async def test_an_order_number_that_is_none_of_ours_by_its_shape_is_unknown_too(hospital: Hospital) -> None:
    await hospital.opens()
    is_paid(hospital, "HOSPITAL-WINDOW-7")
    await reported(hospital, None, "HOSPITAL-WINDOW-7")

    await hospital.relays()

    assert await unwanted(hospital) == [("unknown_order", FEE_FEN, None)]


async def test_a_report_that_was_kept_before_its_order_was_known_finds_the_charge(hospital: Hospital) -> None:
    """Its charge has taken that very payment since: nothing is unwanted."""
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.pay(number)
    await visit.is_reported()
    await visit.charge.happens()
    await reported(hospital, None, number)

    await hospital.relays()

    assert (await unwanted(hospital), await outcomes(hospital)) == ([], ["done", "done"])


async def test_reported_after_all_is_over_a_paid_charge_stays_as_it_is(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.BOOKED)
    [number] = hospital.wechat_pay.orders
    await reported(hospital, visit.charge.id, number)

    await hospital.relays()

    assert (await unwanted(hospital), await hospital.balances(), await outcomes(hospital)) == ([], TAKEN, ["done", "done"])


async def test_out_of_order_before_the_channel_knows_it_and_after(hospital: Hospital) -> None:
    """The report outran the channel's own query: it stays, and the next knock finds the money."""
    visit, number = await closed(hospital)
    hospital.wechat_pay.orders[number].state = TradeState.NOT_PAID
    await reported(hospital, visit.charge.id, number)
    await hospital.relays()
    assert (await outcomes(hospital), await hospital.balances()) == ([None], {})

    is_paid(hospital, number)
    await hospital.relays()

    assert (await outcomes(hospital), await hospital.balances()) == (["unwanted"], IN_SUSPENSE)


async def test_what_the_channel_has_given_back_itself_had_come_and_calls_a_person(hospital: Hospital) -> None:
    """The trade is REFUNDED there, by the merchant's own desk. Our refund is one too many, and the channel refuses it."""
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    await hospital.wechat_pay.refund("window-1", order_no=number, amount_fen=FEE_FEN, total_fen=FEE_FEN, reason="退费")
    await reported(hospital, visit.charge.id, number)

    await hospital.relays()
    [refund_id] = await hospital.refund_ids()
    desk = await at_its_desk(hospital, refund_id)
    await desk.happens()

    row = await hospital.refund(refund_id)
    assert (row.state, row.trouble, row.office) == (RefundState.STUCK, "wechat_pay.refund_exceeded", "finance")
    assert (hospital.wechat_pay.given_back_fen, await hospital.balances()) == (FEE_FEN, IN_SUSPENSE)


async def test_what_the_channel_says_is_closed_was_never_paid_and_is_said(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    await reported(hospital, visit.charge.id, number)

    with capture_logs() as lines:
        await hospital.relays()

    assert (await outcomes(hospital), await hospital.payments(), await hospital.balances()) == (["unpaid"], [], {})
    assert [line["order_no"] for line in errors(lines, "payment.not_borne_out")] == [number]


async def test_a_word_that_we_do_not_know_never_closes_a_report(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    hospital.wechat_pay.orders[number].state = TradeState.UNKNOWN
    report = await reported(hospital, visit.charge.id, number)

    await hospital.strays.look_after(report.id, number, UNPAID_AFTER_KNOCKS * 10)

    assert await outcomes(hospital) == [None]


async def test_a_report_of_a_charge_that_goes_on_is_left_to_it(hospital: Hospital) -> None:
    visit = await paying(hospital)
    number = await visit.orders()
    hospital.wechat_pay.pay(number)
    report = await reported(hospital, visit.charge.id, number)

    await hospital.strays.look_after(report.id, number, 0)

    assert (await outcomes(hospital), await hospital.payments()) == ([None], [])


@pytest.mark.parametrize("word", [TradeState.NOT_PAID, TradeState.ABSENT])
async def test_what_is_not_known_yet_waits_for_the_next_knock_and_not_for_ever(hospital: Hospital, word: TradeState) -> None:
    visit, number = await closed(hospital)
    hospital.wechat_pay.orders[number].state = word
    report = await reported(hospital, visit.charge.id, number)

    await hospital.strays.look_after(report.id, number, UNPAID_AFTER_KNOCKS - 1)
    assert await outcomes(hospital) == [None]

    await hospital.strays.look_after(report.id, number, UNPAID_AFTER_KNOCKS)
    assert (await outcomes(hospital), await hospital.balances()) == (["unpaid"], {})


async def test_a_silent_channel_leaves_the_report_for_the_next_knock(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    await reported(hospital, visit.charge.id, number)
    hospital.wechat_pay.silent("query")

    await hospital.relays()
    assert (await outcomes(hospital), await hospital.payments()) == ([None], [])

    await hospital.relays()
    assert (await outcomes(hospital), await hospital.balances()) == (["unwanted"], IN_SUSPENSE)


async def test_reported_twice_and_looked_after_at_once_it_is_one_sum(own_database: Database, clock: Hands, runs: Unheard) -> None:
    """Each on a connection of its own."""
    hospital = Hospital(own_database, clock, runs)
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    reports = [await reported(hospital, visit.charge.id, number) for _ in range(4)]

    await asyncio.gather(*(hospital.strays.look_after(one.id, number, 0) for one in reports))

    assert (await unwanted(hospital), len(await hospital.refund_ids())) == ([("late", FEE_FEN, visit.charge.id)], 1)
    assert (await hospital.balances(), sorted(map(str, await outcomes(hospital)))) == (IN_SUSPENSE, ["done"] * 3 + ["unwanted"])
    assert (await hospital.told(visit.id)).count(Template.REFUND_REQUESTED) == 1


async def test_its_books_are_told_with_the_charge(hospital: Hospital) -> None:
    visit, number = await closed(hospital)
    is_paid(hospital, number)
    await reported(hospital, visit.charge.id, number)
    await hospital.relays()
    [refund_id] = await hospital.refund_ids()
    await goes_back(hospital, refund_id)

    async with hospital.database.reading() as db:
        story = await ledger.of_charge(db, visit.charge.id)

    assert [(one.cause, one.account, one.amount_fen) for one in story] == [
        ("payment.unwanted", Account.WECHAT_PAY, FEE_FEN),
        ("payment.unwanted", Account.SUSPENSE, -FEE_FEN),
        ("refund.accepted", Account.REFUND_IN_TRANSIT, FEE_FEN),
        ("refund.accepted", Account.WECHAT_PAY, -FEE_FEN),
        ("refund.arrived", Account.SUSPENSE, FEE_FEN),
        ("refund.arrived", Account.REFUND_IN_TRANSIT, -FEE_FEN),
    ]
