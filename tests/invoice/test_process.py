"""A bill from the settlement to its PDF, undone and issued anew when money goes back, whatever the issuer does."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from activities.invoice import InvoiceActivities
from models.invoice import InvoiceState, Split
from models.kernel.errors import Unknown
from models.revisit import Cancel, State
from models.stores.invoice import InvoiceFiles
from tests.builders import FEE_FEN
from tests.invoice.builders import (
    FEE,
    all_walk,
    bill,
    booked,
    cancelled,
    gives_back,
    lets_go,
    refused,
    retried,
    rows,
    stands,
    walks,
)
from tests.process.hospital import FILES, Hospital, Unheard
from tests.process.visit import opened

S = InvoiceState


async def test_a_settled_charge_is_billed_by_what_was_settled(hospital: Hospital, runs: Unheard) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    assert ("invoice", desk.id) in runs.begun
    assert desk.state is S.ISSUING

    await desk.happens()

    [row] = await rows(hospital, visit.charge.id)
    [kept] = hospital.issuer.bills.values()
    assert (desk.state, row.state, row.number, row.check_code) == (S.ISSUED, "issued", kept.bill.number, kept.bill.check_code)
    assert (kept.wanted.split, kept.wanted.item.name, kept.wanted.number) == (FEE, "医事服务费", desk.id.hex)
    assert (kept.wanted.channel_no, row.qr) == ((await hospital.payments())[0].transaction_id, kept.bill.qr)
    assert row.file is not None
    assert (await InvoiceFiles(FILES).read(row.file)).startswith(b"%PDF")
    assert hospital.issuer.asked == ["issue", "picture"], "one step"


async def test_what_was_never_settled_is_never_billed(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.PAYING)
    hospital.wechat_pay.pay(await visit.orders())
    await visit.is_reported()
    hospital.his.refuses("settle", "his.lock-expired")
    await visit.charge.happens()
    await (await visit.refund()).happens()

    assert await rows(hospital, visit.charge.id) == []


async def test_a_cancelled_visit_has_its_bill_undone_in_full(hospital: Hospital) -> None:
    visit = await booked(hospital)
    await walks(await bill(hospital, visit))
    await visit.does(Cancel)
    await visit.is_given_back()

    assert await all_walk(hospital, visit) == [S.ISSUED, S.VOID]
    first, second = await rows(hospital, visit.charge.id)
    assert (first.reversed_at is not None, first.red_number is not None, second.number) == (True, True, None)
    assert stands(hospital) == 0


async def test_part_of_a_fee_goes_back_and_the_rest_is_billed_anew(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.undone.add(hospital.his.of_claim((await visit.hospital.row(visit.id)).claim_id).invoice_id)
    await walks(await bill(hospital, visit))
    await gives_back(hospital, visit, 1200)

    assert await all_walk(hospital, visit) == [S.ISSUED, S.ISSUED]
    first, second = await rows(hospital, visit.charge.id)
    assert first.reversed_at is not None
    assert (second.cash_fen, stands(hospital)) == (FEE_FEN - 1200, FEE_FEN - 1200)


@pytest.mark.parametrize(
    ("parts", "walked_after"), [((1200, 800), True), ((1200, 800), False), ((1200, FEE_FEN - 1200), True), ((1, 1), False)]
)
async def test_two_refunds_one_after_the_other(hospital: Hospital, parts: Sequence[int], walked_after: bool) -> None:
    """Each undone and issued anew between them, or both before the bill's next step."""
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.undone.add(hospital.his.of_claim((await hospital.row(visit.id)).claim_id).invoice_id)
    await walks(await bill(hospital, visit))
    for part in parts:
        await gives_back(hospital, visit, part)
        if walked_after:
            await all_walk(hospital, visit)
    await all_walk(hospital, visit)

    assert stands(hospital) == FEE_FEN - sum(parts)
    assert len([one for one in hospital.issuer.bills.values() if one.red is None]) == (1 if sum(parts) < FEE_FEN else 0)


async def test_money_that_goes_back_before_the_bill_is_issued_is_not_on_it(hospital: Hospital) -> None:
    visit = await booked(hospital)
    await visit.does(Cancel)
    await visit.is_given_back()

    assert await all_walk(hospital, visit) == [S.VOID]
    assert hospital.issuer.bills == {}


async def test_money_that_goes_back_while_the_issuer_is_silent_is_undone_behind_it(hospital: Hospital) -> None:
    """The bill may stand there already: it is issued as it was asked for, then undone."""
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    hospital.issuer.silent("issue", landed=True)
    with pytest.raises(Unknown):
        await hospital.work(InvoiceActivities.issue)(desk.now)
    await visit.does(Cancel)
    await visit.is_given_back()
    await hospital.hand_time_is_up()

    assert await all_walk(hospital, visit) == [S.ISSUED, S.VOID]
    assert (len(hospital.issuer.bills), stands(hospital)) == (1, 0)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_issuer_delays_the_bill_and_nothing_else(hospital: Hospital, landed: bool) -> None:
    hospital.issuer.silent("issue", landed=landed, times=3)
    visit = await booked(hospital)
    assert (visit.state, (await bill(hospital, visit)).state) == (State.BOOKED, S.ISSUING)

    assert await walks(await bill(hospital, visit)) is S.ISSUED
    assert (len(hospital.issuer.bills), stands(hospital)) == (1, FEE_FEN)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_silent_issuer_undoes_once(hospital: Hospital, landed: bool) -> None:
    visit = await booked(hospital)
    await walks(await bill(hospital, visit))
    await visit.does(Cancel)
    await visit.is_given_back()
    hospital.issuer.silent("reverse", landed=landed, times=2)

    assert await all_walk(hospital, visit) == [S.ISSUED, S.VOID]
    assert stands(hospital) == 0


async def test_a_refusal_that_came_too_late_is_none(hospital: Hospital) -> None:
    """It landed without an answer, then is refused: what is there was issued, and undone."""
    visit = await booked(hospital)
    hospital.issuer.silent("issue", landed=True)
    hospital.issuer.refuses("issue", "invoice.E0101")
    assert await walks(await bill(hospital, visit)) is S.ISSUED
    hospital.issuer.silent("reverse", landed=True)  # asked again, it says that it was undone already
    await visit.does(Cancel)
    await visit.is_given_back()

    assert await all_walk(hospital, visit) == [S.ISSUED, S.VOID]


async def test_what_is_refused_is_a_task_and_tried_again(hospital: Hospital) -> None:
    visit = await booked(hospital)
    hospital.issuer.refuses("issue", "invoice.E0104")
    desk = await bill(hospital, visit)
    with capture_logs() as lines:
        assert await walks(desk) is S.REFUSED
    assert [line["trouble"] for line in lines if line["event"] == "invoice.refused"] == ["invoice.E0104"]
    await retried(desk)
    assert (desk.state, desk.now.trouble) == (S.ISSUING, None)

    assert await walks(desk) is S.ISSUED
    assert stands(hospital) == FEE_FEN


async def test_what_was_refused_and_then_given_back_in_full_is_no_task_any_more(hospital: Hospital, runs: Unheard) -> None:
    visit = await booked(hospital)
    desk = await refused(hospital, visit)
    await cancelled(visit)
    [news] = await hospital.waiting(desk.id)
    assert ("invoice", desk.id, news) in runs.knocked
    await desk.news()

    assert (desk.state, desk.now.trouble, len(await rows(hospital, visit.charge.id))) == (S.VOID, None, 1)
    assert (hospital.issuer.bills, hospital.issuer.times("issue")) == ({}, 1)
    assert await hospital.waiting(desk.id) == []


async def test_a_retry_of_what_has_all_gone_back_bills_nothing(hospital: Hospital) -> None:
    visit = await booked(hospital)
    desk = await refused(hospital, visit)
    await cancelled(visit)
    await retried(desk)

    assert (desk.state, hospital.issuer.times("issue"), stands(hospital)) == (S.VOID, 1, 0)


@pytest.mark.parametrize("undone", [False, True])
async def test_what_was_refused_and_landed_late_is_found_and_undone(hospital: Hospital, undone: bool) -> None:
    """An attempt without an answer may land after the refusal; the office may have undone it at the issuer meanwhile."""
    visit = await booked(hospital)
    desk = await refused(hospital, visit)
    await cancelled(visit)
    late = hospital.issuer.lands(desk.id.hex)
    if undone:
        await hospital.issuer.reverse(late.code, late.number, hospital.clock())
    await desk.news()

    assert desk.state is (S.VOID if undone else S.FETCHING)
    assert await all_walk(hospital, visit) == ([S.VOID] if undone else [S.ISSUED, S.VOID])
    assert (hospital.issuer.times("issue"), stands(hospital)) == (1, 0)
    [first, *_] = await rows(hospital, visit.charge.id)
    assert (first.number, first.red_number is not None) == (late.number, True)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_retry_after_part_went_back_bills_only_what_remains(hospital: Hospital, landed: bool) -> None:
    """Unless the whole was billed after all: that is undone first."""
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.undone.add(hospital.his.of_claim((await hospital.row(visit.id)).claim_id).invoice_id)
    desk = await refused(hospital, visit)
    await lets_go(hospital, visit, 1200)
    assert (desk.state, await hospital.waiting(desk.id)) == (S.REFUSED, [])
    if landed:
        hospital.issuer.lands(desk.id.hex)
    await retried(desk)

    assert desk.state is (S.FETCHING if landed else S.ISSUING)
    assert await all_walk(hospital, visit) == ([S.ISSUED, S.ISSUED] if landed else [S.ISSUED])
    assert (len(hospital.issuer.bills), stands(hospital)) == (2 if landed else 1, FEE_FEN - 1200)


async def test_what_was_undone_by_hand_at_the_issuer_is_billed_anew_by_a_retry(hospital: Hospital) -> None:
    """Its number is used up: the trouble says that it may have been undone by hand, and a retry must lead on."""
    visit = await booked(hospital)
    desk = await refused(hospital, visit)
    late = hospital.issuer.lands(desk.id.hex)
    red = await hospital.issuer.reverse(late.code, late.number, hospital.clock())
    await retried(desk)

    assert await all_walk(hospital, visit) == [S.ISSUED, S.ISSUED]
    first, second = await rows(hospital, visit.charge.id)
    assert (first.number, first.red_number, second.cash_fen) == (late.number, red.number, FEE_FEN)
    assert (second.reversed_at, stands(hospital)) == (None, FEE_FEN)


async def test_what_is_refused_while_it_all_goes_back_is_no_task(hospital: Hospital) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    hospital.issuer.silent("issue", landed=False)
    with pytest.raises(Unknown):
        await hospital.work(InvoiceActivities.issue)(desk.now)
    await cancelled(visit)
    await hospital.hand_time_is_up()
    hospital.issuer.refuses("issue", "invoice.E0104")
    assert await walks(desk) is S.REFUSED
    await desk.news()

    assert (desk.state, hospital.issuer.bills) == (S.VOID, {})


async def test_another_bill_under_our_number_stays_a_task_though_all_went_back(hospital: Hospital) -> None:
    visit = await booked(hospital)
    desk = await refused(hospital, visit)
    await cancelled(visit)
    hospital.issuer.lands(desk.id.hex)
    kept = hospital.issuer.bills[desk.id.hex]
    kept.wanted = kept.wanted.model_copy(update={"split": Split(cash_fen=1)})
    await desk.news()

    assert (desk.state, desk.now.trouble, await hospital.waiting(desk.id)) == (S.REFUSED, "invoice.differs", [])


async def test_a_bill_that_cannot_be_undone_waits_for_a_person(hospital: Hospital) -> None:
    visit = await booked(hospital)
    await walks(await bill(hospital, visit))
    await visit.does(Cancel)
    await visit.is_given_back()
    hospital.issuer.refuses("reverse", "invoice.E0003")
    desk = await bill(hospital, visit, 1)
    assert await walks(desk) is S.REFUSED
    assert (stands(hospital), await hospital.waiting(desk.id)) == (FEE_FEN, []), "that nothing remains undoes nothing"
    await retried(desk)

    assert desk.state is S.REVERSING
    assert await walks(desk) is S.VOID
    assert stands(hospital) == 0


async def test_a_bill_of_another_amount_under_our_number_is_a_task(hospital: Hospital) -> None:
    visit = await booked(hospital)
    desk = await bill(hospital, visit)
    await walks(desk)
    [kept] = hospital.issuer.bills.values()
    other = kept.wanted.model_copy(update={"split": Split(cash_fen=1)})
    kept.wanted = other
    again = await booked(hospital)
    hospital.issuer.bills[(await bill(hospital, again)).id.hex] = kept

    desk = await bill(hospital, again)
    assert await walks(desk) is S.REFUSED
    assert desk.now.trouble == "invoice.differs"


async def test_a_number_that_another_bill_has_is_a_task_and_calls_somebody(hospital: Hospital) -> None:
    """The issuer's books began anew, and it counts from the beginning: no bug of ours, and no bill."""
    await walks(await bill(hospital, await booked(hospital)))
    hospital.issuer.counts_from(0)
    desk = await bill(hospital, await booked(hospital))
    with capture_logs() as said:
        assert await walks(desk) is S.REFUSED
    assert desk.now.trouble == "invoice.number_twice"
    assert [one["event"] for one in said if one["log_level"] == "error"] == ["invoice.number_twice"]
    await retried(desk)
    assert (desk.state, desk.now.trouble) == (S.REFUSED, "invoice.number_twice"), "it stands there under our number"

    del hospital.issuer.bills[desk.id.hex]
    await retried(desk)
    assert await walks(desk) is S.ISSUED


async def test_a_red_number_that_another_bill_has_is_a_task_until_the_issuer_mends_it(hospital: Hospital) -> None:
    first, second = await booked(hospital), await booked(hospital)
    for visit in (first, second):
        await walks(await bill(hospital, visit))
        await cancelled(visit)
    await all_walk(hospital, first)
    hospital.issuer.counts_from(2)
    desk = await bill(hospital, second, 1)
    for _ in range(2):
        assert await walks(desk) is S.REFUSED
        assert desk.now.trouble == "invoice.number_twice"
        await retried(desk)

    [kept] = [one for one in hospital.issuer.bills.values() if one.wanted.visit_no == second.id.hex]
    assert kept.red is not None
    kept.red = kept.red.model_copy(update={"number": "0000000004"})
    assert await walks(desk) is S.VOID


@pytest.mark.parametrize("how", ["silent", "refuses"])
async def test_a_picture_that_is_not_to_be_had_holds_up_no_bill(hospital: Hospital, how: str) -> None:
    visit = await booked(hospital)
    if how == "silent":
        hospital.issuer.silent("picture", times=3)
    else:
        hospital.issuer.refuses("picture", "invoice.picture_missing")
    desk = await bill(hospital, visit)
    await desk.happens()
    assert (desk.state, (await rows(hospital, visit.charge.id))[0].number is not None) == (S.FETCHING, True)

    assert await walks(desk) is S.ISSUED
    assert (await rows(hospital, visit.charge.id))[0].file is not None


async def test_a_picture_that_is_refused_is_a_task_and_money_that_goes_back_meanwhile_is_undone_behind_it(hospital: Hospital) -> None:
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.undone.add(hospital.his.of_claim((await hospital.row(visit.id)).claim_id).invoice_id)
    for _ in range(2):
        hospital.issuer.refuses("picture", "invoice.picture_missing")
    desk = await bill(hospital, visit)
    assert await walks(desk) is S.REFUSED
    await lets_go(hospital, visit, 1200)
    assert len(await rows(hospital, visit.charge.id)) == 1
    await retried(desk)
    assert desk.state is S.FETCHING

    assert await all_walk(hospital, visit) == [S.ISSUED, S.ISSUED]
    assert stands(hospital) == FEE_FEN - 1200
