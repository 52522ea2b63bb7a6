"""What no machine can finish: a task with an owner, and what a person may do about it (A-6)."""

from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError

from activities.refund import RefundActivities
from models.kernel.errors import Unknown, known
from models.ledger import Account
from models.message import Template
from models.process import Alarm, Command
from models.refund import HandOver, Office, PayOut, Refund, RefundState, RefundStatus, Retry, Withdraw
from models.revisit import State
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital, wish
from tests.process.visit import opened, refused
from tests.refund.builders import (
    ACCEPTED,
    CLEARED,
    FINANCE,
    PAID,
    accepted,
    asks,
    ended_with,
    ends,
    given_back,
    goes_to,
    is_lost,
    refused_by_channel,
    refused_by_his,
    row,
    tasks,
    wanted_by_management,
)

VOUCHER = "CW-20260302-01"
BY_TRANSFER = {Account.WECHAT_PAY: FEE_FEN, Account.HOSPITAL_BANK: -FEE_FEN}
"""Given back by the hospital's own transfer: what came stays at the channel."""


async def test_tried_again_at_the_his_it_goes_its_way(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital)

    await asks(desk, Retry)
    kept = await row(desk)
    assert (desk.state, kept.trouble, kept.office) == (RefundState.REQUESTED, None, None)

    await goes_to(desk, RefundState.ARRIVED)
    assert (list(hospital.his.reversals), await hospital.balances()) == ([desk.id.hex], {})


async def test_tried_again_at_the_channel_the_his_is_not_asked_twice(hospital: Hospital) -> None:
    desk = await refused_by_channel(hospital)

    await asks(desk, Retry)
    assert desk.state is RefundState.CLEARED

    await goes_to(desk, RefundState.ARRIVED)
    assert (list(hospital.wechat_pay.refunds), hospital.his.times("reverse")) == ([desk.id.hex], 1)


async def test_what_the_channel_closed_is_asked_for_under_a_new_number_and_only_one_gives_money(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)
    first = (await row(desk)).number

    await asks(desk, Retry)
    await goes_to(desk, RefundState.ARRIVED)

    second = (await row(desk)).number
    assert {number: one.status for number, one in hospital.wechat_pay.refunds.items()} == {
        first: RefundStatus.CLOSED,
        second: RefundStatus.SUCCESS,
    }
    assert (hospital.wechat_pay.given_back_fen, await given_back(hospital)) == (FEE_FEN, (FEE_FEN, 0, FEE_FEN))
    assert (await hospital.balances(), list(hospital.his.reversals)) == ({}, [desk.id.hex]), "one number at the HIS"


async def test_closed_twice_it_has_a_third_number(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)
    await asks(desk, Retry)
    await goes_to(desk, RefundState.ACCEPTED)
    await ends(desk, RefundStatus.CLOSED)
    await desk.alarm()
    await asks(desk, Retry)

    await goes_to(desk, RefundState.ARRIVED)

    assert (len(hospital.wechat_pay.refunds), hospital.wechat_pay.given_back_fen) == (3, FEE_FEN)
    assert (await hospital.balances(), await given_back(hospital)) == ({}, (FEE_FEN, 0, FEE_FEN))


@pytest.mark.parametrize("word", [RefundStatus.ABNORMAL, RefundStatus.PROCESSING])
async def test_what_the_channel_may_still_give_keeps_its_number(hospital: Hospital, clock: Hands, word: RefundStatus) -> None:
    """Under another it might be given twice."""
    desk = await accepted(hospital)
    clock.at = known((await row(desk)).due_at)
    await ends(desk, word)
    await desk.happens(Alarm())

    await asks(desk, Retry)
    await desk.happens()

    assert desk.state is (RefundState.STUCK if word is RefundStatus.ABNORMAL else RefundState.ACCEPTED)
    assert (list(hospital.wechat_pay.refunds), await hospital.balances()) == ([desk.id.hex], ACCEPTED)


async def test_tried_again_it_has_a_new_promise_and_all_its_tries(hospital: Hospital, clock: Hands) -> None:
    desk = await accepted(hospital)
    overdue = known((await row(desk)).due_at)
    clock.at = overdue
    await desk.happens(Alarm())

    await asks(desk, Retry)

    kept = await row(desk)
    assert known(kept.due_at) > overdue
    assert (kept.tries, kept.polls, kept.wake_at) == (0, 0, None)


async def test_handed_over_it_stays_with_that_office_whatever_the_channel_says(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.ABNORMAL)

    await asks(desk, HandOver, office=Office.OUTPATIENT)
    await desk.alarm()

    kept = await row(desk)
    assert (kept.state, kept.office, kept.trouble) == (RefundState.STUCK, "outpatient", "wechat_pay.refund_abnormal")


async def test_a_retry_that_fails_stays_with_the_office_that_a_person_gave_it_to(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital)
    for office in (Office.FINANCE, Office.INSURANCE):
        await asks(desk, HandOver, office=office)
    for trouble in ("his.dispensed", "his.executed"):
        await asks(desk, Retry)
        assert (await row(desk)).office is None, "while it is tried it is nobody's task"
        hospital.his.refuses("reverse", trouble)

        with capture_logs() as lines:
            await desk.happens()

        assert ((await row(desk)).office, tasks(lines)) == ("insurance", [trouble])


async def test_given_to_nobody_it_is_the_task_of_who_can_mend_what_is_wrong_now(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital, "his.executed")
    assert (await row(desk)).office == "outpatient"

    await asks(desk, Retry)
    hospital.wechat_pay.refuses("refund", "wechat_pay.account_abnormal")
    await desk.happens()
    await desk.happens()

    assert ((await row(desk)).trouble, (await row(desk)).office) == ("wechat_pay.account_abnormal", "finance")


async def test_the_office_that_has_it_is_not_given_it_again(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital, "his.executed")
    before = (await row(desk)).version

    assert await refused(asks(desk, HandOver, office=Office.OUTPATIENT)) == "refund.theirs_already"
    assert ((await row(desk)).version, await hospital.story(desk.id)) == (before, ["refund.reverse"]), "nothing was done"

    once = wish(HandOver, FINANCE, office=Office.INSURANCE)
    both_read = desk.now
    await desk.happens(once)
    assert (await hospital.work(RefundActivities.hand_over)(both_read, once)).office is Office.INSURANCE, "the same wish again is done"
    assert await refused(asks(desk, HandOver, office=Office.INSURANCE)) == "refund.theirs_already"


async def test_paid_out_by_a_transfer_it_is_given_back_and_told(hospital: Hospital) -> None:
    desk = await refused_by_channel(hospital)

    await asks(desk, PayOut, voucher=VOUCHER)

    kept = await row(desk)
    assert (kept.state, kept.voucher, kept.trouble, kept.arrived_at) == (RefundState.PAID_OUT, VOUCHER, None, hospital.clock())
    assert (await hospital.balances(), await given_back(hospital)) == (BY_TRANSFER, (FEE_FEN, 0, FEE_FEN))
    told = await hospital.told(desk.now.visit_id)
    assert (told.count(Template.REFUND_PAID_OUT), told.count(Template.REFUND_ARRIVED)) == (1, 0), "it did not come back the way it went"


async def test_paid_out_after_the_channel_closed_it(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)

    await asks(desk, PayOut, voucher=VOUCHER)

    assert (desk.state, await hospital.balances()) == (RefundState.PAID_OUT, BY_TRANSFER)


async def test_paid_out_after_the_channel_has_no_such_refund_any_more(hospital: Hospital, clock: Hands) -> None:
    """Taken, overdue, and then the channel knows nothing of it: what was on its way is at the channel again."""
    desk = await accepted(hospital)
    clock.at = known((await row(desk)).due_at)
    await desk.happens(Alarm())
    del hospital.wechat_pay.refunds[desk.id.hex]
    await desk.alarm()
    assert ((await row(desk)).trouble, await hospital.balances()) == ("wechat_pay.refund_absent", ACCEPTED)

    await asks(desk, PayOut, voucher=VOUCHER)

    assert (desk.state, await hospital.balances()) == (RefundState.PAID_OUT, BY_TRANSFER)


async def test_what_the_his_has_not_let_go_is_not_paid_out(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital)

    assert await refused(asks(desk, PayOut, voucher=VOUCHER)) == "refund.not_cleared"

    kept = await row(desk)
    assert (kept.state, kept.step, await hospital.balances()) == (RefundState.STUCK, None, PAID), "free for the next wish"
    assert "query_refund" not in hospital.wechat_pay.asked


@pytest.mark.parametrize("word", [RefundStatus.PROCESSING, RefundStatus.SUCCESS, RefundStatus.ABNORMAL, RefundStatus.UNKNOWN])
async def test_what_the_channel_may_give_or_gave_is_not_paid_out_too(hospital: Hospital, clock: Hands, word: RefundStatus) -> None:
    desk = await accepted(hospital)
    clock.at = known((await row(desk)).due_at)
    await desk.happens(Alarm())
    await ends(desk, word)

    assert await refused(asks(desk, PayOut, voucher=VOUCHER)) == "refund.at_the_channel"

    kept = await row(desk)
    assert (kept.state, kept.step, kept.voucher, await hospital.balances()) == (RefundState.STUCK, None, None, ACCEPTED)


async def test_while_the_channel_is_silent_nothing_is_paid_out(hospital: Hospital) -> None:
    """Its word may be that the money has gone."""
    desk, pay_out = await refused_by_channel(hospital), wish(PayOut, FINANCE, voucher=VOUCHER)
    hospital.wechat_pay.silent("query_refund")

    await is_lost(desk, RefundActivities.pay_out, pay_out)

    assert (desk.state, desk.now.under_way, await hospital.balances()) == (RefundState.STUCK, pay_out, CLEARED)
    await desk.happens(pay_out)
    assert (desk.state, await hospital.balances()) == (RefundState.PAID_OUT, BY_TRANSFER)


async def test_what_management_wanted_and_the_his_does_not_let_go_may_be_withdrawn(hospital: Hospital) -> None:
    """The visit was served: the HIS has it as executed."""
    visit = await (await opened(hospital)).to(State.CLOSED)
    desk = await wanted_by_management(hospital, visit)
    await desk.happens()
    assert (desk.state, (await row(desk)).trouble) == (RefundState.STUCK, "his.executed")

    await asks(desk, Withdraw)

    assert (desk.state, await given_back(hospital), await hospital.balances()) == (RefundState.WITHDRAWN, (FEE_FEN, 0, 0), PAID)
    assert Template.REFUND_ARRIVED not in await hospital.told(visit.id)


async def test_what_was_withdrawn_may_be_wanted_again(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    desk = await wanted_by_management(hospital, visit)
    await desk.happens()
    await asks(desk, Withdraw)
    hospital.his.of_claim((await hospital.row(visit.id)).claim_id).status = "booked"  # the HIS has taken its execution back

    again = await goes_to(await wanted_by_management(hospital, visit), RefundState.ARRIVED)

    assert (again.id != desk.id, await given_back(hospital), await hospital.balances()) == (True, (FEE_FEN, 0, FEE_FEN), {})


async def test_what_a_window_gave_back_may_be_withdrawn(hospital: Hospital) -> None:
    desk = await refused_by_his(hospital, "his.already-reversed")

    await asks(desk, Withdraw)

    assert (desk.state, await given_back(hospital)) == (RefundState.WITHDRAWN, (FEE_FEN, 0, 0))


@pytest.mark.parametrize("code", ["his.executed", "his.dispensed", "his.not-settled", "his.amount-differs"])
async def test_what_is_owed_to_the_patient_is_not_withdrawn(hospital: Hospital, code: str) -> None:
    desk = await refused_by_his(hospital, code)

    assert await refused(asks(desk, Withdraw)) == "refund.owed"

    assert ((await row(desk)).state, await given_back(hospital)) == (RefundState.STUCK, (FEE_FEN, FEE_FEN, 0))


async def test_what_the_his_has_let_go_is_not_withdrawn_even_if_management_wanted_it(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.of_claim((await hospital.row(visit.id)).claim_id).status = "booked"
    desk = await goes_to(await wanted_by_management(hospital, visit), RefundState.CLEARED)
    hospital.wechat_pay.refuses("refund", "wechat_pay.refund_too_late")
    await desk.happens()

    assert await refused(asks(desk, Withdraw)) == "refund.owed"

    assert (await row(desk)).state is not RefundState.WITHDRAWN


@pytest.mark.parametrize("second", [Retry, PayOut, Withdraw, HandOver])
async def test_of_two_people_who_read_the_same_row_one_moves_it(hospital: Hospital, second: type[Command]) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)
    hands: dict[type[Command], Callable[..., Awaitable[Refund]]] = {
        Retry: RefundActivities.retry,
        PayOut: RefundActivities.pay_out,
        Withdraw: RefundActivities.withdraw,
        HandOver: RefundActivities.hand_over,
    }
    fields: dict[type[Command], dict[str, object]] = {PayOut: {"voucher": VOUCHER}, HandOver: {"office": Office.INSURANCE}}
    both_read = desk.now
    await asks(desk, Retry)

    late = hospital.work(hands[second])(both_read, wish(second, FINANCE, **fields.get(second, {})))
    with pytest.raises(ApplicationError, match=r"row\.moved"):
        await late

    kept = await row(desk)
    assert (kept.state, kept.attempt, await hospital.story(desk.id)) == (
        RefundState.CLEARED,
        1,
        ["refund.reverse", "refund.apply", "refund.query", "refund.retry"],
    )


async def test_while_the_channel_is_asked_for_one_person_another_moves_nothing(hospital: Hospital) -> None:
    desk, pay_out = await refused_by_channel(hospital), wish(PayOut, FINANCE, voucher=VOUCHER)
    hospital.wechat_pay.silent("query_refund")
    with pytest.raises(Unknown):
        await hospital.work(RefundActivities.pay_out)(desk.now, pay_out)

    with pytest.raises(ApplicationError, match=r"row\.moved"):
        await hospital.work(RefundActivities.retry)(desk.now, wish(Retry, FINANCE))

    await hospital.hand_time_is_up()
    await desk.happens(pay_out)
    assert (desk.state, len(hospital.wechat_pay.refunds)) == (RefundState.PAID_OUT, 0)
