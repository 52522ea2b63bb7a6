"""What a person is offered of a refund is what is then done, in whatever way it has got where it stands (A-6)."""

from collections.abc import Awaitable, Callable
from typing import Final, cast

import pytest

from activities.refund import RefundActivities
from api.refund import RefundOut
from models.kernel.errors import DomainError, known
from models.process import Alarm, Command
from models.refund import COMMANDS, HandOver, Office, PayOut, RefundState, RefundStatus, Retry, Withdraw
from models.revisit import State
from models.stores import refund as refunds
from tests.client import Hands
from tests.process.desk import RefundDesk
from tests.process.hospital import Hospital
from tests.process.visit import opened
from tests.refund.builders import (
    accepted,
    asks,
    cleared,
    ended_with,
    ends,
    is_lost,
    is_reported,
    refused_by_channel,
    refused_by_his,
    requested,
    row,
    wanted_by_management,
)

SAID: Final[dict[type[Command], dict[str, object]]] = {PayOut: {"voucher": "CW-1001"}, HandOver: {"office": Office.INSURANCE}}
NAMES: Final = {kind.model_fields["kind"].default: kind for kind in COMMANDS}


async def offered(desk: RefundDesk) -> set[type[Command]]:
    """By the API, to whoever reads it now."""
    async with desk.hospital.database.reading() as db:
        return {NAMES[one] for one in RefundOut.of(await refunds.told(db, desk.id), desk.hospital.clock()).allowed}


# How a refund gets where it stands


async def overdue(hospital: Hospital) -> RefundDesk:
    desk = await accepted(hospital)
    cast(Hands, hospital.clock).at = known((await row(desk)).due_at)
    await desk.happens(Alarm())
    return desk


async def overdue_and_absent(hospital: Hospital) -> RefundDesk:
    desk = await overdue(hospital)
    await ends(desk, RefundStatus.ABSENT)
    await desk.alarm()
    return desk


async def absent_and_seen_again(hospital: Hospital) -> RefundDesk:
    desk = await overdue_and_absent(hospital)
    await ends(desk, RefundStatus.PROCESSING)
    await desk.alarm()
    return desk


async def overdue_with_a_word_that_nobody_knows(hospital: Hospital) -> RefundDesk:
    desk = await overdue(hospital)
    await ends(desk, RefundStatus.UNKNOWN)
    await desk.alarm()
    return desk


async def abnormal_then_closed(hospital: Hospital) -> RefundDesk:
    desk = await ended_with(hospital, RefundStatus.ABNORMAL)
    await ends(desk, RefundStatus.CLOSED)
    await desk.alarm()
    return desk


async def refused_on_a_retry_while_the_channel_has_it(hospital: Hospital) -> RefundDesk:
    desk = await ended_with(hospital, RefundStatus.ABNORMAL)
    await asks(desk, Retry)
    hospital.wechat_pay.refuses("refund", "wechat_pay.account_abnormal")
    await desk.happens()
    return desk


async def taken_in_silence_then_refused(hospital: Hospital, code: str = "wechat_pay.account_abnormal") -> RefundDesk:
    desk = await cleared(hospital)
    hospital.wechat_pay.silent("refund", landed=True)
    await is_lost(desk, RefundActivities.apply)
    hospital.wechat_pay.refuses("refund", code)
    await desk.happens()
    return desk


async def known_there_with_another_sum(hospital: Hospital) -> RefundDesk:
    return await taken_in_silence_then_refused(hospital, "wechat_pay.parameters_differ")


async def without_balance(hospital: Hospital) -> RefundDesk:
    desk = await cleared(hospital, {"refund_tries_max": 1})
    hospital.wechat_pay.refuses("refund", "wechat_pay.not_enough")
    await desk.happens()
    return desk


async def reported_though_refused(hospital: Hospital) -> RefundDesk:
    desk = await refused_by_channel(hospital)
    await is_reported(desk)
    return desk


async def given_back_at_a_window(hospital: Hospital) -> RefundDesk:
    return await refused_by_his(hospital, "his.already-reversed")


async def of_management(hospital: Hospital) -> RefundDesk:
    desk = await wanted_by_management(hospital, await (await opened(hospital)).to(State.CLOSED))
    await desk.happens()
    return desk


async def paid_out(hospital: Hospital) -> RefundDesk:
    desk = await refused_by_channel(hospital)
    await asks(desk, PayOut, voucher="CW-1001")
    return desk


async def withdrawn(hospital: Hospital) -> RefundDesk:
    desk = await of_management(hospital)
    await asks(desk, Withdraw)
    return desk


async def abnormal(hospital: Hospital) -> RefundDesk:
    return await ended_with(hospital, RefundStatus.ABNORMAL)


async def closed(hospital: Hospital) -> RefundDesk:
    return await ended_with(hospital, RefundStatus.CLOSED)


async def arrived(hospital: Hospital) -> RefundDesk:
    return await ended_with(hospital, RefundStatus.SUCCESS)


_ALWAYS: Final = frozenset({Retry, HandOver})
_PAY_OUT, _WITHDRAW = _ALWAYS | {PayOut}, _ALWAYS | {Withdraw}

STANDS: Final[dict[Callable[[Hospital], Awaitable[RefundDesk]], frozenset[type[Command]]]] = {
    requested: frozenset(),
    cleared: frozenset(),
    accepted: frozenset(),
    taken_in_silence_then_refused: frozenset(),
    arrived: frozenset(),
    paid_out: frozenset(),
    withdrawn: frozenset(),
    refused_by_his: _ALWAYS,
    given_back_at_a_window: _WITHDRAW,
    of_management: _WITHDRAW,
    refused_by_channel: _PAY_OUT,
    reported_though_refused: _PAY_OUT,
    without_balance: _PAY_OUT,
    closed: _PAY_OUT,
    abnormal_then_closed: _PAY_OUT,
    overdue_and_absent: _PAY_OUT,
    abnormal: _ALWAYS,
    overdue: _ALWAYS,
    overdue_with_a_word_that_nobody_knows: _ALWAYS,
    absent_and_seen_again: _ALWAYS,
    refused_on_a_retry_while_the_channel_has_it: _ALWAYS,
    known_there_with_another_sum: _ALWAYS,
}


@pytest.mark.parametrize(("stands", "may"), STANDS.items(), ids=lambda one: getattr(one, "__name__", ""))
async def test_what_is_offered_is_done_and_nothing_else(
    hospital: Hospital, stands: Callable[[Hospital], Awaitable[RefundDesk]], may: frozenset[type[Command]]
) -> None:
    desk = await stands(hospital)

    assert await offered(desk) == may
    before = (await row(desk)).version
    for kind in (one for one in COMMANDS if desk.state is RefundState.STUCK and one not in may):
        with pytest.raises(DomainError):
            await asks(desk, kind, **SAID.get(kind, {}))
    assert (await row(desk)).version == before

    for kind in (HandOver, *(may - _ALWAYS or may & {Retry})):  # one that ends it is the last
        if kind in may:
            await asks(desk, kind, **SAID.get(kind, {}))
    assert not may or (await row(desk)).version > before
