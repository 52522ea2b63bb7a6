"""A fee goes back the way it came: the HIS lets go, the channel takes it, its query says that it has arrived (A-6, P-2.6a)."""

from datetime import timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from activities.refund import RefundActivities
from models.kernel.clock import SHANGHAI
from models.kernel.errors import known
from models.message import Template
from models.policy import STANDARD
from models.process import Alarm
from models.refund import CHANNEL_REASONS, Cause, RefundState, RefundStatus
from tests.builders import FEE_FEN
from tests.client import Hands
from tests.process.hospital import Hospital
from tests.refund.builders import (
    ACCEPTED,
    CLEARED,
    PAID,
    accepted,
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
    tasks,
)


async def test_step_by_step_with_the_books_after_each(hospital: Hospital) -> None:
    desk = await requested(hospital)
    assert (desk.state, await hospital.balances(), await given_back(hospital)) == (RefundState.REQUESTED, PAID, (FEE_FEN, FEE_FEN, 0))

    await desk.happens()
    assert (desk.state, await hospital.balances(), hospital.his.kept_fen) == (RefundState.CLEARED, CLEARED, 0)

    await desk.happens()
    assert (desk.state, await hospital.balances()) == (RefundState.ACCEPTED, ACCEPTED)
    assert await given_back(hospital) == (FEE_FEN, FEE_FEN, 0), "accepted is not arrived"

    await ends(desk)
    await desk.alarm()
    assert (desk.state, await hospital.balances(), await given_back(hospital)) == (RefundState.ARRIVED, {}, (FEE_FEN, 0, FEE_FEN))
    assert await hospital.story(desk.id) == ["refund.reverse", "refund.apply", "refund.query"]


async def test_whose_money_it_was_is_told_once_that_it_has_arrived(hospital: Hospital) -> None:
    desk = await goes_to(await requested(hospital), RefundState.ARRIVED)

    told = await hospital.told(desk.now.visit_id)
    assert told == [Template.REFUND_ARRIVED, Template.REVISIT_BOOKED, Template.REVISIT_CANCELLED]


async def test_the_channel_is_asked_for_the_whole_sum_in_words_that_tell_nothing(hospital: Hospital) -> None:
    desk = await accepted(hospital)

    [(number, given)] = hospital.wechat_pay.refunds.items()
    assert (number, given.amount_fen) == (desk.id.hex, FEE_FEN)
    assert given.reason == CHANNEL_REASONS[Cause.PATIENT] == "退号退费"


async def test_its_times_are_kept_as_people_read_them(hospital: Hospital, clock: Hands) -> None:
    desk = await cleared(hospital)
    at = clock.forward(minutes=1)
    await desk.happens()
    await ends(desk)
    done = clock.forward(seconds=2)
    hospital.wechat_pay.refunds[desk.id.hex].arrived_at = done
    clock.forward(minutes=5)

    await desk.alarm()

    kept = await row(desk)
    assert (kept.accepted_at, kept.arrived_at) == (at, done), "the channel's instant, not that of our question"


@pytest.mark.parametrize(("workdays", "until"), [(1, "2026-03-04"), (3, "2026-03-06"), (5, "2026-03-10")])
async def test_so_many_working_days_are_promised(hospital: Hospital, workdays: int, until: str) -> None:
    """It is a Monday; Saturday and Sunday don't count, and the last day does to its end."""
    desk = await requested(hospital, {"refund_workdays": workdays})

    promised = known((await row(desk)).due_at).astimezone(SHANGHAI)
    assert (promised.date().isoformat(), promised.hour) == (until, 0)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_his_is_asked_again_under_the_same_number_and_reverses_once(hospital: Hospital, landed: bool) -> None:
    desk = await requested(hospital)
    hospital.his.silent("reverse", landed=landed, times=2)

    await desk.happens()

    assert (desk.state, hospital.his.times("reverse")) == (RefundState.CLEARED, 3)
    assert list(hospital.his.reversals) == [desk.id.hex]
    assert (hospital.his.kept_fen, await hospital.balances()) == (0, CLEARED)


async def test_what_the_his_let_go_without_an_answer_is_let_go_whatever_it_says_since(hospital: Hospital) -> None:
    """It took our number, and refuses when it is asked again."""
    desk = await requested(hospital)
    hospital.his.silent("reverse", landed=True)
    hospital.his.refuses("reverse", "his.executed")

    await desk.happens()

    assert (desk.state, await hospital.balances(), hospital.his.kept_fen) == (RefundState.CLEARED, CLEARED, 0)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_channel_is_asked_again_under_the_same_number_and_gives_once(hospital: Hospital, landed: bool) -> None:
    desk = await cleared(hospital)
    hospital.wechat_pay.silent("refund", landed=landed, times=2)

    await desk.happens()

    assert (desk.state, hospital.wechat_pay.times("refund")) == (RefundState.ACCEPTED, 3)
    assert (list(hospital.wechat_pay.refunds), hospital.wechat_pay.given_back_fen) == ([desk.id.hex], FEE_FEN)
    assert await hospital.balances() == ACCEPTED


@pytest.mark.parametrize("code", ["his.executed", "his.dispensed", "his.already-reversed", "his.not-settled", "his.amount-differs"])
async def test_what_the_his_does_not_let_go_never_leaves_the_channel_and_a_person_is_called(hospital: Hospital, code: str) -> None:
    with capture_logs() as lines:
        desk = await refused_by_his(hospital, code)

    kept = await row(desk)
    office = "outpatient" if code == "his.executed" else "finance"
    assert (kept.state, kept.trouble, kept.office, kept.wake_at) == (RefundState.STUCK, code, office, None)
    assert (tasks(lines), hospital.wechat_pay.refunds) == ([code], {})
    assert (await hospital.balances(), await given_back(hospital)) == (PAID, (FEE_FEN, FEE_FEN, 0)), "still promised to the patient"


@pytest.mark.parametrize(
    "code",
    [
        *("wechat_pay.refund_exceeded", "wechat_pay.refund_too_late", "wechat_pay.order_not_paid"),
        *("wechat_pay.parameters_differ", "wechat_pay.account_abnormal"),
    ],
)
async def test_what_the_channel_does_not_take_calls_a_person(hospital: Hospital, code: str) -> None:
    with capture_logs() as lines:
        desk = await refused_by_channel(hospital, code)

    kept = await row(desk)
    assert (kept.state, kept.trouble, kept.office, kept.wake_at) == (RefundState.STUCK, code, "finance", None)
    assert (tasks(lines), await hospital.balances()) == ([code], CLEARED)


async def test_success_at_once_needs_no_question(hospital: Hospital) -> None:
    """Asked again after a lost answer the channel may have carried it out already."""
    desk = await cleared(hospital)
    hospital.wechat_pay.silent("refund", landed=True)
    await is_lost(desk, RefundActivities.apply)
    await ends(desk)

    await desk.happens()

    assert (desk.state, hospital.wechat_pay.times("query_refund")) == (RefundState.ARRIVED, 0)
    assert (await hospital.balances(), await given_back(hospital)) == ({}, (FEE_FEN, 0, FEE_FEN))


async def test_while_the_channel_works_it_is_asked_by_the_rules_pauses(hospital: Hospital, clock: Hands) -> None:
    desk = await accepted(hospital)
    asked = [clock()]
    for _ in range(len(STANDARD.refund_polls_s) + 2):
        await desk.alarm()
        asked.append(clock())

    pauses = [(after - before).total_seconds() for before, after in pairwise(asked)]
    assert pauses == [*STANDARD.refund_polls_s, STANDARD.refund_polls_s[-1], STANDARD.refund_polls_s[-1]]
    assert (desk.state, await hospital.balances()) == (RefundState.ACCEPTED, ACCEPTED)


async def test_between_two_questions_there_is_no_alarm(hospital: Hospital, clock: Hands) -> None:
    desk = await accepted(hospital)
    clock.forward(seconds=STANDARD.refund_polls_s[0] - 1)

    with pytest.raises(AssertionError, match="no alarm is set"):
        await desk.happens(Alarm())


@pytest.mark.parametrize("word", [RefundStatus.UNKNOWN, RefundStatus.ABSENT])
async def test_a_word_that_says_nothing_is_neither_arrived_nor_failed(hospital: Hospital, word: RefundStatus) -> None:
    desk = await accepted(hospital)
    hospital.wechat_pay.refunds[desk.id.hex].status = word

    await desk.alarm()
    assert (desk.state, await hospital.balances()) == (RefundState.ACCEPTED, ACCEPTED)

    await ends(desk)
    await desk.alarm()
    assert (desk.state, await hospital.balances()) == (RefundState.ARRIVED, {})


async def test_a_report_is_only_a_reason_to_ask(hospital: Hospital) -> None:
    desk = await accepted(hospital)

    await is_reported(desk)
    assert (desk.state, await hospital.balances(), await hospital.unhandled()) == (RefundState.ACCEPTED, ACCEPTED, 0)

    await ends(desk)
    await is_reported(desk)
    assert (desk.state, await hospital.balances(), await hospital.unhandled()) == (RefundState.ARRIVED, {}, 0)


async def test_a_silent_query_is_asked_again(hospital: Hospital) -> None:
    desk = await accepted(hospital)
    await ends(desk)
    hospital.wechat_pay.silent("query_refund", times=3)

    await is_reported(desk)

    assert (desk.state, hospital.wechat_pay.times("query_refund")) == (RefundState.ARRIVED, 4)


async def test_reported_three_times_it_arrives_once(hospital: Hospital) -> None:
    desk = await accepted(hospital)
    await ends(desk)
    reports = [await reported(desk) for _ in range(3)]

    await desk.happens(reports[0])

    assert (desk.state, await given_back(hospital)) == (RefundState.ARRIVED, (FEE_FEN, 0, FEE_FEN))
    waiting = {one.id for one in await hospital.waiting(desk.id)}
    assert waiting == {one.id for one in reports[1:]}, "for a refund at its end the relay says that they are late"


async def test_when_the_merchants_balance_does_not_suffice_it_is_tried_again_and_said(hospital: Hospital, clock: Hands) -> None:
    desk, began = await cleared(hospital), clock()
    hospital.wechat_pay.refuses("refund", "wechat_pay.not_enough")

    with capture_logs() as lines:
        await desk.happens()
    said = [(line["event"], line["log_level"]) for line in lines]
    assert (desk.state, said) == (RefundState.CLEARED, [("refund.not_enough", "warning")]), "finance fills the account by day"
    assert (await hospital.balances(), (await row(desk)).trouble) == (CLEARED, None)
    with pytest.raises(AssertionError, match="no alarm is set"):
        await desk.happens(Alarm())

    await desk.alarm()
    assert (desk.state, clock() - began) == (RefundState.ACCEPTED, timedelta(seconds=STANDARD.refund_pause_s))
    assert (list(hospital.wechat_pay.refunds), await hospital.balances()) == ([desk.id.hex], ACCEPTED)


async def test_after_so_many_tries_a_person_is_called(hospital: Hospital) -> None:
    desk = await cleared(hospital, {"refund_tries_max": 3})
    for _ in range(3):
        hospital.wechat_pay.refuses("refund", "wechat_pay.not_enough")

    await desk.happens()
    await desk.alarm()
    assert desk.state is RefundState.CLEARED
    await desk.alarm()

    kept = await row(desk)
    assert (kept.state, kept.trouble, kept.wake_at) == (RefundState.STUCK, "wechat_pay.not_enough", None)


async def test_later_than_promised_a_person_is_called_and_the_channel_still_asked(hospital: Hospital, clock: Hands) -> None:
    desk = await accepted(hospital)
    clock.at = known((await row(desk)).due_at)

    with capture_logs() as lines:
        await desk.happens(Alarm())
    assert (desk.state, (await row(desk)).trouble, tasks(lines)) == (
        RefundState.STUCK,
        "refund.overdue",
        ["refund.overdue"],
    )

    with capture_logs() as lines:
        await desk.alarm()
    assert (desk.state, tasks(lines)) == (RefundState.STUCK, []), "called once"

    await ends(desk)
    await desk.alarm()
    assert (desk.state, await hospital.balances(), (await row(desk)).trouble) == (RefundState.ARRIVED, {}, None)


async def test_what_cannot_arrive_the_way_it_came_waits_for_the_merchants_desk(hospital: Hospital) -> None:
    """ABNORMAL: the payer's card is gone. It has left the merchant, and is carried out by hand at the channel."""
    with capture_logs() as lines:
        desk = await ended_with(hospital, RefundStatus.ABNORMAL)
    assert (desk.state, tasks(lines)) == (RefundState.STUCK, ["wechat_pay.refund_abnormal"])
    assert (await hospital.balances(), await given_back(hospital)) == (ACCEPTED, (FEE_FEN, FEE_FEN, 0))

    await ends(desk)
    await desk.alarm()
    assert (desk.state, await hospital.balances(), await given_back(hospital)) == (RefundState.ARRIVED, {}, (FEE_FEN, 0, FEE_FEN))


async def test_an_end_at_the_merchants_desk_may_be_reported_too(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.ABNORMAL)
    await ends(desk)

    await is_reported(desk)

    assert (desk.state, await hospital.told(desk.now.visit_id)) == (
        RefundState.ARRIVED,
        [Template.REFUND_ARRIVED, Template.REVISIT_BOOKED, Template.REVISIT_CANCELLED],
    )


async def test_what_the_channel_closed_gave_nothing_and_stands_so_in_the_books(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)

    kept = await row(desk)
    assert (kept.state, kept.trouble, kept.accepted_at, kept.wake_at) == (RefundState.STUCK, "wechat_pay.refund_closed", None, None)
    assert (await hospital.balances(), await given_back(hospital)) == (CLEARED, (FEE_FEN, FEE_FEN, 0))
    assert hospital.wechat_pay.given_back_fen == 0


async def test_closed_before_we_ever_heard_that_it_was_taken_there_is_nothing_to_take_back(hospital: Hospital) -> None:
    desk = await cleared(hospital)
    hospital.wechat_pay.silent("refund", landed=True)
    await is_lost(desk, RefundActivities.apply)
    await ends(desk, RefundStatus.CLOSED)

    await desk.happens()

    assert (desk.state, await hospital.balances()) == (RefundState.STUCK, CLEARED)


async def test_reported_closed_again_nothing_more_is_taken_back(hospital: Hospital) -> None:
    desk = await ended_with(hospital, RefundStatus.CLOSED)

    await is_reported(desk)

    assert (desk.state, await hospital.balances()) == (RefundState.STUCK, CLEARED)
