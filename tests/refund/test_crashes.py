"""A worker that dies around every commit of a refund, or between a commit and its answer: money goes back once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.refund import RefundActivities
from models.kernel import ids
from models.kernel.vault import Vault
from models.message import Template
from models.process import Command, Event, Runs
from models.refund import HandOver, Office, PayOut, Refund, RefundState, RefundStatus, Retry, Withdraw
from models.stores import ledger
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.desk import RefundDesk
from tests.process.hospital import Hospital, wish
from tests.process.test_crashes import Haunted, Mortal
from tests.refund.builders import (
    FINANCE,
    accepted,
    asks,
    cleared,
    ended_with,
    ends,
    given_back,
    goes_to,
    is_lost,
    is_reported,
    refused_by_channel,
    refused_by_his,
    reported,
    requested,
    row,
)

Hand = Callable[..., Awaitable[Refund]]
VOUCHER = "CW-20260302-01"


@pytest_asyncio.fixture
async def haunted(wire: AsyncConnection, vault: Vault, clock: Hands, runs: Runs) -> Haunted:
    return Haunted(Mortal(wire, vault), clock, runs)


async def sound(desk: RefundDesk, *, refunded_fen: int = FEE_FEN) -> None:
    """What must hold however often it died."""
    hospital = desk.hospital
    assert isinstance(hospital, Haunted)
    assert hospital.mortal.deaths > 30
    assert await given_back(hospital) == (FEE_FEN, FEE_FEN - refunded_fen, refunded_fen)
    assert (len(hospital.his.reversals), sum((await hospital.balances()).values())) == (1, 0)
    told = await hospital.told(desk.now.visit_id)
    assert len(told) == len(set(told))
    assert await hospital.unhandled() == 0


async def test_from_requested_to_arrived(haunted: Haunted) -> None:
    desk = await goes_to(await requested(haunted), RefundState.ARRIVED)

    await sound(desk)
    assert (haunted.wechat_pay.given_back_fen, await haunted.balances()) == (FEE_FEN, {})
    assert await haunted.story(desk.id) == ["refund.reverse", "refund.apply", "refund.query"]


async def test_closed_tried_again_and_arrived(haunted: Haunted) -> None:
    desk = await ended_with(haunted, RefundStatus.CLOSED)
    await asks(desk, Retry)
    await goes_to(desk, RefundState.ARRIVED)

    await sound(desk)
    assert (haunted.wechat_pay.given_back_fen, await haunted.balances(), len(haunted.wechat_pay.refunds)) == (FEE_FEN, {}, 2)


async def test_not_enough_tried_again_and_reported(haunted: Haunted) -> None:
    desk = await cleared(haunted)
    for _ in range(4):  # to each hand that dies
        haunted.wechat_pay.refuses("refund", "wechat_pay.not_enough")
    await desk.happens()
    assert (desk.state, (await row(desk)).tries) == (RefundState.CLEARED, 1)

    haunted.wechat_pay.mends()
    await desk.alarm()
    await ends(desk)
    await is_reported(desk)

    await sound(desk)
    assert (desk.state, haunted.wechat_pay.given_back_fen, await haunted.balances()) == (RefundState.ARRIVED, FEE_FEN, {})


async def test_paid_out(haunted: Haunted) -> None:
    desk = await ended_with(haunted, RefundStatus.CLOSED)
    await asks(desk, PayOut, voucher=VOUCHER)

    await sound(desk)
    assert haunted.wechat_pay.given_back_fen == 0


@dataclass(frozen=True)
class Step:
    """A step from where a refund stands, and what is asked for."""

    prepared: Callable[[Hospital], Awaitable[RefundDesk]]
    hand: Hand
    why: type[Command] | None = None
    reported: bool = False


def closed(hospital: Hospital) -> Awaitable[RefundDesk]:
    return ended_with(hospital, RefundStatus.CLOSED)


async def carried_out(hospital: Hospital) -> RefundDesk:
    desk = await accepted(hospital)
    await ends(desk)
    return desk


async def given_up(hospital: Hospital) -> RefundDesk:
    desk = await accepted(hospital)
    await ends(desk, RefundStatus.CLOSED)
    return desk


async def reversed_at_a_window(hospital: Hospital) -> RefundDesk:
    return await refused_by_his(hospital, "his.already-reversed")


STEPS = {
    "reverse": Step(requested, RefundActivities.reverse),
    "apply": Step(cleared, RefundActivities.apply),
    "arrived": Step(carried_out, RefundActivities.query, reported=True),
    "closed": Step(given_up, RefundActivities.query, reported=True),
    "still at work": Step(accepted, RefundActivities.query, reported=True),
    "retry": Step(closed, RefundActivities.retry, Retry),
    "hand over": Step(refused_by_his, RefundActivities.hand_over, HandOver),
    "pay out": Step(refused_by_channel, RefundActivities.pay_out, PayOut),
    "withdraw": Step(reversed_at_a_window, RefundActivities.withdraw, Withdraw),
}
FIELDS: dict[type[Command], dict[str, object]] = {HandOver: {"office": Office.INSURANCE}, PayOut: {"voucher": VOUCHER}}


async def events(step: Step, desk: RefundDesk) -> tuple[Event, ...]:
    if step.reported:
        return (await reported(desk),)
    return (wish(step.why, FINANCE, **FIELDS.get(step.why, {})),) if step.why else ()


async def books(desk: RefundDesk) -> tuple[object, ...]:
    """Everything that a step may have done twice."""
    hospital = desk.hospital
    visit = await hospital.row(desk.now.visit_id)
    async with hospital.database.reading() as db:
        lines = [(one.cause, one.account, one.amount_fen) for one in await ledger.of_charge(db, visit.charge_id or ids.new())]
    told = await hospital.told(desk.now.visit_id)
    return lines, await given_back(hospital), told.count(Template.REFUND_ARRIVED), await hospital.story(desk.id), (await row(desk)).version


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_whose_answer_was_lost_is_asked_again_and_done_once(hospital: Hospital, step: Step) -> None:
    """Committed, and the worker dies before Temporal hears of it: the same attempt comes again, from the same row."""
    desk = await step.prepared(hospital)
    why, before, work = await events(step, desk), desk.now, hospital.work(step.hand)

    first = await work(before, *why)
    once, outside = await books(desk), (list(hospital.his.reversals), hospital.wechat_pay.given_back_fen)
    assert await work(before, *why) == first

    assert (await books(desk), (list(hospital.his.reversals), hospital.wechat_pay.given_back_fen)) == (once, outside)


ASKING = {
    "reverse": (STEPS["reverse"], "reverse", RefundState.CLEARED),
    "apply": (STEPS["apply"], "refund", RefundState.ACCEPTED),
    "pay out": (STEPS["pay out"], "query_refund", RefundState.PAID_OUT),
    "query": (STEPS["arrived"], "query_refund", RefundState.ARRIVED),
}


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
async def test_begun_again_in_the_middle_of_a_step_it_is_finished_under_its_number(
    hospital: Hospital, asking: tuple[Step, str, RefundState], landed: bool
) -> None:
    """The run was lost while the outside was asked; another begins from the row."""
    step, call, after = asking
    desk = await step.prepared(hospital)
    why = await events(step, desk)
    for line in (hospital.his, hospital.wechat_pay):
        line.silent(call, landed=landed)
    await is_lost(desk, step.hand, *why)

    await desk.happens(desk.now.under_way or (why[0] if why else None))

    assert desk.state is after
    assert len(hospital.his.reversals) == 1
    assert set(hospital.wechat_pay.refunds) <= {desk.id.hex}
